//! What overtakes a channel's bytes: that the client has closed it, a signal, a new size. Bytes wait in the library's
//! queue until somebody takes them, and may wait there for good (third-party/README.md); these must not wait behind
//! them. Holds no bytes itself.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use russh::{ChannelId, Sig};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;

use crate::terminal::Size;

/// What a client says to what runs in a channel.
pub(super) enum Control {
    /// It is to get a signal.
    Signal(Sig),
    /// Its terminal has another size.
    Size(Size),
}

/// A channel, as what serves it sees it; closed once this is dropped.
pub(super) struct Line {
    id: ChannelId,
    lines: Lines,
    closed: CancellationToken,
    controls: UnboundedReceiver<Control>,
}

/// The lines of all channels of a connection, as its handler sees them.
#[derive(Clone)]
pub(super) struct Lines {
    connection: CancellationToken,
    open: Arc<Mutex<HashMap<ChannelId, Open>>>,
}

struct Open {
    closed: CancellationToken,
    controls: UnboundedSender<Control>,
}

impl Lines {
    /// None yet; all are closed when `connection` is cancelled.
    pub(super) fn new(connection: CancellationToken) -> Self {
        Self { connection, open: Arc::default() }
    }

    /// That of `channel`, which is new.
    pub(super) fn open(&self, channel: ChannelId) -> Line {
        let (sender, controls) = unbounded_channel();
        let closed = self.connection.child_token();
        self.all().insert(channel, Open { closed: closed.clone(), controls: sender });
        Line { id: channel, lines: self.clone(), closed, controls }
    }

    /// Hands `control` to what serves `channel`, if anything does.
    pub(super) fn control(&self, channel: ChannelId, control: Control) {
        if let Some(open) = self.all().get(&channel) {
            let _ = open.controls.send(control);
        }
    }

    /// The client has closed `channel`, or what served it has ended.
    pub(super) fn close(&self, channel: ChannelId) {
        if let Some(open) = self.all().remove(&channel) {
            open.closed.cancel();
        }
    }

    /// Until the connection is gone.
    pub(super) async fn gone(&self) {
        self.connection.cancelled().await;
    }

    fn all(&self) -> MutexGuard<'_, HashMap<ChannelId, Open>> {
        // A map is whole after each of its operations.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// Until it is closed.
    pub(super) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Cancelled once it is closed.
    pub(super) fn end(&self) -> CancellationToken {
        self.closed.clone()
    }

    /// The next thing that the client says. Goes on for ever once there is no more of it.
    pub(super) async fn control(&mut self) -> Control {
        match self.controls.recv().await {
            Some(control) => control,
            None => std::future::pending().await,
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.lines.close(self.id);
    }
}
