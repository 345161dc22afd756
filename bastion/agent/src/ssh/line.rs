//! What a channel's bytes are counted by on their way from the connection to whoever takes them.
//!
//! As published, the library refills a channel's window when bytes arrive, not when they are taken, and while a
//! channel's queue is full it reads nothing at all: no output goes out, and the message that would let it out stays
//! unread. This was made for that, and takes bytes at once, so that the patch (third-party/README.md) changes nothing
//! for it. Nothing here is ever full. A connection that sends more than is taken is slowed down instead, ever more, until it is taken.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use russh::ChannelId;
use tokio::{sync::Notify, time::timeout};
use tokio_util::sync::CancellationToken;

/// Bytes of a channel that wait without anybody being slowed down.
const CALM: i64 = 2 << 20;
/// Bytes from which on each further packet waits for long.
const FLOOD: i64 = 64 << 20;
/// Longest wait of a packet up to [`FLOOD`].
const SLOW: Duration = Duration::from_millis(10);
/// Longest wait of a packet from [`FLOOD`] on.
const SLOWEST: Duration = Duration::from_millis(250);

/// A channel, as its pumps and its connection see it.
pub(super) struct Line {
    /// Negative for the moment in which bytes were taken before they were counted.
    waiting: AtomicI64,
    taken: Notify,
    closed: CancellationToken,
}

/// The lines of all channels of a connection.
#[derive(Clone)]
pub(super) struct Lines {
    connection: CancellationToken,
    open: Arc<Mutex<HashMap<ChannelId, Arc<Line>>>>,
}

impl Lines {
    /// None yet; all are closed when `connection` is cancelled.
    pub(super) fn new(connection: CancellationToken) -> Self {
        Self { connection, open: Arc::default() }
    }

    /// That of `channel`, which is new.
    pub(super) fn open(&self, channel: ChannelId) -> Arc<Line> {
        let line = Arc::new(Line::new(&self.connection));
        self.all().insert(channel, line.clone());
        line
    }

    /// That of `channel`, if it is open.
    pub(super) fn get(&self, channel: ChannelId) -> Option<Arc<Line>> {
        self.all().get(&channel).cloned()
    }

    /// The client has closed `channel`, or it has ended.
    pub(super) fn close(&self, channel: ChannelId) {
        if let Some(line) = self.all().remove(&channel) {
            line.close();
        }
    }

    /// Until the connection is gone.
    pub(super) async fn gone(&self) {
        self.connection.cancelled().await;
    }

    fn all(&self) -> MutexGuard<'_, HashMap<ChannelId, Arc<Line>>> {
        // A map is whole after each of its operations.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    /// A channel that is closed when `connection` is, if not before.
    fn new(connection: &CancellationToken) -> Self {
        Self { waiting: AtomicI64::new(0), taken: Notify::new(), closed: connection.child_token() }
    }

    fn close(&self) {
        self.closed.cancel();
    }

    /// Until it is closed.
    pub(super) async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// `count` bytes came. Waits while there are too many, but not for ever.
    pub(super) async fn came(&self, count: usize) {
        let waiting = self.waiting.fetch_add(signed(count), Ordering::AcqRel) + signed(count);
        let Some(patience) = patience(waiting) else { return };
        let calm = async {
            while self.waiting.load(Ordering::Acquire) > CALM {
                self.taken.notified().await;
            }
        };
        tokio::select! {
            _ = timeout(patience, calm) => {}
            () = self.closed() => {}
        }
    }

    /// `count` bytes were taken.
    pub(super) fn took(&self, count: usize) {
        let before = self.waiting.fetch_sub(signed(count), Ordering::AcqRel);
        if before > CALM {
            self.taken.notify_one();
        }
    }
}

fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn patience(waiting: i64) -> Option<Duration> {
    if waiting <= CALM {
        None
    } else if waiting <= FLOOD {
        Some(SLOW)
    } else {
        Some(SLOWEST)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn the_more_waits_the_slower_it_gets() {
        assert_eq!(patience(CALM), None);
        assert_eq!(patience(CALM + 1), Some(SLOW));
        assert_eq!(patience(FLOOD + 1), Some(SLOWEST));
    }

    #[tokio::test]
    async fn a_flooded_line_goes_on_as_soon_as_bytes_are_taken() {
        let line = Arc::new(Line::new(&CancellationToken::new()));
        line.came(usize::try_from(CALM).unwrap()).await;
        let begin = Instant::now();
        line.came(usize::try_from(FLOOD).unwrap()).await;
        assert!(begin.elapsed() >= SLOWEST, "nobody took anything");
        let taker = line.clone();
        tokio::spawn(async move { taker.took(usize::try_from(FLOOD).unwrap() + 1) });
        let begin = Instant::now();
        line.came(1).await;
        assert!(begin.elapsed() < SLOWEST / 2);
    }

    #[tokio::test]
    async fn a_line_that_is_closed_holds_up_nobody() {
        let connection = CancellationToken::new();
        let line = Line::new(&connection);
        connection.cancel();
        let begin = Instant::now();
        line.came(usize::try_from(FLOOD).unwrap() + 1).await;
        assert!(begin.elapsed() < SLOWEST / 2);
    }
}
