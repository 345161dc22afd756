//! `devplat port-forward`: forwards a port of this machine to the bastion through the API server, for clusters that
//! offer no other way. Each connection goes to one replica.

use std::{ffi::OsString, io, net::SocketAddr, sync::Arc};

use clap::Args;
use devplat_api::BastionHost;
use devplat_kubernetes::{
    Steady,
    bastion::{self, Route},
};
use devplat_profile::PlatformName;
use devplat_tool::{
    Command,
    ports::{self, Port},
};
use tokio::net::{TcpListener, TcpStream};

use super::flags::{ContextFlag, NameFlag, OutputArgs};
use crate::{
    failure::{Exit, Failure},
    host::Host,
    platform_context::PlatformContext,
    request::{Asked, Purpose, Run},
    resource::{reach_cluster, written_host},
    signals,
    ui::{Event, Ui},
};

const EXAMPLES: &str = "\
Examples:
  devplat port-forward                          until Ctrl-C
  devplat port-forward -- ssh -F ~/.local/state/devplat/devplat/ssh/config alice@devplat

The ssh configuration of the platform leads to this port only if the bastion has no other address.
Platforms of kind and k3d have one, so there `ssh` needs no forward; add `-p PORT` to use it anyway.
With a command, the exit status is that of the command, 128 plus the number of the signal that
ended it, or 127 if there is no such program. Failures of devplat itself begin with `error:`. With
--output json, the event `listening` has the address.";

/// Forward a port of this machine to the bastion, for clusters that offer no other way.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PortForward {
    #[command(flatten)]
    pub(super) name: NameFlag,
    #[command(flatten)]
    context: ContextFlag,
    /// Port of this machine; if missing, that of the platform's ssh configuration: 2222, or one from
    /// 22000 to 22999 that depends on --name
    #[arg(long, value_parser = a_port)]
    port: Option<u16>,
    #[command(flatten)]
    pub(super) output: OutputArgs,
    /// A command to run meanwhile, such as ssh; without one, the port stays until Ctrl-C
    #[arg(last = true)]
    command: Vec<OsString>,
}

fn a_port(text: &str) -> Result<u16, String> {
    let port = text.parse::<u16>().ok().filter(|port| *port > 0);
    port.ok_or_else(|| format!("{text:?} is not a port, which is a number from 1 to 65535"))
}

/// Returns the exit status of the command; 0 without one.
pub(super) async fn run(forward: &PortForward, host: &Host) -> Result<u8, Failure> {
    let PortForward { name, context, port, output: _, command } = forward;
    let asked = Asked { name: name.get(), context: context.context.clone(), ..Asked::default() };
    let reaching = async {
        let located = Run::begin(&asked, host, Purpose::Look)?.locate().await?;
        reach_cluster(&located.context).await?;
        let client = located.context.client().await?;
        Ok((located, client))
    };
    let (located, client) = host.or_stopped(Box::pin(reaching)).await?;
    let context = &located.context;
    let port = match port {
        Some(port) => *port,
        None => located.forwarded_port()?,
    };
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let elsewhere = leads_elsewhere(written_host(&context.state)?, address, command);
    let listener = TcpListener::bind(address).await;
    let listener = listener.map_err(|error| cannot_listen(address, &error, ports::check(address)))?;
    host.or_stopped(Box::pin(must_be_installed(&client, context))).await?;
    // People who gave a command get only its own output.
    if host.ui.is_json() || command.is_empty() {
        host.ui.report(&Event::Listening { name: context.platform.to_string(), address });
    }
    if let Some(elsewhere) = elsewhere {
        host.ui.remark(&elsewhere);
    }
    let served = serve(listener, client, host.ui.clone());
    let Some((program, args)) = command.split_first() else {
        tokio::select! {
            () = served => {}
            () = host.stop.until_asked() => {}
        }
        return Ok(0);
    };
    let program = program.to_string_lossy();
    if host.surroundings.program(&program).is_none() {
        report_absence(&program, &host.ui);
        return Ok(NO_PROGRAM);
    }
    let command = Command::new(&program, &host.surroundings).args(args);
    let mut ended = signals::EndSignals::listen()?;
    let status = tokio::select! {
        () = served => return Ok(0),
        status = command.on_this_terminal(ended.recv()) => status?,
    };
    // The kernel keeps 8 bits of a status, so a larger number would be a fault of the conversion.
    Ok(u8::try_from(status).unwrap_or(u8::MAX))
}

