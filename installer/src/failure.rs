//! The failure of a command: exit status, chain of causes, and hints. Errors are typed up to this point; the text is
//! for users, and no code reads it back.

mod from;

use std::{
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
};

use devplat_tool::rlimits;

/// Kinds of failure, each with its exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// A bug in devplat.
    Internal,
    /// The command line or the configuration is wrong, or requests a forbidden change.
    Usage,
    /// The machine or the account lacks a program, a resource or a right, or a place cannot be used: the Docker engine,
    /// an API server, a registry, or the program with the credentials for one.
    Missing,
    /// Stopped part-way, or one of these places gave no answer in time; the same command continues.
    PartWay,
    /// Destroyed, but there are leftovers.
    Left,
}

impl Exit {
    /// Returns the kind for a place that did not do its part: one that is silent may answer later.
    pub(crate) fn of_place(silent: bool) -> Self {
        if silent { Self::PartWay } else { Self::Missing }
    }

    /// The exit status.
    pub fn status(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Missing => 3,
            Self::PartWay => 4,
            Self::Left => 5,
        }
    }
}

/// Returns the exit status for an outcome: that of the command that a verb ran, or that of the failure.
pub fn status(outcome: &Result<u8, Failure>) -> u8 {
    match outcome {
        Ok(status) => *status,
        Err(failure) => failure.exit.status(),
    }
}

/// Returns an error with its causes on one line, for a remark or the journal.
pub fn one_line(error: &(dyn Error + 'static)) -> String {
    Failure::of(Exit::PartWay, error).one_line()
}

/// Runs `work`, and converts a panic into a failure, because a panic is a bug in devplat.
///
/// Rust has already printed the place of the panic to standard error.
pub fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    // The program ends, so no state that `work` left half-changed is used again.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        Err(Failure::new(Exit::Internal, said)
            .while_doing("devplat crashed, which is a bug in devplat")
            .hint("report it with the command line and the whole output")
            .hint("run the same command again: it finds the created resources and continues"))
    })
}

/// The causes that devplat's code distinguishes, besides the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// All other causes.
    Other,
    /// The user asked to stop.
    Stopped,
    /// Credentials that a cluster does not accept, or that expired.
    Login,
}

/// A failure, as users see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its kind.
    pub exit: Exit,
    /// The message: what failed.
    pub message: String,
    /// The causes, outermost first.
    pub causes: Vec<String>,
    /// The hints, in the imperative.
    pub hints: Vec<String>,
    /// The cause, for decisions in code.
    pub cause: Cause,
}

impl Failure {
    /// Returns a failure without causes.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), causes: Vec::new(), hints: Vec::new(), cause: Cause::Other }
    }

    /// Returns a failure from an error and its source chain. Any call can fail because too many files are open, so the
    /// remedy for that is added here.
    pub fn of(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        let mut failure = Self::new(exit, error.to_string()).maybe_hint(rlimits::open_files_hint(error));
        let mut last = failure.message.clone();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Some errors contain the text of their source.
            if !last.contains(&text) {
                failure.causes.push(text.clone());
                last = text;
            }
            cause = error.source();
        }
        failure
    }

    /// The user asked to stop.
    pub fn stopped() -> Self {
        Self { cause: Cause::Stopped, ..Self::new(Exit::PartWay, "stopped, as asked") }
    }

    /// Returns whether the user asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.cause == Cause::Stopped
    }

    /// Returns whether a cluster rejects the credentials.
    pub fn is_login(&self) -> bool {
        self.cause == Cause::Login
    }

    /// Adds a message in front, such as the action that failed.
    #[must_use]
    pub fn while_doing(mut self, what: impl Into<String>) -> Self {
        let why = std::mem::replace(&mut self.message, what.into());
        self.causes.insert(0, why);
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds several hints.
    #[must_use]
    pub fn with_hints(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        self.hints.extend(hints);
        self
    }

    /// Adds a hint, if there is one.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hints.extend(hint);
        self
    }

    /// Returns the failure on one line, for the journal and for progress.
    pub fn one_line(&self) -> String {
        let mut line = self.message.clone();
        for cause in &self.causes {
            line.push_str(": ");
            line.push_str(cause);
        }
        line.replace('\n', " ")
    }

    /// Returns the message with its causes and all hints on one line.
    pub fn one_line_with_hints(&self) -> String {
        let parts = std::iter::once(self.one_line()).chain(self.hints.iter().cloned());
        parts.collect::<Vec<_>>().join("; ")
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
    fn causes_follow_the_message_and_hints_follow_them() {
        let failure =
            Failure::of(Exit::PartWay, &Outer(Inner)).while_doing("create cluster a").hint("free some space");
        assert_eq!(failure.message, "create cluster a");
        assert_eq!(failure.causes, ["outer", "inner"]);
        assert_eq!(failure.one_line(), "create cluster a: outer: inner");
        assert_eq!(failure.exit.status(), 4);
    }

    #[test]
    fn too_many_open_files_have_a_hint_wherever_they_are_met() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot connect")]
        struct Connect(#[source] std::io::Error);

        let failure = Failure::of(Exit::PartWay, &Connect(rustix::io::Errno::MFILE.into())).hint("try again");
        assert!(failure.hints[0].contains("`ulimit -n 4096`"), "{:?}", failure.hints);
        assert_eq!(failure.hints[1..], ["try again"]);
        let refused = Connect(std::io::ErrorKind::ConnectionRefused.into());
        assert_eq!(Failure::of(Exit::PartWay, &refused).hints, [""; 0]);
    }

    #[test]
    fn every_outcome_has_the_documented_exit_status() {
        assert_eq!(status(&Ok(0)), 0);
        assert_eq!(status(&Ok(143)), 143);
        for (exit, number) in
            [(Exit::Internal, 1), (Exit::Usage, 2), (Exit::Missing, 3), (Exit::PartWay, 4), (Exit::Left, 5)]
        {
            assert_eq!(status(&Err(Failure::new(exit, "x"))), number, "{exit:?}");
        }
    }

    #[test]
    fn panic_is_reported_as_a_bug() {
        let name = "first";
        let outcomes: [Result<u8, Failure>; 2] =
            [caught(|| panic!("no step")), caught(|| panic!("no step {name}"))];
        for (outcome, why) in outcomes.into_iter().zip(["no step", "no step first"]) {
            assert_eq!(status(&outcome), 1);
            let failure = outcome.unwrap_err();
            assert_eq!(failure.causes, [why]);
            assert!(failure.hints[0].contains("report"), "{:?}", failure.hints);
        }
        assert_eq!(caught(|| Ok(())), Ok(()));
    }
}
