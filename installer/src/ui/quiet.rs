//! A terminal that does not show what is typed while bars are drawn: keys would land in the middle of the picture.

use std::io::{self, IsTerminal};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Echo is off while this lives. Ctrl-C still makes its signal.
pub(super) struct Quiet {
    before: Termios,
}

impl Quiet {
    /// Switches the echo of standard input's terminal off; `None` if it has none, or devplat is in the background.
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
        // A terminal that went away needs nothing restored.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
