//! Plans and their steps.

use std::{fmt, time::Duration};

use crate::{Id, Physical};

/// The action of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Creates an absent resource.
    Create,
    /// Changes it in place.
    Update,
    /// Compares a resource that cannot be compared while planning, then creates or updates it if needed.
    Check,
    /// Deletes a broken resource and creates it again. Only journals of version 1 have it: it is two steps now.
    Replace,
    /// Leaves it as it is, because it is as wanted.
    Keep,
    /// Deletes it.
    Delete,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Check => "check",
            Self::Replace => "replace",
            Self::Keep => "keep",
            Self::Delete => "delete",
        })
    }
}

/// The resource of a step: two generations and doubles of one id can be in one plan.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StepId {
    /// The resource.
    pub id: Id,
    pub generation: u32,
    /// The found resource that the step deletes; `None` if it does something else. A resource that is replaced old-first
    /// is deleted and created under one id.
    pub deletes: Option<Physical>,
}

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

impl serde::Serialize for StepId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// One action on one resource.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// The resource.
    pub id: StepId,
    pub action: Action,
    /// The reason, as a phrase for messages.
    pub reason: String,
    /// Steps of the same plan that must end first.
    pub after: Vec<StepId>,
    /// Steps of the same plan whose resource must be usable first. They may still be running.
    pub after_usable: Vec<StepId>,
    /// How long it usually takes.
    #[serde(rename = "usualSeconds", serialize_with = "as_seconds")]
    pub usual: Duration,
}

/// The steps from the found resources to the wanted ones.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Plan {
    /// The steps, in an order in which they could run one by one.
    pub steps: Vec<Step>,
}

impl Plan {
    /// Whether carrying it out changes nothing.
    pub fn changes_nothing(&self) -> bool {
        self.changes().next().is_none()
    }

    /// The steps that do something.
    pub fn changes(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter().filter(|step| step.action != Action::Keep)
    }
}

fn as_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
