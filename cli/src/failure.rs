//! How a verb ends: well, with the status of what ran elsewhere, or with a failure, whose kind sets the exit status.

use std::{error::Error, process::ExitCode};

/// Kinds of failure, each with its exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// A mistake of devctl's own, or of the platform's.
    Internal,
    /// The command line is wrong, or what it asks for may not be.
    Usage,
    /// What was asked for is not there, or is not yours to see.
    Absent,
    /// It is there and cannot be used yet, or took too long.
    NotReady,
}

impl Exit {
    /// The exit status.
    pub(crate) fn status(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Absent => 3,
            Self::NotReady => 4,
        }
    }
}

/// How a verb ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// Well.
    Well,
    /// With the status of a program that ran elsewhere.
    Remotely(u8),
}

impl From<Ended> for ExitCode {
    fn from(ended: Ended) -> Self {
        match ended {
            Ended::Well => Self::SUCCESS,
            Ended::Remotely(status) => status.into(),
        }
    }
}

/// A failure as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Its kind.
    pub(crate) exit: Exit,
    /// What failed.
    pub(crate) message: String,
    /// Why, outermost first.
    pub(crate) causes: Vec<String>,
    /// What to do.
    pub(crate) hints: Vec<String>,
}

impl Failure {
    /// A failure that is its own cause.
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    /// A failure from an error and everything behind it.
    pub(crate) fn of(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        let mut failure = Self::new(exit, error.to_string());
        let mut last = failure.message.clone();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Some errors say their source's words as their own.
            if !last.contains(&text) {
                failure.causes.push(text.clone());
                last = text;
            }
            cause = error.source();
        }
        failure
    }

    /// Adds what to do.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] Inner);

    #[derive(Debug, thiserror::Error)]
    #[error("inner")]
    struct Inner;

    #[test]
    fn causes_follow_the_message() {
        let failure = Failure::of(Exit::NotReady, &Outer(Inner)).hint("wait");
        assert_eq!((failure.message.as_str(), failure.exit.status()), ("outer", 4));
        assert_eq!(failure.causes, ["inner"]);
        assert_eq!(failure.hints, ["wait"]);
    }
}
