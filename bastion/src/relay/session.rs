//! A shell, a command or a subsystem in a dev server.

use std::{net::SocketAddr, sync::Arc};

use devplat_api::FailureKind;
use russh::{Channel, client};

use super::{
    NoServer, Relay,
    pump::{Ended, Flow, pump},
    wait,
    wish::Open,
};
use crate::session::{Exit, Front, Setup, Start, Terminal};

/// Status of what ended because the connection did, as ssh itself has it.
const LOST: u32 = 255;

/// Runs what the client asks for in this channel.
pub(crate) async fn run(relay: Arc<Relay>, mut front: Front) {
    let Some(mut setup) = front.setup().await else { return };
    if !relay.visit.identity().permissions().pty {
        setup.terminal = None;
    }
    let log = relay.visit.channel(front.write.id(), setup.start.kind(), &relay.target.to_string());
    let (exit, why) = attach(&relay, &mut front, setup, &log.flow).await;
    let status = if let Exit::Status(status) = exit { Some(status) } else { None };
    log.end(status, why);
    front.finish(exit).await;
}

/// Runs it, and leaves the client's channel open. Says to the client what went wrong.
pub(crate) async fn attach(
    relay: &Relay,
    front: &mut Front,
    mut setup: Setup,
    flow: &Flow,
) -> (Exit, &'static str) {
    let terminal = setup.terminal.is_some();
    let found = if terminal {
        wait::watched(relay, front, &mut setup).await
    } else {
        tokio::select! {
            found = wait::silently(relay) => found,
            () = front.closed.cancelled() => return (Exit::Unknown, "client gone"),
        }
    };
    let address = match found {
        Ok(address) => address,
        Err(NoServer { kind, why }) => {
            front.say(&why, terminal).await;
            return (kind.into(), "no dev server");
        }
    };
    let opened = tokio::select! {
        opened = relay.ask(address, &Open::Session) => opened,
        () = front.closed.cancelled() => return (Exit::Unknown, "client gone"),
    };
    let (agent, channel) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            front.say(&error.to_string(), terminal).await;
            return (Exit::Status(LOST), "dev server not reached");
        }
    };
    let allowed = setup.agent_forwarding && relay.visit.identity().permissions().agent_forwarding;
    agent.back.allow_agent_forwarding(allowed);
    if begin(&channel, &setup, allowed).await.is_err() {
        return (lost(relay, front, address, terminal).await, Ended::AgentGone.why());
    }
    let ended = pump(front, channel, flow).await;
    let why = ended.why();
    match ended {
        Ended::Closed(exit) => {
            let killed = matches!(exit, Exit::Signal { signal: _, core_dumped: _, message: _, language: _ });
            if killed && let Some(reason) = wait::is_gone(relay, address).await {
                say_lost(relay, front, &reason, terminal).await;
            } else {
                relay.keep(address, agent);
            }
            (exit, why)
        }
        Ended::NotStarted => {
            front.say(&refused(&setup.start), terminal).await;
            (FailureKind::Usage.into(), why)
        }
        Ended::ClientGone => (Exit::Unknown, why),
        Ended::AgentGone => (lost(relay, front, address, terminal).await, why),
    }
}

/// Asks the agent for what the client asked for.
async fn begin(channel: &Channel<client::Msg>, setup: &Setup, agent: bool) -> Result<(), russh::Error> {
    if let Some(Terminal { kind, size, modes }) = &setup.terminal {
        channel.request_pty(false, kind, size.columns, size.rows, size.width, size.height, modes).await?;
    }
    for (name, value) in &setup.variables {
        channel.set_env(false, name, value).await?;
    }
    if agent {
        channel.agent_forward(false).await?;
    }
    match &setup.start {
        Start::Shell => channel.request_shell(true).await,
        Start::Exec(command) => channel.exec(true, command.clone()).await,
        Start::Subsystem(name) => channel.request_subsystem(true, name.clone()).await,
    }
}

async fn lost(relay: &Relay, front: &Front, address: SocketAddr, terminal: bool) -> Exit {
    let why = wait::what_happened(relay, address).await;
    say_lost(relay, front, &why, terminal).await;
    Exit::Status(LOST)
}

async fn say_lost(relay: &Relay, front: &Front, why: &str, terminal: bool) {
    front.say(&format!("connection to {:?} lost: {why}", relay.target.server), terminal).await;
}

fn refused(start: &Start) -> String {
    match start {
        Start::Shell => "the dev server starts no shell".to_owned(),
        Start::Exec(_) => "the dev server does not run the command".to_owned(),
        Start::Subsystem(name) => format!("the dev server has no subsystem {name:?}"),
    }
}
