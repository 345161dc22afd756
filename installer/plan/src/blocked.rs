//! Why there is no plan.

use crate::{Action, Foreigner, Id, Loss};

/// A reason for which nothing is planned: carrying it out would touch what is not the platform's, or destroy data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// The name is taken.
    #[error("{id} is not devplat's: {who}")]
    Foreign {
        /// Whose name is taken.
        id: Id,
        /// What was found in its place.
        who: Foreigner,
    },
    /// The change destroys data, and that was not allowed.
    #[error("{id} cannot be brought to what is wanted without losing {loss}: {why}")]
    LosesData {
        /// What would be deleted.
        id: Id,
        /// What differs.
        why: String,
        /// What would be lost.
        loss: Loss,
    },
    /// An action that devplat does not implement for this kind.
    #[error("devplat does not {action} {id}: {why}")]
    Cannot {
        /// The resource.
        id: Id,
        /// The action.
        action: Action,
        /// Why it would be needed.
        why: String,
    },
    /// The user named something that cannot serve.
    #[error("{id} cannot be used: {}", .why.join("; "))]
    Unfit {
        /// What was named.
        id: Id,
        /// Each reason.
        why: Vec<String>,
    },
}
