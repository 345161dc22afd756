//! Questions to the user at a terminal.

use std::io::{self, BufRead, IsTerminal, Write};

use crate::stdin;

/// The answer to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    Yes,
    /// Anything but yes.
    No,
    /// There is no terminal for the question.
    NoTerminal,
    /// The user asked to stop.
    Stopped,
}

pub(super) fn ask(question: &str, stopped: &dyn Fn() -> bool) -> Confirmation {
    if !io::stdin().is_terminal() {
        return Confirmation::NoTerminal;
    }
    let mut err = io::stderr().lock();
    let _ = write!(err, "{question} [y/N] ").and_then(|()| err.flush());
    let read = || {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map(|_| line)
    };
    match stdin::apart(read, stopped, &|| {}) {
        Some(Ok(line)) if matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes") => {
            Confirmation::Yes
        }
        Some(Ok(_) | Err(_)) => Confirmation::No,
        None => Confirmation::Stopped,
    }
}
