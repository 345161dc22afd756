//! Starts devctl: asks the runner for it, with a terminal or pipes and with an environment of its own.

use std::{io, os::fd::AsFd, path::Path, time::Duration};

use devplat_api::FailureKind;
use tokio::{net::UnixStream, time::timeout};

use super::{
    Devctl, descriptors, handover,
    input::Input,
    protocol::{self, Request},
    runner::CONTROL,
    terminal::{self, End},
    token::Token,
};
use crate::session::{Setup, Terminal, Visit};

/// How long the runner may take to be there: it starts beside the bastion.
const RUNNER: Duration = Duration::from_secs(5);
/// Variables of the client that devctl gets.
const CLIENTS: [&str; 4] = ["LANG", "LC_ALL", "LC_CTYPE", "NO_COLOR"];

/// devctl while it runs.
pub(super) struct Running {
    pub(super) control: handover::Control,
    /// The way into it.
    pub(super) input: Input,
    /// Its standard output, or its terminal.
    pub(super) output: End,
    /// Its standard error.
    pub(super) errors: Option<End>,
}

/// Why devctl does not run, with the kind of failure that sets the exit status of the session.
pub(super) struct NoDevctl {
    pub(super) kind: FailureKind,
    /// What to tell the person.
    pub(super) why: String,
}

impl NoDevctl {
    fn not_set_up() -> Self {
        Self { kind: FailureKind::Internal, why: "devctl is not set up on this bastion".to_owned() }
    }
}

/// Starts devctl for whoever `visit` is. Gives the connection to the runner as well, whose end is a hangup for devctl;
/// or what to tell the person.
pub(super) async fn begin(
    visit: &Visit,
    setup: &Setup,
    arguments: Vec<String>,
) -> Result<(UnixStream, Running), NoDevctl> {
    let devctl = visit.door().devctl.as_ref().ok_or_else(NoDevctl::not_set_up)?;
    let token = token(visit).await?;
    let variables = variables(visit, devctl, token.reveal(), setup);
    let request = Request { arguments, variables, terminal: setup.terminal.is_some() };
    start(&devctl.runner, request, setup.terminal.as_ref()).await.map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "cannot run devctl");
        NoDevctl { kind: FailureKind::NotReady, why: "devctl cannot be started right now".to_owned() }
    })
}

/// A token for whoever `visit` is, good for some minutes at least; or what to tell the person.
pub(super) async fn token(visit: &Visit) -> Result<Token, NoDevctl> {
    let devctl = visit.door().devctl.as_ref().ok_or_else(NoDevctl::not_set_up)?;
    let token = devctl.tokens.token(visit.identity().slug(), visit.identity().uid()).await;
    token.map_err(|error| {
        let user = visit.user();
        tracing::warn!(user, error = &error as &dyn std::error::Error, "no token for devctl");
        NoDevctl { kind: FailureKind::NotReady, why: error.to_string() }
    })
}

async fn start(
    runner: &Path,
    request: Request,
    terminal: Option<&Terminal>,
) -> io::Result<(UnixStream, Running)> {
    let mut stream = timeout(RUNNER, connect(runner)).await.map_err(|_| io::ErrorKind::TimedOut)??;
    let (control, devctls) = std::os::unix::net::UnixStream::pair()?;
    control.set_nonblocking(true)?;
    let control = handover::Control::new(UnixStream::from_std(control)?);
    let (input, output, errors, mut theirs) = match terminal {
        Some(terminal) => {
            let (end, slave) = terminal::terminal(terminal.size)?;
            (None, end, None::<End>, vec![slave])
        }
        None => {
            let (input, reader) = terminal::to_devctl()?;
            let (output, writer) = terminal::from_devctl()?;
            let (errors, other) = terminal::from_devctl()?;
            (Some(input), output, Some(errors), vec![reader, writer, other])
        }
    };
    theirs.push(devctls.into());
    protocol::send(&mut stream, &request).await?;
    let borrowed: Vec<_> = theirs.iter().map(AsFd::as_fd).collect();
    descriptors::send(&stream, &borrowed).await?;
    Ok((stream, Running { control, input: Input::new(input), output, errors }))
}

async fn connect(runner: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(runner).await {
            Err(error)
                if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) =>
            {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            other => return other,
        }
    }
}

fn variables(visit: &Visit, devctl: &Devctl, token: &str, setup: &Setup) -> Vec<(String, String)> {
    let slug = visit.identity().slug();
    let own = [
        ("DEVCTL_BASTION", "1"),
        ("DEVCTL_SERVER", &devctl.server),
        ("DEVCTL_CA_FILE", &devctl.ca_file.to_string_lossy()),
        ("DEVCTL_TOKEN", token),
        ("DEVCTL_USER", visit.user()),
        ("DEVCTL_NAMESPACE", &slug.namespace()),
        ("DEVCTL_CONTROL_FD", &CONTROL.to_string()),
        ("HOME", "/nonexistent"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let host = devctl.host.iter().map(|host| ("DEVCTL_HOST".to_owned(), host.clone()));
    let platform = devctl.platform.iter().map(|name| ("DEVCTL_PLATFORM".to_owned(), name.clone()));
    let kind = setup.terminal.as_ref().map(|terminal| ("TERM".to_owned(), terminal.kind.clone()));
    let clients = setup.variables.iter().filter(|(name, _)| CLIENTS.contains(&name.as_str())).cloned();
    let sound = |(name, value): &(String, String)| !name.contains('\0') && !value.contains('\0');
    clients.chain(kind).chain(host).chain(platform).chain(own).filter(sound).collect()
}
