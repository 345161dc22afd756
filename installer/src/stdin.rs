//! Standard input, read in a thread of its own: a read that blocks would keep the run deaf to a request to stop.

use std::{
    io::{self, Read},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// How often a wait looks whether the user asked to stop.
const PERIOD: Duration = Duration::from_millis(50);

/// Does `read` apart from this thread; `None` if the user asks to stop before it ends. The thread is left then, and ends
/// with the program.
pub fn apart<T: Send + 'static>(
    read: impl FnOnce() -> T + Send + 'static,
    stopped: &dyn Fn() -> bool,
) -> Option<T> {
    let (send, receive) = mpsc::channel();
    // A receiver that is gone has stopped waiting.
    thread::spawn(move || drop(send.send(read())));
    loop {
        match receive.recv_timeout(PERIOD) {
            Ok(read) => return Some(read),
            Err(RecvTimeoutError::Timeout) if stopped() => return None,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

/// Reads standard input to its end, which has to come within `most` bytes; `None` if the user asks to stop.
pub fn text(most: u64, stopped: &dyn Fn() -> bool) -> Option<io::Result<String>> {
    let read = move || {
        let mut text = String::new();
        let read = io::stdin().lock().take(most + 1).read_to_string(&mut text)?;
        if read as u64 > most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(text)
    };
    apart(read, stopped)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn read_that_never_ends_is_left_when_the_user_asks_to_stop() {
        let (keep, forever) = mpsc::channel::<()>();
        let asked = AtomicBool::new(false);
        let stopped = || asked.swap(true, Ordering::Relaxed);
        assert_eq!(apart(move || forever.recv().is_ok(), &stopped), None);
        drop(keep);
        assert_eq!(apart(|| 7, &|| true), Some(7));
    }
}
