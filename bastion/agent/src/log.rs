//! The log of the container.

use std::io::{self, Write};

/// One line to the container's log.
pub(crate) fn say(line: &str) {
    // A log that nobody takes is no reason to end a dev server.
    let _ = writeln!(io::stderr().lock(), "devplat-agent: {line}");
}
