//! Reads standard input in its own thread, because a blocked read would delay a request to stop.

use std::{
    io,
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use crate::{
    long_wait::QUIET,
    text_file::{self, NoText},
};

/// The period of checks whether the user asked to stop.
const PERIOD: Duration = Duration::from_millis(50);

/// Runs `read` in another thread; `None` if the user asks to stop before it ends. The thread is then left and ends with
/// the program. Calls `quiet` once if the read takes more than 2 s.
pub fn apart<T: Send + 'static>(
    read: impl FnOnce() -> T + Send + 'static,
    stopped: &dyn Fn() -> bool,
    quiet: &dyn Fn(),
) -> Option<T> {
    let (send, receive) = mpsc::channel();
    let (begun, mut told) = (Instant::now(), false);
    // A failed send means that the receiver no longer waits.
    thread::spawn(move || drop(send.send(read())));
    loop {
        match receive.recv_timeout(PERIOD) {
            Ok(read) => return Some(read),
            Err(RecvTimeoutError::Timeout) if stopped() => return None,
            Err(RecvTimeoutError::Timeout) if !told && begun.elapsed() >= QUIET => {
                told = true;
                quiet();
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

/// Standard input.
#[derive(Debug, Clone)]
pub enum Input {
    /// The input of this process.
    Process,
    /// These bytes, in a test.
    Given(Arc<[u8]>),
}

impl Input {
    /// Reads it to its end. Fails if it has more than `most` bytes; `None` if the user asks to stop.
    pub fn text(
        &self,
        most: u64,
        stopped: &dyn Fn() -> bool,
        quiet: &dyn Fn(),
    ) -> Option<Result<String, NoText>> {
        let input = self.clone();
        let read = move || match &input {
            Self::Process => text_file::text(io::stdin().lock(), most),
            Self::Given(bytes) => text_file::text(&**bytes, most),
        };
        apart(read, stopped, quiet)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    #[test]
    fn request_to_stop_ends_an_endless_read() {
        let (keep, forever) = mpsc::channel::<()>();
        let asked = AtomicBool::new(false);
        let stopped = || asked.swap(true, Ordering::Relaxed);
        let quiet = || panic!("the wait is short");
        assert_eq!(apart(move || forever.recv().is_ok(), &stopped, &quiet), None);
        drop(keep);
        assert_eq!(apart(|| 7, &|| true, &quiet), Some(7));
    }

    #[test]
    fn read_that_waits_for_a_writer_is_reported_once() {
        let (keep, forever) = mpsc::channel::<()>();
        let told = AtomicUsize::new(0);
        let stopped = || told.load(Ordering::Relaxed) > 0;
        let quiet = || {
            told.fetch_add(1, Ordering::Relaxed);
        };
        assert_eq!(apart(move || forever.recv().is_ok(), &stopped, &quiet), None);
        assert_eq!(told.load(Ordering::Relaxed), 1);
        drop(keep);
    }
}
