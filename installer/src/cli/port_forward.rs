//! `devplat port-forward`: a port of this machine that leads to the bastion through the API server, for clusters that
//! offer no other way. Each connection gets a replica of its own.

use std::{ffi::OsString, sync::Arc};

use clap::Args;
use devplat_kubernetes::door::Door;
use tokio::net::{TcpListener, TcpStream};

use super::{Global, settings};
use crate::{
    failure::{Exit, Failure},
    process::Command,
    resource::FORWARDED_PORT,
    ui::Ui,
};

/// Which port, and for how long.
#[derive(Debug, Args)]
pub(super) struct PortForward {
    /// Port of this machine; the written ssh configuration expects this one
    #[arg(long, default_value_t = FORWARDED_PORT)]
    port: u16,
    /// A command to run meanwhile, such as ssh; without one, the port stays until Ctrl-C
    #[arg(last = true)]
    command: Vec<OsString>,
}

pub(super) async fn run(global: &Global, forward: &PortForward, ui: &Ui) -> Result<(), Failure> {
    let PortForward { port, command } = forward;
    let world = settings::standing(global)?;
    let client = world.client().await?;
    let listener = TcpListener::bind(("127.0.0.1", *port)).await.map_err(|error| {
        Failure::of(Exit::Missing, &error)
            .while_doing(format!("cannot listen on 127.0.0.1:{port}"))
            .hint("end what listens there (`ss -ltnp` names it), or name another port with --port")
    })?;
    let ui = Arc::new(ui.clone());
    let served = serve(listener, client, Arc::clone(&ui));
    let Some((program, args)) = command.split_first() else {
        ui.remark(&format!(
            "127.0.0.1:{port} leads to the bastion of platform {}; Ctrl-C ends it",
            world.platform
        ));
        tokio::select! {
            () = served => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        return Ok(());
    };
    let status = tokio::select! {
        () = served => return Ok(()),
        status = Command::new(&program.to_string_lossy()).args(args).on_this_terminal() => status,
    };
    match status {
        Ok(0) => Ok(()),
        Ok(status) => {
            Err(Failure::new(Exit::PartWay, format!("{} ended with status {status}", program.display())))
        }
        Err(error) => Err(Failure::of(Exit::Missing, &error)),
    }
}

async fn serve(listener: TcpListener, client: kube::Client, ui: Arc<Ui>) {
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
    let mut bastion =
        Door::PortForward.connect(client).await.map_err(|error| Failure::of(Exit::PartWay, &error))?;
    // Whichever end goes first, the other is told by the end of its stream.
    let _ = tokio::io::copy_bidirectional(&mut stream, &mut bastion).await;
    Ok(())
}
