//! What is asked of an agent on a fresh connection.

use std::future::Future;

use russh::{Channel, client};

use super::dial::Agent;

/// Something to ask for.
pub(super) trait Wish: Sync {
    /// What is had then.
    type Granted: Send;

    /// Asks for it.
    fn ask(&self, agent: &Agent) -> impl Future<Output = Result<Self::Granted, russh::Error>> + Send;
}

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Open {
    /// For a shell, a command or a subsystem.
    Session,
    /// To a port, with where the one who connects comes from.
    Tcp { host: String, port: u32, from: String, from_port: u32 },
    /// To a socket.
    Unix(String),
}

/// A place in the dev server that leads back to the client.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// An address and a port; port 0 is any.
    Port(String, u32),
    /// A socket.
    Socket(String),
}

impl Wish for Open {
    type Granted = Channel<client::Msg>;

    async fn ask(&self, agent: &Agent) -> Result<Self::Granted, russh::Error> {
        let handle = &agent.handle;
        match self {
            Self::Session => handle.channel_open_session().await,
            Self::Tcp { host, port, from, from_port } => {
                handle.channel_open_direct_tcpip(host, *port, from, *from_port).await
            }
            Self::Unix(path) => handle.channel_open_direct_streamlocal(path).await,
        }
    }
}

impl Wish for Place {
    /// The port, where it is one.
    type Granted = Option<u32>;

    async fn ask(&self, agent: &Agent) -> Result<Self::Granted, russh::Error> {
        agent.back.allow_ports();
        match self {
            Self::Port(address, port) => {
                let given = agent.handle.tcpip_forward(address, *port).await?;
                Ok(Some(if *port == 0 { given } else { *port }))
            }
            Self::Socket(path) => agent.handle.streamlocal_forward(path).await.map(|()| None),
        }
    }
}

impl Place {
    /// Asks for the end of it.
    pub(super) async fn cancel(&self, agent: &Agent) -> Result<(), russh::Error> {
        match self {
            Self::Port(address, port) => agent.handle.cancel_tcpip_forward(address, *port).await,
            Self::Socket(path) => agent.handle.cancel_streamlocal_forward(path).await,
        }
    }
}
