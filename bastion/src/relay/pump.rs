//! Bytes and messages between a client's channel and an agent's. Both directions go on by themselves: one that waits for
//! its reader never holds up the other, and bytes are handed on as they came, not copied.

use std::sync::atomic::{AtomicU64, Ordering};

use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf, client};
use tokio::{
    sync::mpsc::UnboundedReceiver,
    time::{Duration, timeout},
};

use crate::session::{Control, Exit, Front, Incoming};

/// How long to try to tell an agent that the client is gone. Its connection is ended after that anyway.
const FAREWELL: Duration = Duration::from_secs(1);

/// Bytes that went over.
#[derive(Debug, Default)]
pub(crate) struct Flow {
    up: AtomicU64,
    down: AtomicU64,
}

impl Flow {
    /// From the client.
    pub(crate) fn add_up(&self, bytes: usize) {
        self.up.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// To the client.
    pub(crate) fn add_down(&self, bytes: usize) {
        self.down.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Up and down so far.
    pub(crate) fn so_far(&self) -> (u64, u64) {
        (self.up.load(Ordering::Relaxed), self.down.load(Ordering::Relaxed))
    }
}

/// How a channel ended.
#[derive(Debug, Clone)]
pub(crate) enum Ended {
    /// The agent closed it.
    Closed(Exit),
    /// The agent did not start what was asked for.
    NotStarted,
    /// The client closed it, or went away.
    ClientGone,
    /// The agent went away.
    AgentGone,
}

impl Ended {
    /// For the log.
    pub(crate) fn why(&self) -> &'static str {
        match self {
            Self::Closed(_) => "closed",
            Self::NotStarted => "not started",
            Self::ClientGone => "client gone",
            Self::AgentGone => "dev server gone",
        }
    }
}

/// Goes on until one end closes. Afterwards the client's channel is as it was, so that something else can go on in it.
pub(crate) async fn pump(front: &mut Front, agent: Channel<client::Msg>, flow: &Flow) -> Ended {
    let (mut from_agent, to_agent) = agent.split();
    let Front { read, write, controls, closed, runs, .. } = front;
    let ended = tokio::select! {
        () = up(read, &to_agent, flow) => Ended::ClientGone,
        ended = down(&mut from_agent, write, flow, *runs) => ended,
        () = overtake(controls, &to_agent) => Ended::ClientGone,
        () = closed.cancelled() => Ended::ClientGone,
    };
    // What the agent closed, the library has closed at this end as well.
    if matches!(ended, Ended::ClientGone | Ended::NotStarted) {
        let _ = timeout(FAREWELL, to_agent.close()).await;
    }
    ended
}

/// From the client to the agent, until the client closes.
async fn up(read: &mut Incoming, agent: &ChannelWriteHalf<client::Msg>, flow: &Flow) {
    while let Some(message) = read.wait().await {
        match message {
            ChannelMsg::Data { data } => {
                // Where the agent takes nothing more, what the client still sends is dropped; it has to be taken, or the
                // client's other channels would wait.
                flow.add_up(data.len());
                let _ = agent.data_bytes(data).await;
            }
            ChannelMsg::Eof => drop(agent.eof().await),
            ChannelMsg::Close => return,
            _ => {}
        }
    }
}

/// From the agent to the client, until the agent closes.
async fn down(
    read: &mut ChannelReadHalf,
    client: &ChannelWriteHalf<russh::server::Msg>,
    flow: &Flow,
    runs: bool,
) -> Ended {
    let mut exit = Exit::Unknown;
    while let Some(message) = read.wait().await {
        let sent = match message {
            ChannelMsg::Data { data } => {
                flow.add_down(data.len());
                client.data_bytes(data).await
            }
            ChannelMsg::ExtendedData { data, ext } => {
                flow.add_down(data.len());
                client.extended_data_bytes(ext, data).await
            }
            ChannelMsg::Eof if runs => Ok(()),
            ChannelMsg::Eof => client.eof().await,
            ChannelMsg::ExitStatus { exit_status } => {
                exit = Exit::Status(exit_status);
                Ok(())
            }
            ChannelMsg::ExitSignal { signal_name, core_dumped, error_message, lang_tag } => {
                exit = Exit::Signal {
                    signal: signal_name,
                    core_dumped,
                    message: error_message,
                    language: lang_tag,
                };
                Ok(())
            }
            ChannelMsg::Failure => return Ended::NotStarted,
            ChannelMsg::Close => return Ended::Closed(exit),
            _ => Ok(()),
        };
        if sent.is_err() {
            return Ended::ClientGone;
        }
    }
    Ended::AgentGone
}

/// What the client says that does not wait behind its bytes. Goes on as long as the channel does.
async fn overtake(controls: &mut UnboundedReceiver<Control>, agent: &ChannelWriteHalf<client::Msg>) {
    while let Some(control) = controls.recv().await {
        let sent = match control {
            Control::Window(size) => {
                agent.window_change(size.columns, size.rows, size.width, size.height).await
            }
            Control::Signal(signal) => agent.signal(signal).await,
        };
        if sent.is_err() {
            break;
        }
    }
    std::future::pending::<()>().await;
}
