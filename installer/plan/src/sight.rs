//! What was found of a platform, in the form in which the planner compares it with what is wanted.

use std::{collections::BTreeMap, fmt, time::Duration};

use crate::{Can, Change, Id, KindName, Loss};

/// Everything that was found, by id. A platform can own several resources of one id: two generations while one replaces
/// the other, or doubles after an answer was lost.
pub type Inventory = BTreeMap<Id, Vec<Sight>>;

/// One resource that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// The name by which its provider knows it.
    pub physical: Physical,
    /// Counts replacements, from 0.
    pub generation: u32,
    /// Whose it is.
    pub owner: Owner,
    /// How far it is.
    pub state: State,
    /// How it compares with what is wanted of this id; `None` if nothing is.
    pub verdict: Option<Verdict>,
    /// Which actions its kind implements.
    pub can: Can,
    /// Kinds of which everything has to be gone before it can be deleted.
    pub gone_first: &'static [KindName],
    /// Resources that have to be gone before it can be deleted.
    pub gone_first_ids: Vec<Id>,
    /// The resource that takes it along when it is deleted.
    pub dies_with: Option<Id>,
    /// What is lost if it is deleted.
    pub loses: Option<Loss>,
    /// How long its deletion usually takes.
    pub usual_deletion: Duration,
}

/// The name by which a provider knows a resource: an id, an ARN, a container's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Physical(pub String);

impl fmt::Display for Physical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whose a resource is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// This platform's: it carries the platform's mark.
    Ours,
    /// Named by the user, used and never deleted.
    Adopted,
    /// Made by something that devplat installed, such as a controller. It goes only when `by` goes.
    Caused {
        /// The resource of the platform behind it.
        by: Id,
    },
    /// Not this platform's.
    Foreign(Foreigner),
}

impl Owner {
    /// An owner other than devplat and every account of this machine; `text` names resource and owner.
    pub fn stranger(text: impl Into<String>) -> Self {
        Self::Foreign(Foreigner::Stranger(text.into()))
    }
}

/// The owner of a resource that is not this platform's, as far as that is known. Its text names resource and owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foreigner {
    /// Not devplat, or another platform.
    Stranger(String),
    /// A platform of the same name, made by another account of this machine: the user can take it over.
    Account(String),
}

impl fmt::Display for Foreigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stranger(text) | Self::Account(text) => f.write_str(text),
        }
    }
}

/// How far a resource is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Being created.
    Coming,
    /// Ready for use.
    Ready,
    /// In use, with faults that do not keep it from working.
    Degraded(Vec<String>),
    /// Beyond repair, with the reason; nothing of value is in it.
    Failed(String),
    /// Being deleted.
    Leaving,
}

/// How a resource compares with what is wanted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As wanted.
    Same,
    /// Different in these ways.
    Differs(Vec<Change>),
    /// Adopted, and unable to serve, for these reasons.
    Unfit(Vec<String>),
    /// Not comparable now, with the reason.
    Unknown(String),
}
