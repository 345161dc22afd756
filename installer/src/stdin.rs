//! Reads standard input in its own thread, because a blocked read would delay a request to stop.

use std::{
    io::{self, Read},
    sync::{
        Arc,
        mpsc::{self, RecvTimeoutError},
    },
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
    pub fn text(&self, most: u64, stopped: &dyn Fn() -> bool) -> Option<io::Result<String>> {
        let input = self.clone();
        let read = move || match &input {
            Self::Process => read_text(io::stdin().lock(), most),
            Self::Given(bytes) => read_text(&**bytes, most),
        };
        apart(read, stopped)
    }
}

fn read_text(source: impl Read, most: u64) -> io::Result<String> {
    let mut text = String::new();
    let read = source.take(most + 1).read_to_string(&mut text)?;
    if read as u64 > most {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(text)
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

    #[test]
    fn input_longer_than_its_limit_is_an_error() {
        let input = Input::Given(Arc::from(*b"four"));
        let read = |most| input.text(most, &|| false).unwrap().map_err(|error| error.kind());
        assert_eq!(read(4), Ok("four".to_owned()));
        assert_eq!(read(3), Err(io::ErrorKind::FileTooLarge));
    }
}
