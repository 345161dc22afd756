//! What is waited for, named.

use std::fmt;

use crate::ObjectRef;

/// What is waited for, and why it is not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Which object.
    pub object: ObjectRef,
    /// How far it is: how many of how many, or one word.
    pub progress: String,
    /// Why it is no further, where Kubernetes tells.
    pub reason: Option<String>,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { object, progress, reason } = self;
        write!(f, "waiting for {object}: {progress}")?;
        match reason {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

/// Takes what is waited for, each time it changes.
pub type Tell<'a> = &'a (dyn Fn(&Waiting) + Send + Sync);
