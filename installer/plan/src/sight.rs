//! The found resources of a platform, in the form that the planner compares with the wanted ones.

use std::{collections::BTreeMap, fmt, time::Duration};

use crate::{Can, Change, How, Id, KindName, Loss};

/// The found resources, by id. A platform can own several resources of one id: two generations while one replaces the
/// other, or doubles after the answer to a create was lost.
pub type Sights = BTreeMap<Id, Vec<Sight>>;

/// One found resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sight {
    /// The name that the outside world has for it.
    pub physical: Physical,
    /// Counts replacements, from 0.
    pub generation: u32,
    pub owner: Owner,
    pub state: State,
    /// How it compares with the wanted resource of this id; `None` if none is wanted.
    pub verdict: Option<Verdict>,
    /// The actions that its kind implements.
    pub can: Can,
    /// Kinds whose resources must all be gone before it can be deleted.
    pub gone_first: &'static [KindName],
    /// Resources that must be gone before it can be deleted.
    pub gone_first_ids: Vec<Id>,
    /// The resource whose deletion deletes this one as well.
    pub deleted_with: Option<Id>,
    /// The data that its deletion destroys.
    pub loses: Option<Loss>,
    /// How long its deletion usually takes.
    pub usual_deletion: Duration,
}

/// How close a found resource is to the wanted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    /// Only a new resource can become the wanted one.
    Replaceable,
    /// It can be changed, or is not compared yet.
    Changeable,
    /// As wanted.
    Same,
}

impl Sight {
    /// Returns whether it is not this platform's.
    fn is_foreign(&self) -> bool {
        match &self.owner {
            Owner::Foreign(_) => true,
            Owner::Ours | Owner::Adopted | Owner::Caused { .. } => false,
        }
    }

    fn closeness(&self) -> Closeness {
        match (&self.state, &self.verdict) {
            (State::Failed(_), _) => Closeness::Replaceable,
            (_, Some(Verdict::Same)) => Closeness::Same,
            (_, Some(Verdict::Differs(changes))) if changes.iter().any(|one| one.how != How::InPlace) => {
                Closeness::Replaceable
            }
            (_, Some(Verdict::Differs(_) | Verdict::Unfit(_) | Verdict::Unknown(_)) | None) => {
                Closeness::Changeable
            }
        }
    }
}

/// Returns the position of the resource that a plan keeps among those with one id, or `None` if none is the platform's:
/// of the newest generation, the one that is closest to the wanted resource, and of equals the last.
pub fn live(sights: &[Sight]) -> Option<usize> {
    let ours = sights.iter().enumerate().filter(|(_, sight)| !sight.is_foreign());
    ours.max_by_key(|(_, sight)| (sight.generation, sight.closeness())).map(|(index, _)| index)
}

/// The name that the outside world has for a resource: an id, an ARN, a container's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Physical(pub String);

impl fmt::Display for Physical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The owner of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owner {
    /// This platform's: it carries the platform's mark.
    Ours,
    /// Named by the user, used and never deleted.
    Adopted,
    /// Created by a program that devplat installed, such as a controller. It is deleted only when `by` is.
    Caused {
        /// The resource of the platform that caused it.
        by: Id,
    },
    /// Not this platform's.
    Foreign(Foreigner),
}

impl Owner {
    /// Returns an owner that is not a devplat of this machine; `text` names resource and owner.
    pub fn stranger(text: impl Into<String>) -> Self {
        Self::Foreign(Foreigner::Stranger(text.into()))
    }
}

/// The owner of a foreign resource, as far as it is known. Its text names resource and owner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foreigner {
    /// Another program, or another platform.
    Stranger(String),
    /// The platform of this name, in the same cluster.
    Platform(String),
    /// A platform of the same name of another account of this machine, which the user can take over.
    Account(String),
}

impl fmt::Display for Foreigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stranger(text) | Self::Account(text) => f.write_str(text),
            Self::Platform(name) => write!(f, "it is of platform {name} in the same cluster"),
        }
    }
}

/// The state of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Being created.
    Coming,
    /// Ready for use.
    Ready,
    /// Working, with faults.
    Degraded(Vec<String>),
    /// Beyond repair, with the reason; it holds no data of value.
    Failed(String),
    /// Being deleted.
    Leaving,
}

/// The result of a comparison with the wanted resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As wanted.
    Same,
    /// Different in these ways.
    Differs(Vec<Change>),
    /// Adopted, and the platform cannot use it, for these reasons.
    Unfit(Vec<String>),
    /// Not comparable now, with the reason.
    Unknown(String),
}
