//! The parts of the agent that every connection needs.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::{activity::Activity, children::Children};

/// What all connections share.
pub(crate) struct Site {
    /// All processes.
    pub(crate) children: Arc<Children>,
    /// What is told to the operator.
    pub(crate) activity: Arc<Activity>,
    /// Ends all connections.
    pub(crate) end: CancellationToken,
}
