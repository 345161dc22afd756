//! How a verb ends: well, with the status of what ran elsewhere, or with a failure, whose kind sets the exit status.

use std::{error::Error, process::ExitCode};

/// Kinds of failure; the bastion has the same.
pub(crate) use devplat_api::FailureKind as Exit;

use crate::invocation::Invocation;

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
    pub(crate) hints: Vec<Hint>,
}

/// A hint of a failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hint {
    /// A text.
    Text(String),
    /// A verb of devctl to run. Its command line depends on how the user calls devctl.
    Run {
        /// The verb with its arguments.
        words: String,
        /// The purpose, as the end of the sentence.
        purpose: String,
    },
}

impl Hint {
    /// Returns the text for a user that calls devctl like this.
    pub(crate) fn text(&self, invocation: &Invocation) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Run { words, purpose } => format!("run {} {purpose}", invocation.line(words)),
        }
    }
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
        self.hints.push(Hint::Text(hint.into()));
        self
    }

    /// Adds a verb to run, and its purpose.
    #[must_use]
    pub(crate) fn run(mut self, words: impl Into<String>, purpose: &str) -> Self {
        self.hints.push(Hint::Run { words: words.into(), purpose: purpose.to_owned() });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::invocation::Way;

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
        assert_eq!(failure.hints, [Hint::Text("wait".to_owned())]);
    }

    #[test]
    fn hint_names_a_command_line_that_works_for_the_user() {
        let failure = Failure::new(Exit::NotReady, "not ready").run("describe mydev", "for details");
        let text = |invocation: &Invocation| failure.hints[0].text(invocation);
        assert_eq!(text(&Invocation::new(Way::Program)), "run `devctl describe mydev` for details");
        let ssh = Invocation::new(Way::Ssh { user: "alice".to_owned(), host: None });
        assert_eq!(text(&ssh), "run `describe mydev` (over the same `ssh`) for details");
    }
}
