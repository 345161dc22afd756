//! Lanes: tests in the same one share a platform and run one after the other, in their order. The lanes run beside each
//! other: while one waits for Kubernetes, another has the processors. What Docker has is theirs together.

use std::{
    cell::Cell,
    sync::{Condvar, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use anyhow::{Context, Result};

/// Which tests run one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// What makes a platform, and how it stays.
    Life,
    /// Everything over SSH.
    WayIn,
    /// What ends with nothing left, and what is told before anything is made.
    Ends,
}

/// A place in a lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) lane: Lane,
    /// Of the tests that run in this lane, how many come before.
    pub(crate) before: usize,
    /// What has to be over in another lane.
    pub(crate) after: Option<(Lane, usize)>,
}

/// How many tests of a lane are over.
struct Progress {
    over: Mutex<usize>,
    changed: Condvar,
}

static PROGRESS: [Progress; 3] = [const { Progress { over: Mutex::new(0), changed: Condvar::new() } }; 3];

/// Held by who looks at all that Docker has, and by who makes clusters or takes them away.
static DOCKER: RwLock<()> = RwLock::new(());

thread_local! {
    static HERE: Cell<Option<Lane>> = const { Cell::new(None) };
}

impl Lane {
    /// The lane of the test that asks.
    pub(crate) fn here() -> Result<Self> {
        HERE.get().context("only a test has a lane, in its own thread")
    }
}

impl Place {
    /// Waits until it is this one's turn, and runs `test`.
    pub(crate) fn run<T>(self, test: impl FnOnce() -> T) -> T {
        for (lane, tests) in [(self.lane, self.before)].into_iter().chain(self.after) {
            let Progress { over, changed } = &PROGRESS[lane as usize];
            let over = over.lock().expect("nobody panics while holding this");
            drop(changed.wait_while(over, |over| *over < tests));
        }
        // The next one's turn comes, too, if this one panics.
        let _turn = Turn(&PROGRESS[self.lane as usize]);
        HERE.set(Some(self.lane));
        test()
    }
}

struct Turn(&'static Progress);

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.over.lock().expect("nobody panics while holding this") += 1;
        self.0.changed.notify_all();
    }
}

/// Held while a cluster is made or taken away.
pub(crate) fn docker_changes() -> RwLockReadGuard<'static, ()> {
    DOCKER.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Held while all that Docker has is compared with what it had before. Nobody else changes it meanwhile.
pub(crate) fn docker_is_mine() -> RwLockWriteGuard<'static, ()> {
    DOCKER.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}
