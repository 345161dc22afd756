//! Questions to a person at a terminal.

use std::io::{self, BufRead, IsTerminal, Write};

/// What came of a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Yes,
    /// Anything but yes.
    No,
    /// Nobody can answer: no terminal.
    NobodyThere,
}

pub(super) fn ask(question: &str) -> Answer {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Answer::NobodyThere;
    }
    let mut err = io::stderr().lock();
    let _ = write!(err, "{question} [y/N] ").and_then(|()| err.flush());
    let mut line = String::new();
    match stdin.lock().read_line(&mut line) {
        Ok(_) if matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes") => Answer::Yes,
        Ok(_) | Err(_) => Answer::No,
    }
}
