//! From a client's session to one dev server. Each channel has a connection to the agent of its own, since a channel
//! that nobody drains holds up its whole connection; connections that are done are used again.

mod back;
mod dial;
mod dialer;
mod direct;
mod forward;
mod host;
mod jump;
mod pump;
mod session;
mod wait;
mod wish;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use devplat_api::FailureKind;
use russh::server::Handle;
use tokio::task::JoinHandle;

use back::Back;
use dial::Agent;
pub(crate) use dial::DialError;
pub use dial::Target;
pub use dialer::Dialer;
pub(crate) use direct::{tcpip, unix};
pub(crate) use forward::Forwards;
pub(crate) use jump::jump;
pub(crate) use pump::Flow;
pub(crate) use session::{attach, run};
use wish::Wish;

use crate::{audit::Event, session::Visit};

/// Connections that are kept for the next channel.
const IDLE: usize = 2;

/// The way of one client to one dev server.
#[derive(Debug)]
pub(crate) struct Relay {
    visit: Arc<Visit>,
    handle: Handle,
    target: Target,
    idle: Mutex<Vec<Kept>>,
    /// The connection that was begun before anybody asked for it.
    warm: tokio::sync::Mutex<Option<JoinHandle<Option<Kept>>>>,
    pub(crate) forwards: Forwards,
}

/// A connection that is done, and where it leads.
struct Kept {
    address: SocketAddr,
    agent: Agent,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kept").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Why a session has no dev server, with the kind of failure that sets its exit status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub(crate) struct NoServer {
    pub(crate) kind: FailureKind,
    pub(crate) why: String,
}

impl NoServer {
    fn not_ready(why: impl Into<String>) -> Self {
        Self { kind: FailureKind::NotReady, why: why.into() }
    }

    fn absent(why: String) -> Self {
        Self { kind: FailureKind::Absent, why }
    }
}

/// Why a channel has no end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoWay {
    /// It isn't there.
    #[error(transparent)]
    NotThere(NoServer),
    /// No connection.
    #[error("cannot reach {0:?}: {1}")]
    Dial(String, #[source] DialError),
    /// The agent does not want to.
    #[error("{0:?} opens no channel")]
    Channel(String, #[source] russh::Error),
}

impl Relay {
    /// To `server` of whoever `visit` is.
    pub(crate) fn new(visit: Arc<Visit>, handle: Handle, server: String) -> Arc<Self> {
        let identity = visit.identity();
        let target = Target {
            user: identity.login().user().to_owned(),
            namespace: identity.slug().namespace(),
            server,
        };
        Arc::new(Self {
            visit,
            handle,
            target,
            idle: Mutex::default(),
            warm: tokio::sync::Mutex::default(),
            forwards: Forwards::default(),
        })
    }

    /// The dev server.
    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Whose it is.
    pub(crate) fn visit(&self) -> &Arc<Visit> {
        &self.visit
    }

    /// A connection to the agent at `address`, and whether it is a used one, which may turn out to be dead.
    async fn agent(&self, address: SocketAddr) -> Result<(Agent, bool), DialError> {
        let warm = self.warm.lock().await.take();
        if let Some(warm) = warm
            && let Ok(Some(kept)) = warm.await
            && kept.address == address
            && !kept.agent.handle.is_closed()
        {
            return Ok((kept.agent, true));
        }
        while let Some(kept) = self.idle().pop() {
            if kept.address == address && !kept.agent.handle.is_closed() {
                return Ok((kept.agent, true));
            }
        }
        self.dial(address).await.map(|agent| (agent, false))
    }

    /// Asks for `wish` on a connection to the agent at `address`.
    async fn ask<W: Wish>(&self, address: SocketAddr, wish: &W) -> Result<(Agent, W::Granted), NoWay> {
        let name = || self.target.server.clone();
        loop {
            let (agent, used) = self.agent(address).await.map_err(|error| NoWay::Dial(name(), error))?;
            match wish.ask(&agent).await {
                Ok(granted) => return Ok((agent, granted)),
                Err(russh::Error::ChannelOpenFailure(reason)) => {
                    // The connection is fine; it is the channel that the agent does not want.
                    self.keep(address, agent);
                    return Err(NoWay::Channel(name(), russh::Error::ChannelOpenFailure(reason)));
                }
                Err(_) if used => {}
                Err(error) => return Err(NoWay::Channel(name(), error)),
            }
        }
    }

    /// Keeps a connection whose channel was closed by both ends.
    fn keep(&self, address: SocketAddr, agent: Agent) {
        agent.back.allow_agent_forwarding(false);
        let mut idle = self.idle();
        if idle.len() < IDLE && !agent.handle.is_closed() {
            idle.push(Kept { address, agent });
        }
    }

    async fn dial(&self, address: SocketAddr) -> Result<Agent, DialError> {
        let door = self.visit.door();
        let back = Back::new(self.visit.clone(), self.handle.clone());
        let dialed = door.dialer.dial(&self.target, address, back, &door.metrics).await;
        if let Err(DialError::WrongHost(address, why)) = &dialed {
            let target = self.target.to_string();
            tracing::error!(%target, %address, %why, "a dev server's address leads elsewhere");
            door.audit.note(Event::WrongHost {
                connection: self.visit.number(),
                user: self.target.user.clone(),
                target,
                address: *address,
                why: why.to_string(),
            });
        }
        dialed
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Kept>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.server)
    }
}
