//! Releases: sets of objects applied together by server-side apply, with an inventory in the cluster of what
//! belongs to them, so that what is wanted no more is found and taken away.

mod apply;
mod data;
mod inventory;
mod observe;
mod readiness;
mod remove;

pub use apply::apply;
pub use data::{Data, data};
pub use inventory::NAMESPACE;
pub(crate) use inventory::{apply_params, labels};
pub(crate) use observe::leaving;
pub use observe::{Drift, State, observe};
pub use readiness::{NotReady, wait_ready};
pub use remove::{
    DataLoss, RemoveError, leftovers, remove, remove_custom_resources, remove_leftovers, remove_namespace,
};

use kube::{ResourceExt, api::DynamicObject};

use crate::{Error, ObjectRef};

/// Field manager of everything devplat applies.
pub const FIELD_MANAGER: &str = "devplat";
/// The label that says whose platform an object is.
pub const PLATFORM_LABEL: &str = "devplat.dev/platform";

/// A set of objects to be in a cluster.
#[derive(Debug, Clone)]
pub struct Release {
    /// Whose platform.
    pub platform: String,
    /// Which set.
    pub name: String,
    /// The objects, each with the platform's label, in the order to apply them.
    pub objects: Vec<DynamicObject>,
    /// The same for the same objects.
    pub digest: String,
}

/// Why a release could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Objects of these names are there and are somebody else's.
    #[error("not devplat's, and in the way: {}", list(.0))]
    Foreign(Vec<ObjectRef>),
    /// A call failed.
    #[error(transparent)]
    Call(#[from] Error),
    /// It was not ready in time, or what was in its place not gone.
    #[error(transparent)]
    NotReady(#[from] NotReady),
}

fn list(objects: &[ObjectRef]) -> String {
    objects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Release {
    fn refs(&self) -> Vec<ObjectRef> {
        self.objects.iter().map(ObjectRef::of).collect()
    }
}

/// Whether `object` carries the label of `platform`.
fn is_ours(object: &impl ResourceExt, platform: &str) -> bool {
    object.labels().get(PLATFORM_LABEL).is_some_and(|value| value == platform)
}
