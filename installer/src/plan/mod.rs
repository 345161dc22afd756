//! From what is wanted and what is there to the steps in between: pure. Nothing here talks to a cluster, reads a
//! clock, the environment or a file; the same input gives the same plan, on any machine.

mod diff;
mod estimate;
mod graph;
#[cfg(test)]
mod tests;

pub use diff::{Blocked, diff, removal};
pub use estimate::estimate;
pub use graph::{Graph, GraphError};

use std::{fmt, time::Duration};

/// What a planner has to know of a kind of thing; the rest of it lives in `resource/`.
pub trait Planned {
    /// What tells it from every other.
    type Id: Copy + Ord + fmt::Display;

    /// Its name among all.
    fn id(&self) -> Self::Id;

    /// What must be there before it can be made.
    fn needs(&self) -> Vec<Self::Id>;

    /// What it lies in: with that gone, it is gone as well, and deleting it first would be time lost.
    fn inside(&self) -> Option<Self::Id>;

    /// How long making it usually takes.
    fn usual_duration(&self) -> Duration;
}

/// How a thing that is wanted compares with what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is not there.
    Absent,
    /// It is there, ours, and as wanted.
    Same,
    /// It is ours, and these things differ; they can be mended in place.
    Differs(Vec<String>),
    /// It is ours and cannot be mended; nothing of value is lost when it is made again.
    Broken(String),
    /// It is ours, and only making it again, with all that lies in it, would help.
    Outgrown(Vec<String>),
    /// Something of that name is there, and it is not ours.
    Foreign(String),
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Make what is not there.
    Create,
    /// Mend it where it stands.
    Update,
    /// Delete what is broken and make it again.
    Replace,
    /// Leave it: it is as wanted.
    Keep,
    /// Take it away.
    Delete,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Replace => "replace",
            Self::Keep => "keep",
            Self::Delete => "delete",
        })
    }
}

/// One thing done to one resource.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Step<Id> {
    /// To which.
    pub id: Id,
    /// What is done.
    pub action: Action,
    /// Why, in words for a person.
    pub reason: String,
    /// Steps of this plan that must be over first.
    pub after: Vec<Id>,
    /// How long it usually takes.
    #[serde(rename = "usualSeconds", serialize_with = "as_seconds")]
    pub usual: Duration,
}

/// What is going to be done, each step after those that it waits for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Plan<Id> {
    /// In an order in which they could be done one by one.
    pub steps: Vec<Step<Id>>,
}

impl<Id> Plan<Id> {
    /// Whether carrying it out would change anything.
    pub fn changes_nothing(&self) -> bool {
        self.steps.iter().all(|step| step.action == Action::Keep)
    }

    /// The steps that do something.
    pub fn changes(&self) -> impl Iterator<Item = &Step<Id>> {
        self.steps.iter().filter(|step| step.action != Action::Keep)
    }
}

fn as_seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
