//! Switches the terminal's echo off while bars are drawn, because typed keys would appear between them.

use std::io::{self, IsTerminal};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// The echo is off until this is dropped. Ctrl-C still sends its signal.
pub(super) struct Quiet {
    before: Termios,
}

impl Quiet {
    /// Switches the echo of standard input's terminal off; `None` if it is not a terminal, or devplat is in the
    /// background.
    pub(super) fn start() -> Option<Self> {
        let stdin = io::stdin();
        let foreground = rustix::termios::tcgetpgrp(&stdin).ok() == Some(rustix::process::getpgrp());
        if !stdin.is_terminal() || !foreground {
            return None;
        }
        let before = tcgetattr(&stdin).ok()?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&stdin, OptionalActions::Now, &quiet).ok()?;
        Some(Self { before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // A closed terminal needs no restoring.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
