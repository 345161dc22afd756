//! Calls to an API server, with a description for errors, retries for temporary failures, and an end when the user asks
//! to stop.

mod answer;
mod damage;
mod error;
mod hint;
mod retry;
#[cfg(test)]
pub(crate) mod tests;

use std::{collections::BTreeMap, fmt};

pub use answer::ErrorAnswer;
pub use damage::ObjectDamage;
pub use devplat_connect::{ConnectionCause, ConnectionError};
pub use error::{CallError, Class, Error, call_error};
pub(crate) use error::{absent, classify, if_there, is_silent};
pub use hint::hints;
pub(crate) use hint::{ASK_FOR_RIGHTS, CHECK_CLUSTER, CHECK_PROXY, GET_KUBECONFIG, LOG_IN};
pub(crate) use retry::{ApiServer, New, bounded, chain};

use crate::{ObjectRef, admission::Operation};

/// The verb of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallVerb {
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

impl CallVerb {
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

    /// The possible operations that webhooks match this verb by.
    pub(crate) fn operations(self) -> &'static [Operation] {
        match self {
            Self::Read | Self::List => &[],
            Self::Create | Self::Try | Self::Review => &[Operation::Create],
            Self::Apply | Self::Compare => &[Operation::Create, Operation::Update],
            Self::Delete => &[Operation::Delete],
            Self::ForwardPort => &[Operation::Connect],
        }
    }

    /// The subresource of the object that the call is on; empty for the object itself.
    pub(crate) fn subresource(self) -> &'static str {
        match self {
            Self::ForwardPort => "portforward",
            Self::Read
            | Self::List
            | Self::Create
            | Self::Apply
            | Self::Compare
            | Self::Try
            | Self::Delete
            | Self::Review => "",
        }
    }
}

/// A call: its verb and object.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) verb: CallVerb,
    pub(crate) object: ObjectRef,
    /// The user that the call impersonates.
    pub(crate) on_behalf: Option<&'static str>,
    /// The labels in the body, by which webhooks select objects; `None` if they are unknown.
    pub(crate) labels: Option<BTreeMap<String, String>>,
}

impl Call {
    pub(crate) fn new(verb: CallVerb, object: &ObjectRef) -> Self {
        Self { verb, object: object.clone(), on_behalf: None, labels: None }
    }

    /// States the labels in the body.
    pub(crate) fn with_labels(mut self, labels: &BTreeMap<String, String>) -> Self {
        self.labels = Some(labels.clone());
        self
    }

    /// Returns the error of this call.
    pub(crate) fn error(&self, class: Class) -> CallError {
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
