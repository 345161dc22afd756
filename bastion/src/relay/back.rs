//! The agent's end of a connection: it is checked to be the right one, and channels that it opens (somebody connected to
//! a forwarded port, or asks for the client's keys) go to the client.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use devplat_keys::PublicKey;
use russh::{
    Channel, ChannelOpenFailure,
    client::{self, ChannelOpenHandle, DisconnectReason, Session},
    keys::PublicKeyOrCertificate,
    server::{self, Handle},
};
use tokio::time::timeout;

use super::{
    host::{WrongHost, check},
    pump::{self, Ended},
};
use crate::{door::now, session::Visit};

/// How long a client may take to say whether it takes a channel: it may ask somebody.
const CONFIRM: Duration = Duration::from_mins(1);

/// Where channels go that an agent opens.
#[derive(Debug)]
pub(crate) struct Back {
    visit: Arc<Visit>,
    handle: Handle,
    agent_forwarding: AtomicBool,
    ports: AtomicBool,
}

/// What was found wrong with the host, if anything.
#[derive(Debug, Clone, Default)]
pub(crate) struct Verdict(Arc<Mutex<Option<WrongHost>>>);

/// Hears what the agent says.
pub(crate) struct AgentSide {
    authority: Arc<PublicKey>,
    name: String,
    verdict: Verdict,
    back: Arc<Back>,
}

impl Verdict {
    pub(super) fn take(&self) -> Option<WrongHost> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Back {
    /// To the client of `visit`. Nothing is let through before it is allowed.
    pub(crate) fn new(visit: Arc<Visit>, handle: Handle) -> Arc<Self> {
        Arc::new(Self { visit, handle, agent_forwarding: false.into(), ports: false.into() })
    }

    /// Whether the agent may ask for the client's keys.
    pub(crate) fn allow_agent_forwarding(&self, allowed: bool) {
        self.agent_forwarding.store(allowed, Ordering::Relaxed);
    }

    /// From now on it may tell of connections to forwarded ports.
    pub(crate) fn allow_ports(&self) {
        self.ports.store(true, Ordering::Relaxed);
    }

    /// Opens a channel to the client by `open`, and joins both.
    fn join(
        self: &Arc<Self>,
        kind: &'static str,
        target: String,
        agent: Channel<client::Msg>,
        reply: ChannelOpenHandle,
        open: impl Future<Output = Result<Channel<server::Msg>, russh::Error>> + Send + 'static,
    ) {
        let back = self.clone();
        tokio::spawn(async move {
            let permit = match back.visit.place_for_forward(kind, &target) {
                Ok(permit) => permit,
                Err(refused) => return reply.reject(refused).await,
            };
            let opened = timeout(CONFIRM, open).await;
            let Ok(Ok(channel)) = opened else {
                return reply.reject(ChannelOpenFailure::ConnectFailed).await;
            };
            reply.accept().await;
            let log = back.visit.channel(channel.id(), kind, &target);
            let mut front = back.visit.front(channel);
            let ended = pump::pump(&mut front, agent, &log.flow).await;
            log.end(None, ended.why());
            if !matches!(ended, Ended::ClientGone) {
                front.finish(crate::session::Exit::Unknown).await;
            }
            drop(permit);
        });
    }
}

impl AgentSide {
    /// For the agent that `name` is of, which `authority` certified.
    pub(super) fn new(authority: Arc<PublicKey>, name: String, back: Arc<Back>) -> (Self, Verdict) {
        let verdict = Verdict::default();
        (Self { authority, name, verdict: verdict.clone(), back }, verdict)
    }
}

impl client::Handler for AgentSide {
    type Error = russh::Error;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let checked = check(shown.certificate(), &self.authority, &self.name, now());
        let good = checked.is_ok();
        *self.verdict.0.lock().unwrap_or_else(PoisonError::into_inner) = checked.err();
        Ok(good)
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        channel: Channel<client::Msg>,
        address: &str,
        port: u32,
        from: &str,
        from_port: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.back.ports.load(Ordering::Relaxed) {
            let (handle, address, from) = (self.back.handle.clone(), address.to_owned(), from.to_owned());
            let target = format!("client, of port {port}");
            self.back.join("forwarded-tcpip", target, channel, reply, async move {
                handle.channel_open_forwarded_tcpip(address, port, from, from_port).await
            });
        }
        Ok(())
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        channel: Channel<client::Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.back.ports.load(Ordering::Relaxed) {
            let (handle, path) = (self.back.handle.clone(), path.to_owned());
            self.back.join("forwarded-streamlocal", "client".into(), channel, reply, async move {
                handle.channel_open_forwarded_streamlocal(path).await
            });
        }
        Ok(())
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        channel: Channel<client::Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if self.back.agent_forwarding.load(Ordering::Relaxed) {
            let handle = self.back.handle.clone();
            self.back.join("auth-agent", "client".into(), channel, reply, async move {
                handle.channel_open_agent().await
            });
        }
        Ok(())
    }

    // What servers do not open on clients: the library would accept it.
    async fn server_channel_open_session(
        &mut self,
        _: Channel<client::Msg>,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<client::Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<client::Msg>,
        _: &str,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<client::Msg>,
        _: &str,
        _: u32,
        _: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        Ok(())
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Self::Error>) -> Result<(), Self::Error> {
        match reason {
            DisconnectReason::ReceivedDisconnect(_) => Ok(()),
            DisconnectReason::Error(error) => Err(error),
        }
    }
}
