//! Why there is no whole plan.

use serde::ser::SerializeStruct;

use crate::{Action, Foreigner, Id, Loss};

/// A reason against a plan: it would touch a resource of another owner, or destroy data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// The name is taken.
    #[error("{id} is not {}: {who}", whose(.who))]
    Foreign {
        /// The resource whose name is taken.
        id: Id,
        /// The object that has the name.
        who: Foreigner,
    },
    /// The change destroys data, which the user has not allowed.
    #[error("cannot change {id} without losing {loss}: {why}")]
    LosesData {
        /// The resource that would be deleted.
        id: Id,
        /// The difference, or the reason for the deletion.
        why: String,
        /// The data that would be lost.
        loss: Loss,
    },
    /// An action that devplat does not implement for this kind.
    #[error("devplat does not {action} {id}: {why}")]
    Cannot {
        /// The resource.
        id: Id,
        action: Action,
        /// The reason for the action.
        why: String,
    },
    /// The user named a resource that the platform cannot use.
    #[error("{id} cannot be used: {}", .why.join("; "))]
    Unfit {
        /// The resource.
        id: Id,
        /// The reasons.
        why: Vec<String>,
    },
    /// Something in its place keeps the step from succeeding.
    #[error("{id} cannot succeed: {why}")]
    Prevented {
        /// The resource.
        id: Id,
        /// The obstacle.
        why: String,
        /// The ways out.
        remedies: Vec<String>,
    },
    /// Something that the resource needs is taken.
    #[error("{id} needs {what}, which {holder} has")]
    Taken {
        /// The resource.
        id: Id,
        /// The need, such as `node port 30022`.
        what: String,
        /// The holder, which is not of the platform.
        holder: String,
        /// The ways out.
        remedies: Vec<String>,
    },
}

impl Blocked {
    /// Returns the resource that it is about.
    pub fn id(&self) -> &Id {
        match self {
            Self::Foreign { id, who: _ }
            | Self::LosesData { id, why: _, loss: _ }
            | Self::Cannot { id, action: _, why: _ }
            | Self::Unfit { id, why: _ }
            | Self::Prevented { id, why: _, remedies: _ }
            | Self::Taken { id, what: _, holder: _, remedies: _ } => id,
        }
    }
}

/// Returns whose a resource of another owner is not.
fn whose(who: &Foreigner) -> &'static str {
    match who {
        Foreigner::Stranger(_) => "devplat's",
        // It is devplat's, too.
        Foreigner::Account(_) | Foreigner::Platform(_) => "this platform's",
    }
}

/// For programs: the resource and the reason.
impl serde::Serialize for Blocked {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Blocked", 2)?;
        fields.serialize_field("id", &self.id().to_string())?;
        fields.serialize_field("why", &self.to_string())?;
        fields.end()
    }
}
