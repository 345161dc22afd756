//! Forwarding of ports and sockets, either way, and of the client's agent. All of it ends with its connection.

mod dial;
mod listen;
mod relay;

use std::{collections::HashMap, io, path::PathBuf, sync::Arc};

use russh::{
    Channel, ChannelOpenFailure,
    server::{ChannelOpenHandle, Handle, Msg},
};
use tokio::sync::Semaphore;

pub(super) use self::dial::Target;
use self::{
    listen::{Agent, Local, Tcp},
    relay::relay,
};
use super::{Site, lines::Lines};
use crate::log::say;

/// Ports and sockets that one connection listens on.
const LISTENERS: usize = 256;

/// What a connection forwards.
pub(super) struct Forwards {
    site: Arc<Site>,
    lines: Lines,
    tcp: HashMap<(String, u16), Tcp>,
    local: HashMap<String, Local>,
    agent: Option<Agent>,
}

impl Forwards {
    /// Nothing yet.
    pub(super) fn new(site: Arc<Site>, lines: Lines) -> Self {
        Self { site, lines, tcp: HashMap::new(), local: HashMap::new(), agent: None }
    }

    /// Connects `channel` with `target`, and sees it through.
    pub(super) fn dial(
        &self,
        channel: Channel<Msg>,
        target: Target,
        reply: ChannelOpenHandle,
        room: Arc<Semaphore>,
    ) -> impl Future<Output = ()> + Send + 'static {
        let (site, line) = (self.site.clone(), self.lines.open(channel.id()));
        async move {
            let Ok(_permit) = room.try_acquire() else {
                reply.reject(ChannelOpenFailure::ResourceShortage).await;
                return;
            };
            let dialled = tokio::select! {
                dialled = target.connect(&site.children) => dialled,
                () = line.closed() => return,
            };
            match dialled {
                Ok(socket) => {
                    reply.accept().await;
                    relay(channel, socket, &line, site.activity.clone()).await;
                }
                Err(error) => {
                    let reason = ChannelOpenFailure::Other {
                        code: ChannelOpenFailure::ConnectFailed.code(),
                        reason: plain(&error),
                    };
                    reply.reject(reason).await;
                }
            }
        }
    }

    /// Listens on `port` of `address`, or on a free one if it is 0; gives the port.
    pub(super) fn listen_tcp(&mut self, address: &str, port: u16, handle: &Handle) -> Option<u16> {
        if self.full() || self.tcp.contains_key(&(address.to_owned(), port)) {
            return None;
        }
        let opened = Tcp::open(address, port, handle, &self.site, &self.lines);
        let tcp = opened
            .inspect_err(|error| say(&format!("cannot forward port {port} of {address:?}: {error}")))
            .ok()?;
        let port = tcp.port();
        self.tcp.insert((address.to_owned(), port), tcp);
        Some(port)
    }

    /// Listens there no more; false if it never did.
    pub(super) fn stop_tcp(&mut self, address: &str, port: u16) -> bool {
        self.tcp.remove(&(address.to_owned(), port)).is_some()
    }

    /// Listens on the socket `path`, which must not exist.
    pub(super) fn listen_local(&mut self, path: &str, handle: Handle) -> bool {
        if self.full() || self.local.contains_key(path) {
            return false;
        }
        match Local::open(path, handle, &self.site, &self.lines) {
            Ok(local) => {
                self.local.insert(path.to_owned(), local);
                true
            }
            Err(error) => {
                say(&format!("cannot forward the socket {path:?}: {error}"));
                false
            }
        }
    }

    /// Listens there no more, and removes the socket; false if it never did.
    pub(super) fn stop_local(&mut self, path: &str) -> bool {
        self.local.remove(path).is_some()
    }

    /// Offers the client's agent on a socket; false if that cannot be done.
    pub(super) fn agent(&mut self, handle: Handle) -> bool {
        if self.agent.is_none() {
            self.agent = Agent::open(handle, &self.site, &self.lines)
                .inspect_err(|error| say(&format!("cannot forward an agent: {error}")))
                .ok();
        }
        self.agent.is_some()
    }

    /// Where that socket is, if there is one.
    pub(super) fn agent_path(&self) -> Option<PathBuf> {
        self.agent.as_ref().map(|agent| agent.path().to_owned())
    }

    fn full(&self) -> bool {
        self.tcp.len() + self.local.len() >= LISTENERS
    }
}

/// What the operating system says, without its number: of no use to whoever reads it.
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}