/// The exit status of a shell for a program that it does not find.
const NO_PROGRAM: u8 = 127;

/// Reports that there is no such program, with the exit status that a shell has for it.
fn report_absence(program: &str, ui: &Ui) {
    let failure = no_program(program);
    if !ui.is_json() {
        return ui.error(&failure);
    }
    let Failure { exit: _, message, causes, hints, cause: _ } = failure;
    ui.report(&Event::Error { message, causes, hints, exit: NO_PROGRAM });
}

fn no_program(program: &str) -> Failure {
    let why = if program.contains('/') {
        format!("there is no program {program}")
    } else {
        format!("program {program} was not found in the folders of PATH")
    };
    Failure::new(Exit::Missing, why).hint("check its name, or name its path")
}

/// Returns the remark that `ssh` with the written configuration does not use the forward, because it leads to `written`;
/// `None` if it does, or if the command has options of `ssh` that lead to the forward.
fn leads_elsewhere(
    written: Option<BastionHost>,
    address: SocketAddr,
    command: &[OsString],
) -> Option<String> {
    let written = written?;
    let here = written.name == address.ip().to_string();
    let port = address.port().to_string();
    let is_named =
        |word: &OsString| named_ports(&word.to_string_lossy()).any(|named| named == address.port());
    if command.iter().any(is_named) || (here && written.port == address.port()) {
        return None;
    }
    let host = if here { String::new() } else { format!("-o HostName={} ", address.ip()) };
    Some(format!(
        "the ssh configuration of the platform leads to the bastion at {written}, not through this forward; to use the \
         forward, add to `ssh`: {host}-p {port}"
    ))
}

/// Returns the ports that a word of a command names in the ways of `ssh`: `-p 2222`, `-p2222`, `-oPort=2222`,
/// `ssh://alice@host:2222`. A word may be a whole command line, as after `sh -c`.
fn named_ports(word: &str) -> impl Iterator<Item = u16> {
    word.split(|c: char| c.is_whitespace() || "'\"".contains(c)).filter_map(|part| {
        let part = part.to_ascii_lowercase();
        let number = if let Some((_, host)) = part.split_once("://") {
            host.split('/').next()?.rsplit_once(':')?.1
        } else if let Some((key, value)) = part.split_once('=') {
            if !matches!(key, "port" | "-oport") {
                return None;
            }
            value
        } else {
            part.strip_prefix("-p").unwrap_or(&part)
        };
        number.parse().ok()
    })
}

/// Fails if the cluster has no bastion. A ready replica is not needed: each connection looks for one.
async fn must_be_installed(client: &kube::Client, context: &PlatformContext) -> Result<(), Failure> {
    match bastion::is_installed(client).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(not_installed(&context.platform, &context.command("up"))),
        // An account that may only forward ports may not read Deployments; the first connection reports other failures.
        Err(error) => {
            tracing::debug!(%error, "cannot read the Deployment of the bastion");
            Ok(())
        }
    }
}

fn not_installed(platform: &PlatformName, up: &str) -> Failure {
    let why = format!("the bastion of platform {platform} is not installed in its cluster");
    Failure::new(Exit::Usage, why).hint(format!("`{up}` installs it"))
}

/// Returns the failure to listen on a port that is in this state.
fn cannot_listen(address: SocketAddr, error: &io::Error, state: Port) -> Failure {
    let failure = |why: String| Failure::new(Exit::Missing, format!("cannot listen on {address}: {why}"));
    match state {
        Port::InUse { holder } => {
            let by = holder.map(|holder| format!(" by {holder}")).unwrap_or_default();
            failure(format!("the port is taken{by}")).hint(
                "stop the process that listens there (`ss -ltnp` lists it), or name another port with --port",
            )
        }
        Port::NotPermitted => failure("this user may not listen on a port that low".to_owned())
            .hint("name a port from 1024 on with --port")
            .hint(format!(
                "or allow it: `sudo sysctl net.ipv4.ip_unprivileged_port_start={}`",
                address.port()
            )),
        // The port may have become free in between.
        Port::Free | Port::NotAnAddressHere { .. } | Port::Refused(_) => {
            failure(error.to_string()).hint("run the same command again, or name another port with --port")
        }
    }
}

