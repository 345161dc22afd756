//! Reads standard input in its own thread, because a blocked read would delay a request to stop.

use std::{
    io::{self, Read},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

/// The period of checks whether the user asked to stop.
const PERIOD: Duration = Duration::from_millis(50);

/// Runs `read` in another thread; `None` if the user asks to stop before it ends. The thread is then left and ends with
/// the program.
pub fn apart<T: Send + 'static>(
    read: impl FnOnce() -> T + Send + 'static,
    stopped: &dyn Fn() -> bool,
) -> Option<T> {
    let (send, receive) = mpsc::channel();
    // A failed send means that the receiver no longer waits.
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

/// Reads standard input to its end. Fails if it has more than `most` bytes; `None` if the user asks to stop.
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
    fn request_to_stop_ends_an_endless_read() {
        let (keep, forever) = mpsc::channel::<()>();
        let asked = AtomicBool::new(false);
        let stopped = || asked.swap(true, Ordering::Relaxed);
        assert_eq!(apart(move || forever.recv().is_ok(), &stopped), None);
        drop(keep);
        assert_eq!(apart(|| 7, &|| true), Some(7));
    }
}
