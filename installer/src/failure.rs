//! How a command fails: the exit status by kind of failure, the chain of causes, and what to do. Errors stay typed up to
//! here; the text below is for people and is never read back.

mod from;

use std::{
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Kinds of failure, each with its exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// A mistake in devplat.
    Internal,
    /// The command line or the configuration is wrong, or asks for what must not be done.
    Usage,
    /// The machine or the account lacks something.
    Missing,
    /// Stopped part-way; the same command goes on.
    PartWay,
    /// Destroyed, but something is left.
    Left,
}

impl Exit {
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

/// The exit status of a command that ended like this.
pub fn status(outcome: &Result<(), Failure>) -> u8 {
    match outcome {
        Ok(()) => 0,
        Err(failure) => failure.exit.status(),
    }
}

/// Does `work`, and turns a panic in it into a failure: a mistake in devplat.
///
/// Where it happened is on standard error already, in Rust's own words.
pub fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    // Nothing that `work` leaves half-changed is used again: the program ends.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        Err(Failure::new(Exit::Internal, said)
            .while_doing("devplat crashed, which is a mistake in devplat")
            .hint("please report it, with the command line and everything that it printed")
            .hint("what was made is found again: the same command goes on"))
    })
}

/// What the engine decides by, besides the exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Anything that only its user can judge.
    Other,
    /// The user asked to stop.
    Stopped,
    /// Credentials that a cluster does not accept, or that expired.
    Login,
}

/// A failure as its user sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its kind.
    pub exit: Exit,
    /// What failed.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What to do.
    pub hints: Vec<String>,
    /// What it comes from, for decisions.
    pub cause: Cause,
}

impl Failure {
    /// A failure that explains itself.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), causes: Vec::new(), hints: Vec::new(), cause: Cause::Other }
    }

    /// A failure from an error and everything behind it.
    pub fn of(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        let mut failure = Self::new(exit, error.to_string());
        let mut last = failure.message.clone();
        let mut cause = error.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Some errors repeat their source's text in their own.
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

    /// Whether it only says that the user asked to stop.
    pub fn is_stopped(&self) -> bool {
        self.cause == Cause::Stopped
    }

    /// Whether a cluster does not accept the credentials.
    pub fn is_login(&self) -> bool {
        self.cause == Cause::Login
    }

    /// Puts what was to be done in front of why it failed.
    #[must_use]
    pub fn while_doing(mut self, what: impl Into<String>) -> Self {
        let why = std::mem::replace(&mut self.message, what.into());
        self.causes.insert(0, why);
        self
    }

    /// Adds where was looked.
    #[must_use]
    pub fn while_looking(mut self, looked: &[String]) -> Self {
        self.causes.extend(looked.iter().map(|place| format!("nothing in {place}")));
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds several things to do.
    #[must_use]
    pub fn with_hints(mut self, hints: impl IntoIterator<Item = String>) -> Self {
        self.hints.extend(hints);
        self
    }

    /// Adds what to do, if there is something.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hints.extend(hint);
        self
    }

    /// One line for the journal and for progress.
    pub fn one_line(&self) -> String {
        let mut line = self.message.clone();
        for cause in &self.causes {
            line.push_str(": ");
            line.push_str(cause);
        }
        line.replace('\n', " ")
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
    fn every_end_has_the_documented_exit_status() {
        assert_eq!(status(&Ok(())), 0);
        for (exit, number) in
            [(Exit::Internal, 1), (Exit::Usage, 2), (Exit::Missing, 3), (Exit::PartWay, 4), (Exit::Left, 5)]
        {
            assert_eq!(status(&Err(Failure::new(exit, "x"))), number, "{exit:?}");
        }
    }

    #[test]
    fn panic_is_a_mistake_in_devplat() {
        let name = "first";
        let outcomes: [Result<(), Failure>; 2] =
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
