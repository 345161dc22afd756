//! The client's end of a channel: what was asked for before something starts in it, words to the person there, and an
//! orderly end.

use std::sync::Arc;

use bytes::Bytes;
use devplat_api::FailureKind;
use russh::{
    ChannelMsg, ChannelWriteHalf, Pty, Sig,
    server::{Handle, Msg},
};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Incoming;

/// Code of standard error among extended data.
const STDERR: u32 = 1;
/// Variables that one channel may set.
const VARIABLES: usize = 128;
/// Bytes of their names and values together.
const VARIABLE_BYTES: usize = 64 << 10;

/// A channel to the client.
#[derive(Debug)]
pub(crate) struct Front {
    /// What comes from the client.
    pub(crate) read: Incoming,
    /// What goes to the client. Shared, since several things may write at once.
    pub(crate) write: Arc<ChannelWriteHalf<Msg>>,
    /// The connection.
    pub(crate) handle: Handle,
    /// What overtakes data: a window that changes, a signal.
    pub(crate) controls: mpsc::UnboundedReceiver<Control>,
    /// Cancelled when the client has closed it, or the connection is gone.
    pub(crate) closed: CancellationToken,
    /// Whether something runs in it. Then the client is told of the end of its output only together with the status:
    /// OpenSSH closes a channel as soon as both ends have nothing more to say, and a status that comes later is lost.
    pub(crate) runs: bool,
}

/// Writes to the client as long as it is there.
#[derive(Debug)]
pub(crate) struct Words {
    write: Arc<ChannelWriteHalf<Msg>>,
    closed: CancellationToken,
}

/// What overtakes data.
#[derive(Debug, Clone)]
pub(crate) enum Control {
    /// The terminal has another size.
    Window(Size),
    /// A signal for what runs.
    Signal(Sig),
}

/// Size of a terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Size {
    pub(crate) columns: u32,
    pub(crate) rows: u32,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

/// A terminal as the client asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Terminal {
    pub(crate) kind: String,
    pub(crate) size: Size,
    pub(crate) modes: Vec<(Pty, u32)>,
}

/// What is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    Shell,
    Exec(Vec<u8>),
    Subsystem(String),
}

/// Everything that was asked for before something starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setup {
    pub(crate) terminal: Option<Terminal>,
    pub(crate) variables: Vec<(String, String)>,
    pub(crate) agent_forwarding: bool,
    pub(crate) start: Start,
}

/// How something ended that ran for the client.
#[derive(Debug, Clone)]
pub(crate) enum Exit {
    /// With a status.
    Status(u32),
    /// By a signal.
    Signal { signal: Sig, core_dumped: bool, message: String, language: String },
    /// Nothing is known.
    Unknown,
}

impl From<FailureKind> for Exit {
    /// Returns the status that devctl has for this kind, too.
    fn from(kind: FailureKind) -> Self {
        Self::Status(kind.status().into())
    }
}

impl Words {
    /// Sends bytes to standard output.
    pub(crate) async fn send(&self, bytes: Bytes) {
        tokio::select! {
            _ = self.write.data_bytes(bytes) => {}
            () = self.closed.cancelled() => {}
        }
    }

    /// Sends bytes to standard error.
    pub(crate) async fn send_errors(&self, bytes: Bytes) {
        tokio::select! {
            _ = self.write.extended_data_bytes(STDERR, bytes) => {}
            () = self.closed.cancelled() => {}
        }
    }
}

impl Start {
    /// For the log: what it is, without what it says.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Shell => "shell",
            Self::Exec(_) => "exec",
            Self::Subsystem(name) if name == "sftp" => "sftp",
            Self::Subsystem(_) => "subsystem",
        }
    }
}

impl Front {
    /// What the client asks for, up to what is to start. `None` where it closes the channel instead. Bytes do not come
    /// before that; if they do, they are dropped, as sshd does.
    pub(crate) async fn setup(&mut self) -> Option<Setup> {
        let (mut terminal, mut variables, mut bytes, mut agent_forwarding) = (None, Vec::new(), 0, false);
        loop {
            let message = tokio::select! {
                message = self.read.wait() => message?,
                () = self.closed.cancelled() => return None,
            };
            let start = match message {
                ChannelMsg::RequestPty {
                    term,
                    col_width,
                    row_height,
                    pix_width,
                    pix_height,
                    terminal_modes,
                    ..
                } => {
                    let size =
                        Size { columns: col_width, rows: row_height, width: pix_width, height: pix_height };
                    // Modes that the library does not know are ends of the list to it, in the midst of it.
                    let mut modes = terminal_modes;
                    modes.retain(|(mode, _)| *mode != Pty::TTY_OP_END);
                    terminal = Some(Terminal { kind: term, size, modes });
                    continue;
                }
                ChannelMsg::SetEnv { variable_name, variable_value, .. } => {
                    bytes += variable_name.len() + variable_value.len();
                    if variables.len() < VARIABLES && bytes <= VARIABLE_BYTES {
                        variables.push((variable_name, variable_value));
                    }
                    continue;
                }
                ChannelMsg::AgentForward { .. } => {
                    agent_forwarding = true;
                    continue;
                }
                ChannelMsg::RequestShell { .. } => Start::Shell,
                ChannelMsg::Exec { command, .. } => Start::Exec(command),
                ChannelMsg::RequestSubsystem { name, .. } => Start::Subsystem(name),
                ChannelMsg::Close => return None,
                _ => continue,
            };
            return Some(Setup { terminal, variables, agent_forwarding, start });
        }
    }

    /// Something that writes to the client beside this.
    pub(crate) fn words(&self) -> Words {
        Words { write: self.write.clone(), closed: self.closed.clone() }
    }

    /// Says something to the person there, on standard error.
    pub(crate) async fn say(&self, text: &str, terminal: bool) {
        let end = if terminal { "\r\n" } else { "\n" };
        self.words().send_errors(Bytes::from(format!("devplat: {text}{end}"))).await;
    }

    /// Says how it ended, and closes the channel.
    pub(crate) async fn finish(mut self, exit: Exit) {
        let id = self.write.id();
        let last = async {
            match exit {
                Exit::Status(status) => drop(self.write.exit_status(status).await),
                Exit::Signal { signal, core_dumped, message, language } => {
                    let sent = self.handle.exit_signal_request(id, signal, core_dumped, message, language);
                    let _ = sent.await;
                }
                Exit::Unknown => {}
            }
            let _ = self.write.eof().await;
            let _ = self.write.close().await;
        };
        // The connection must not wait for us to take what the client still sends, while we wait for the connection.
        let drain = async { while self.read.wait().await.is_some() {} };
        tokio::select! {
            () = last => {}
            () = async { drain.await; std::future::pending().await } => {}
            () = self.closed.cancelled() => {}
        }
    }

    /// Says why nothing runs, and closes the channel.
    pub(crate) async fn fail(self, kind: FailureKind, text: &str, terminal: bool) {
        self.say(text, terminal).await;
        self.finish(kind.into()).await;
    }
}
