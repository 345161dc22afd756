//! Reads that lag writes: what a call has made is not seen by the next ones for a while.

use std::time::Duration;

/// How far reads are behind writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lag {
    /// How many Describe calls of its kind do not see a new thing, and still see a deleted one.
    pub reads: u32,
    /// How long they do not. A thing is seen once both are over.
    pub time: Duration,
    /// Whether calls that change something do not know a new thing either.
    pub writes: bool,
}

/// The rest of a lag for one thing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Lagging {
    reads: u32,
    until: Duration,
    writes: bool,
}

impl Lagging {
    pub(crate) fn from_now(lag: Lag, now: Duration) -> Self {
        Self { reads: lag.reads, until: now + lag.time, writes: lag.writes }
    }

    pub(crate) fn for_reads(&self, now: Duration) -> bool {
        self.reads > 0 || now < self.until
    }

    pub(crate) fn for_writes(&self, now: Duration) -> bool {
        self.writes && self.for_reads(now)
    }

    /// Counts a Describe call.
    pub(crate) fn was_read(&mut self) {
        self.reads = self.reads.saturating_sub(1);
    }
}
