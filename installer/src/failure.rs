//! How a command fails: the exit status by kind of failure, the chain of causes, and what to do.

use std::{
    error::Error,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Kinds of failure, each with its exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// A mistake of devplat's own.
    Internal,
    /// The command line or the configuration is wrong, or what it asks for may not be.
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

/// Does `work`, and takes a panic in it for what it is: a mistake of devplat's own.
///
/// Where it happened stands on standard error already, from Rust's own words.
pub fn caught(work: impl FnOnce() -> Result<(), Failure>) -> Result<(), Failure> {
    // Nothing that `work` leaves half-changed is looked at again: what follows is the end.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no reason given");
        Err(Failure::new(Exit::Internal, said)
            .while_doing("devplat broke off, which is a mistake of its own")
            .hint("please report it, with the command line and all that was said")
            .hint("what was made is found again: the same command goes on"))
    })
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
}

impl Failure {
    /// A failure that is its own cause.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), causes: Vec::new(), hints: Vec::new() }
    }

    /// A failure from an error and everything behind it.
    pub fn of(exit: Exit, error: &(dyn Error + 'static)) -> Self {
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

    /// Puts what was to be done in front of why it failed.
    #[must_use]
    pub fn while_doing(mut self, what: impl Into<String>) -> Self {
        let why = std::mem::replace(&mut self.message, what.into());
        self.causes.insert(0, why);
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
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
    fn every_end_has_the_exit_status_that_is_documented() {
        assert_eq!(status(&Ok(())), 0);
        for (exit, number) in
            [(Exit::Internal, 1), (Exit::Usage, 2), (Exit::Missing, 3), (Exit::PartWay, 4), (Exit::Left, 5)]
        {
            assert_eq!(status(&Err(Failure::new(exit, "x"))), number, "{exit:?}");
        }
    }

    #[test]
    fn panic_is_a_mistake_of_devplats_own() {
        let name = "first";
        let outcomes = [caught(|| panic!("no step")), caught(|| panic!("no step {name}"))];
        for (outcome, why) in outcomes.into_iter().zip(["no step", "no step first"]) {
            assert_eq!(status(&outcome), 1);
            let failure = outcome.unwrap_err();
            assert_eq!(failure.causes, [why]);
            assert!(failure.hints[0].contains("report"), "{:?}", failure.hints);
        }
        assert_eq!(caught(|| Ok(())), Ok(()));
    }
}
