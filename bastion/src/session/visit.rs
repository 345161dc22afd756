//! Somebody who is logged in, with what their channels share: the log, the limit, the end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use russh::{
    Channel, ChannelId, ChannelOpenFailure,
    server::{Handle, Msg},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::Front;
use crate::{
    audit::Event,
    auth::Identity,
    door::{Door, Guest},
    metrics::Counted,
    policy::{FORWARDS, SESSIONS},
    relay::Flow,
};

/// Codes of refused channels in RFC 4254.
const PROHIBITED: u32 = 1;
const SHORTAGE: u32 = 4;

/// Somebody who is logged in.
#[derive(Debug)]
pub(crate) struct Visit {
    door: Arc<Door>,
    number: u64,
    identity: Identity,
    handle: Handle,
    since: Instant,
    ended: CancellationToken,
    sessions: Arc<Semaphore>,
    forwards: Arc<Semaphore>,
    _guest: Guest,
    _counted: Counted,
}

/// A channel in the log. Where nobody says how it ended, it was cut.
#[derive(Debug)]
pub(crate) struct ChannelLog {
    visit: Arc<Visit>,
    channel: u32,
    /// What went over it.
    pub(crate) flow: Flow,
    noted: AtomicBool,
    _counted: Counted,
}

impl Visit {
    /// `ended` is cancelled when the connection is gone.
    pub(crate) fn new(
        door: Arc<Door>,
        number: u64,
        identity: Identity,
        handle: Handle,
        ended: CancellationToken,
        guest: Guest,
    ) -> Arc<Self> {
        let counted = Counted::new(&door.metrics.sessions);
        Arc::new(Self {
            door,
            number,
            identity,
            handle,
            since: Instant::now(),
            ended,
            sessions: Arc::new(Semaphore::new(SESSIONS)),
            forwards: Arc::new(Semaphore::new(FORWARDS)),
            _guest: guest,
            _counted: counted,
        })
    }

    pub(crate) fn door(&self) -> &Arc<Door> {
        &self.door
    }

    /// Number of the connection.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The user's name.
    pub(crate) fn user(&self) -> &str {
        self.identity.login().user()
    }

    /// Cancelled when the connection is gone.
    pub(crate) fn ended(&self) -> &CancellationToken {
        &self.ended
    }

    /// How long they are here.
    pub(crate) fn duration(&self) -> Duration {
        self.since.elapsed()
    }

    /// For one more session, while it is held; where that is one too many, what to tell the client.
    pub(crate) fn place_for_session(&self) -> Result<OwnedSemaphorePermit, ChannelOpenFailure> {
        self.place(&self.sessions, "session", self.identity.login().server().unwrap_or("devctl"))
    }

    /// The same for any other channel.
    pub(crate) fn place_for_forward(
        &self,
        kind: &str,
        target: &str,
    ) -> Result<OwnedSemaphorePermit, ChannelOpenFailure> {
        self.place(&self.forwards, kind, target)
    }

    /// The same for a channel that only those have who may forward.
    pub(crate) fn place_for_port(
        &self,
        kind: &str,
        target: &str,
    ) -> Result<OwnedSemaphorePermit, ChannelOpenFailure> {
        if self.identity.permissions().port_forwarding {
            return self.place_for_forward(kind, target);
        }
        let why = "your certificate does not allow forwarding";
        self.denied(kind, target, why);
        Err(ChannelOpenFailure::Other { code: PROHIBITED, reason: format!("devplat: {why}") })
    }

    fn place(
        &self,
        places: &Arc<Semaphore>,
        kind: &str,
        target: &str,
    ) -> Result<OwnedSemaphorePermit, ChannelOpenFailure> {
        places.clone().try_acquire_owned().map_err(|_| {
            let why = "too many channels are open on this connection";
            self.denied(kind, target, why);
            ChannelOpenFailure::Other { code: SHORTAGE, reason: format!("devplat: {why}") }
        })
    }

    /// The client's end of `channel`, in which nothing overtakes anything.
    pub(crate) fn front(&self, channel: Channel<Msg>) -> Front {
        let (_, controls) = mpsc::unbounded_channel();
        let (read, write) = channel.split();
        Front {
            read: read.into(),
            write: Arc::new(write),
            handle: self.handle.clone(),
            controls,
            closed: self.ended.child_token(),
            runs: false,
        }
    }

    /// Notes a channel of `kind` that leads to `target`.
    pub(crate) fn channel(self: &Arc<Self>, id: ChannelId, kind: &'static str, target: &str) -> ChannelLog {
        self.door.metrics.channel(kind);
        self.door.audit.note(Event::Channel {
            connection: self.number,
            channel: id.number(),
            user: self.user().to_owned(),
            kind: kind.to_owned(),
            target: shown(target),
        });
        ChannelLog {
            visit: self.clone(),
            channel: id.number(),
            flow: Flow::default(),
            noted: AtomicBool::new(false),
            _counted: Counted::new(&self.door.metrics.open_channels),
        }
    }

    /// Notes that there is no channel, and why.
    pub(crate) fn denied(&self, kind: &str, target: &str, why: &str) {
        self.door.audit.note(Event::Denied {
            connection: self.number,
            user: self.user().to_owned(),
            kind: kind.to_owned(),
            target: shown(target),
            why: why.to_owned(),
        });
    }
}

impl ChannelLog {
    /// Notes how it ended.
    pub(crate) fn end(&self, status: Option<u32>, why: &str) {
        if self.noted.swap(true, Ordering::Relaxed) {
            return;
        }
        let (up, down) = self.flow.so_far();
        let door = self.visit.door();
        door.metrics.relayed(up, down);
        door.audit.note(Event::End {
            connection: self.visit.number,
            channel: self.channel,
            user: self.visit.user().to_owned(),
            up,
            down,
            status,
            why: why.to_owned(),
        });
    }
}

impl Drop for ChannelLog {
    fn drop(&mut self) {
        self.end(None, "cut");
    }
}

/// Hosts and paths come from clients, and can be long.
fn shown(text: &str) -> String {
    text.chars().take(300).collect()
}
