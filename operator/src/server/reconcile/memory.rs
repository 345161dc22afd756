//! The memory of this process about a server.

use std::collections::BTreeSet;

use k8s_openapi::jiff::Timestamp;

use super::super::snapshot::{ChildKind, Failure};

/// What is remembered of a server while this process lives.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Memory {
    /// Generation of its Deployment after the last write.
    pub(super) written_generation: Option<i64>,
    /// When its keys were last made, or found to be there.
    pub(super) keys_made: Option<Timestamp>,
    /// Why the last attempt at a child failed.
    pub(super) failure: Option<Failure>,
    /// Children whose names something else had when they were to be made.
    pub(super) taken: BTreeSet<ChildKind>,
}
