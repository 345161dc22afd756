//! What is at a place where an object of ours should be. Somebody else's is never touched.

mod find;

use std::sync::Arc;

/// What is at the place of a child.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Child<T> {
    /// Nothing.
    Absent,
    /// The child.
    Ours(Arc<T>),
    /// Something of somebody else's, not to be touched.
    Foreign,
}

impl<T> Child<T> {
    /// The child, if it is there.
    pub(crate) fn ours(&self) -> Option<&T> {
        match self {
            Self::Ours(facts) => Some(facts),
            Self::Absent | Self::Foreign => None,
        }
    }
}
