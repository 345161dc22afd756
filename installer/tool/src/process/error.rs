//! The reasons why a command returned no output.

use std::{fmt, io, os::unix::process::ExitStatusExt, process::ExitStatus, time::Duration};

use crate::rlimits;

/// The way a failed child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChildEnd {
    /// The child exited with this status.
    Status(i32),
    /// This signal ended the child.
    Signal(i32),
}

/// The reason why a command returned no output.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program is not installed in any of the searched folders.
    #[error("{program} is not installed: it is not in {path}")]
    Absent {
        program: String,
        /// The searched folders, in order, separated by colons.
        path: String,
    },
    /// The program could not be started, or its input or output failed.
    #[error("cannot run {program}")]
    Start {
        program: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The program failed.
    #[error("{line}: {ended}{}{said}", if said.is_empty() { "" } else { ": " })]
    Failed {
        /// The command line, for messages.
        line: String,
        /// The way it ended.
        ended: ChildEnd,
        /// Its last lines of standard error, or else of standard output.
        said: String,
    },
    /// The program reached its time limit and was killed.
    #[error("{line}: timed out after {} s{}{said}", limit.as_secs(), if said.is_empty() { "" } else { "; its last lines: " })]
    Slow {
        /// The command line, for messages.
        line: String,
        /// The time limit.
        limit: Duration,
        /// Its last lines of standard error.
        said: String,
    },
    /// The program wrote more to standard output than the limit.
    #[error("{line}: wrote more than {} MiB to standard output", limit >> 20)]
    TooMuch {
        /// The command line, for messages.
        line: String,
        /// The limit in bytes.
        limit: usize,
    },
}

impl Error {
    /// Returns the last lines of the failed program; empty if it was never started.
    pub fn said(&self) -> &str {
        match self {
            Self::Absent { .. } | Self::Start { .. } | Self::TooMuch { .. } => "",
            Self::Failed { said, .. } | Self::Slow { said, .. } => said,
        }
    }

    /// The remedy, where one is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Absent { program, .. } => Some(format!("install {program}, or add its folder to PATH")),
            Self::Start { source, .. } => rlimits::processes_hint(source),
            Self::Failed { .. } | Self::Slow { .. } | Self::TooMuch { .. } => None,
        }
    }
}

impl fmt::Display for ChildEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => write!(f, "exit status {status}"),
            Self::Signal(signal) => write!(f, "ended by signal {signal}"),
        }
    }
}

impl From<ExitStatus> for ChildEnd {
    fn from(status: ExitStatus) -> Self {
        match status.signal() {
            Some(signal) => Self::Signal(signal),
            None => Self::Status(status.code().unwrap_or_default()),
        }
    }
}
