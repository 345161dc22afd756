//! Lanes: the tests of a lane share a platform and run one after the other, in their order. The lanes run concurrently:
//! while one waits for Kubernetes, another uses the processors. All lanes share the Docker engine.

use std::{
    cell::Cell,
    sync::{Condvar, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use anyhow::{Context, Result};

/// A group of tests that run one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Creation and use of a platform.
    Life,
    /// Tests over SSH.
    WayIn,
    /// Tests that end without a platform, and failures before the first step.
    Ends,
}

/// The position of a test in a lane.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) lane: Lane,
    /// The number of earlier tests in this lane.
    pub(crate) before: usize,
    /// The number of tests of another lane that must have ended.
    pub(crate) after: Option<(Lane, usize)>,
}

/// The number of ended tests of a lane.
struct Progress {
    over: Mutex<usize>,
    changed: Condvar,
}

static PROGRESS: [Progress; 3] = [const { Progress { over: Mutex::new(0), changed: Condvar::new() } }; 3];

/// Tests that compare all Docker objects hold this exclusively; tests that create or delete clusters share it.
static DOCKER: RwLock<()> = RwLock::new(());

thread_local! {
    static HERE: Cell<Option<Lane>> = const { Cell::new(None) };
}

impl Lane {
    /// Returns the lane of the current test.
    pub(crate) fn here() -> Result<Self> {
        HERE.get().context("only a test has a lane, in its own thread")
    }
}

impl Place {
    /// Waits until it is this test's turn, and runs `test`.
    pub(crate) fn run<T>(self, test: impl FnOnce() -> T) -> T {
        for (lane, tests) in [(self.lane, self.before)].into_iter().chain(self.after) {
            let Progress { over, changed } = &PROGRESS[lane as usize];
            let over = over.lock().expect("no test panics while it holds this");
            drop(changed.wait_while(over, |over| *over < tests));
        }
        // The next test also gets its turn if this one panics.
        let _turn = Turn(&PROGRESS[self.lane as usize]);
        HERE.set(Some(self.lane));
        test()
    }
}

struct Turn(&'static Progress);

impl Drop for Turn {
    fn drop(&mut self) {
        *self.0.over.lock().expect("no test panics while it holds this") += 1;
        self.0.changed.notify_all();
    }
}

/// Held while a cluster is created or deleted.
pub(crate) fn docker_changes() -> RwLockReadGuard<'static, ()> {
    DOCKER.read().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Held while the Docker objects are compared with earlier ones. No other test changes them in the meantime.
pub(crate) fn docker_is_mine() -> RwLockWriteGuard<'static, ()> {
    DOCKER.write().unwrap_or_else(std::sync::PoisonError::into_inner)
}
