//! Compares a release with its objects in the cluster.

use kube::Client;

use super::{
    Release,
    going::{GoingUser, going_users},
    held::{Held, held},
    inventory::{self, NameHolder},
    look::{LiveRelease, ObjectState, Reason, read_live},
};
use crate::{Error, ObjectRef, Pace, Waiting, call::ApiServer};

/// The state of a release in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReleaseState {
    /// None of its objects exists.
    Absent,
    /// Objects with its names are not ours.
    Foreign {
        /// These objects.
        objects: Vec<ObjectRef>,
        /// The platform in the same cluster that has one of them.
        platform: Option<String>,
    },
    /// All of its existing objects are being deleted, as after an interrupted removal.
    Leaving(Vec<Waiting>),
    /// All or some of its objects exist.
    Present {
        /// Wanted, but absent.
        missing: Vec<ObjectRef>,
        /// Present, but different.
        drifted: Vec<Drift>,
        /// Present, but cannot be compared.
        unknown: Vec<(ObjectRef, Reason)>,
        /// In the inventory, but no longer wanted.
        surplus: Vec<ObjectRef>,
        /// The users among them that have dev servers, which are deleted with them.
        going: Vec<GoingUser>,
        /// Whether the inventory records that exactly this release was applied completely.
        recorded: bool,
        /// Present, but being deleted.
        leaving: Vec<Waiting>,
        /// Present, but not ready.
        not_ready: Vec<Waiting>,
    },
}

/// An object that differs from the wanted one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    pub object: ObjectRef,
    /// The paths of the fields that differ.
    pub fields: Vec<String>,
}

impl ReleaseState {
    /// Returns the objects that are being deleted.
    pub fn leaving(&self) -> &[Waiting] {
        match self {
            Self::Leaving(leaving) | Self::Present { leaving, .. } => leaving,
            Self::Absent | Self::Foreign { .. } => &[],
        }
    }
}

/// Compares each object of `release` with the cluster.
pub async fn observe(client: &Client, release: &Release, pace: &dyn Pace) -> Result<ReleaseState, Error> {
    let server = ApiServer { client, pace };
    let live = read_live(server, release).await?;
    let foreign = live.foreign(release);
    if !foreign.is_empty() {
        return Ok(ReleaseState::Foreign { objects: foreign, platform: live.other_platform() });
    }
    let LiveRelease { namespace, inventory, objects } = live;
    let (mut missing, mut drifted, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    let (mut leaving, mut not_ready, mut same) = (Vec::new(), Vec::new(), 0);
    for (object, state) in objects {
        match state {
            ObjectState::Missing => missing.push(object),
            ObjectState::Foreign { .. } => unreachable!("foreign objects were reported above"),
            ObjectState::Drifted(fields) => drifted.push(Drift { object, fields }),
            ObjectState::Unknown(reason) => unknown.push((object, reason)),
            ObjectState::Leaving(waiting) => leaving.push(waiting),
            ObjectState::Same(waiting) => {
                same += 1;
                not_ready.extend(waiting);
            }
        }
    }
    if inventory == NameHolder::Free && missing.len() == release.objects.len() {
        return Ok(ReleaseState::Absent);
    }
    if matches!(namespace, NameHolder::Leaving(())) {
        let Held { waiting, holder: _ } =
            Box::pin(held(server, &inventory::namespace_reference(), &[])).await?;
        leaving.push(waiting);
    }
    if !leaving.is_empty() && same + drifted.len() + unknown.len() == 0 {
        return Ok(ReleaseState::Leaving(leaving));
    }
    let wanted = release.refs();
    let inventory = inventory.ours().unwrap_or_default();
    let recorded = inventory.digest == release.digest;
    let surplus: Vec<ObjectRef> =
        inventory.objects.into_iter().filter(|object| !wanted.contains(object)).collect();
    let going = Box::pin(going_users(server, &surplus)).await?;
    Ok(ReleaseState::Present { missing, drifted, unknown, surplus, going, recorded, leaving, not_ready })
}
