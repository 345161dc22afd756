//! Calls to an API server, with a description for errors, retries for temporary failures, and an end when the user asks
//! to stop.

mod answer;
mod error;
mod hint;
mod retry;
#[cfg(test)]
pub(crate) mod tests;

use std::fmt;

pub use answer::Answer;
pub use error::{CallError, Class, ConnectionCause, ConnectionError, Error, call_error};
pub(crate) use error::{absent, classify, if_there};
pub use hint::hints;
pub(crate) use retry::{ApiServer, New, bounded, chain};

use crate::ObjectRef;

/// The verb of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Read,
    List,
    Create,
    Apply,
    /// Apply with `dryRun=All`.
    Compare,
    /// Create with `dryRun=All`.
    Try,
    Delete,
    /// Create of a review, which stores nothing.
    Review,
    ForwardPort,
}

impl Verb {
    fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Create | Self::Review => "create",
            Self::Apply => "apply",
            Self::Compare => "compare",
            Self::Try => "try",
            Self::Delete => "delete",
            Self::ForwardPort => "forward a port to",
        }
    }

    /// Returns whether a call with this verb changes an object.
    pub(crate) fn changes(self) -> bool {
        match self {
            Self::Create | Self::Apply | Self::Delete => true,
            Self::Read | Self::List | Self::Compare | Self::Try | Self::Review | Self::ForwardPort => false,
        }
    }

    /// The operations that webhooks match this verb by.
    pub(crate) fn operations(self) -> &'static [&'static str] {
        match self {
            Self::Read | Self::List => &[],
            Self::Create | Self::Try | Self::Review => &["CREATE"],
            Self::Apply | Self::Compare => &["CREATE", "UPDATE"],
            Self::Delete => &["DELETE"],
            Self::ForwardPort => &["CONNECT"],
        }
    }
}

/// A call: its verb and object.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) verb: Verb,
    pub(crate) object: ObjectRef,
    /// The user that the call impersonates.
    pub(crate) on_behalf: Option<&'static str>,
}

impl Call {
    pub(crate) fn new(verb: Verb, object: &ObjectRef) -> Self {
        Self { verb, object: object.clone(), on_behalf: None }
    }

    /// Returns the error of this call.
    pub(crate) fn failed(&self, class: Class) -> CallError {
        CallError { what: self.to_string(), object: Some(self.object.clone()), class: Box::new(class) }
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb.as_str(), self.object)?;
        match self.on_behalf {
            Some(user) => write!(f, " as {user}"),
            None => Ok(()),
        }
    }
}