async fn serve(listener: TcpListener, client: kube::Client, ui: Ui) {
    let ui = Arc::new(ui);
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (client, ui) = (client.clone(), Arc::clone(&ui));
        tokio::spawn(async move {
            if let Err(failure) = relay(stream, &client).await {
                ui.remark(&format!("a connection to the bastion failed: {}", failure.one_line()));
            }
        });
    }
}

async fn relay(mut stream: TcpStream, client: &kube::Client) -> Result<(), Failure> {
    let mut bastion = Route::PortForward.connect(client, &Steady).await?;
    // If one end closes, the other end gets the end of its stream.
    let _ = tokio::io::copy_bidirectional(&mut stream, &mut bastion).await;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forward_that_the_ssh_configuration_does_not_use_is_remarked() {
        let command: Vec<OsString> = ["ssh", "-F", "config", "alice@devplat"].map(OsString::from).to_vec();
        let of = |written: Option<&str>, more: &[&str]| {
            let address = SocketAddr::from(([127, 0, 0, 1], 2222));
            let command: Vec<OsString> =
                command.iter().cloned().chain(more.iter().map(OsString::from)).collect();
            leads_elsewhere(written.map(|host| host.parse().unwrap()), address, &command)
        };
        assert_eq!((of(None, &[]), of(Some("127.0.0.1:2222"), &[])), (None, None));
        let published = of(Some("127.0.0.1:41022"), &[]).unwrap();
        assert!(published.contains("at 127.0.0.1:41022, not through this forward"), "{published}");
        assert!(published.ends_with("add to `ssh`: -p 2222"), "{published}");
        let named = of(Some("dev.example.com"), &[]).unwrap();
        assert!(named.ends_with("add to `ssh`: -o HostName=127.0.0.1 -p 2222"), "{named}");
        let in_a_shell = ["sh", "-c", "ssh -p 2222 'alice@devplat'"];
        for given in [
            &["-p", "2222"][..],
            &["-p2222"],
            &["-oPort=2222"],
            &["-o", "Port 2222"],
            &["ssh://alice@127.0.0.1:2222/"],
            &in_a_shell,
        ] {
            assert_eq!(of(Some("127.0.0.1:41022"), given), None, "{given:?}");
        }
        // The digits of the port, but another number or no port.
        for given in [&["-p", "12222"][..], &["-L12222:localhost:80"], &["build2222"], &["-oUser=2222"]] {
            assert!(of(Some("127.0.0.1:41022"), given).is_some(), "{given:?}");
        }
    }

    #[test]
    fn missing_command_is_named_without_every_folder_of_path() {
        let message = no_program("nosuchcommand").message;
        assert_eq!(message, "program nosuchcommand was not found in the folders of PATH");
        assert_eq!(no_program("./nosuch").message, "there is no program ./nosuch");
    }

    #[test]
    fn only_a_taken_port_is_blamed_on_another_process() {
        let address = SocketAddr::from(([127, 0, 0, 1], 22));
        let of = |kind: io::ErrorKind, state: Port| cannot_listen(address, &kind.into(), state);
        let taken = of(io::ErrorKind::AddrInUse, Port::InUse { holder: Some("sshd (process 7)".to_owned()) });
        assert_eq!(taken.message, "cannot listen on 127.0.0.1:22: the port is taken by sshd (process 7)");
        assert!(taken.hints[0].contains("ss -ltnp"), "{taken:?}");
        let low = of(io::ErrorKind::PermissionDenied, Port::NotPermitted);
        assert_eq!(low.message, "cannot listen on 127.0.0.1:22: this user may not listen on a port that low");
        assert!(low.hints[1].contains("ip_unprivileged_port_start=22"), "{low:?}");
        let other = of(io::ErrorKind::OutOfMemory, Port::Refused(io::ErrorKind::OutOfMemory));
        assert!(other.message.contains("out of memory"), "{other:?}");
        for failure in [&low, &other] {
            assert!(!failure.hints.concat().contains("stop the process"), "{failure:?}");
            assert_eq!(failure.exit, Exit::Missing);
        }
    }
}
