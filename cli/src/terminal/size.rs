//! The size of a terminal.

use std::os::fd::AsFd;

/// Returns the columns of a terminal; `None` if it does not report them.
pub(super) fn columns(terminal: &impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(terminal).ok()?;
    (size.ws_col > 0).then_some(size.ws_col.into())
}
