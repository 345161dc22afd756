//! Releases: sets of objects applied together by server-side apply. An inventory in the cluster lists their objects, so
//! that those that are no longer wanted are found and pruned.

mod apply;
mod compare;
mod data;
mod gone;
mod inventory;
mod kinds;
mod look;
mod observe;
mod pods;
mod readiness;
mod remove;
mod strays;
mod unchanged;
mod wait;

pub use apply::apply;
pub use data::{Data, data};
pub(crate) use gone::wait_while;
pub use inventory::NAMESPACE;
pub(crate) use inventory::{apply_params, labels};
pub use kinds::KINDS;
pub use look::Reason;
pub use observe::{Drift, State, observe};
pub use remove::{
    DataLoss, RemoveError, has_custom_resources, leftovers, remove, remove_custom_resources,
    remove_leftovers, remove_namespace, remove_strays,
};
pub use strays::{names, strays};
pub use wait::{NotReady, wait_ready};

use kube::{ResourceExt, api::DynamicObject};

use crate::{CallError, Error, ObjectRef, admission::AdmissionRefusal, call, pace::Stopped};

/// Field manager of all objects that devplat applies.
pub const FIELD_MANAGER: &str = "devplat";
/// The label with the name of the platform that owns an object.
pub const PLATFORM_LABEL: &str = "devplat.dev/platform";
/// The ConfigMap with the record of the proof, in the namespace of the inventories.
pub const PROOF_RECORD: &str = "devplat-proof";

/// A set of objects for a cluster.
#[derive(Debug, Clone)]
pub struct Release {
    /// The platform.
    pub platform: String,
    /// The name of the set.
    pub name: String,
    /// The objects, each with the platform's label, in the order to apply them.
    pub objects: Vec<DynamicObject>,
    /// A digest of the objects.
    pub digest: String,
}

/// The reason why a release could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// Objects of these names exist and are not devplat's.
    #[error("objects of these names are not devplat's: {}", list(.0))]
    Foreign(Vec<ObjectRef>),
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// An object was not ready, or an old one not gone, in time.
    #[error(transparent)]
    NotReady(#[from] NotReady),
    /// Admission rejects its pods.
    #[error("no pod of {object} can be created: {message}")]
    Refused {
        /// The Deployment.
        object: ObjectRef,
        /// The API server's message.
        message: String,
        /// The policy that rejects them, if pods could be tried.
        refusal: Option<Box<AdmissionRefusal>>,
    },
    /// The user asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<Error> for ReleaseError {
    fn from(error: Error) -> Self {
        match error {
            Error::Call(error) => Self::Call(error),
            Error::Stopped(stopped) => Self::Stopped(stopped),
        }
    }
}

impl ReleaseError {
    /// The remedies.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Foreign(_) => {
                vec!["rename or delete these objects, or use another cluster".to_owned()]
            }
            Self::Call(error) => call::hints(error),
            Self::Refused { refusal: Some(refusal), .. } => refusal.hints(),
            Self::NotReady(_) | Self::Refused { .. } | Self::Stopped(_) => Vec::new(),
        }
    }
}

fn list(objects: &[ObjectRef]) -> String {
    objects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Release {
    fn refs(&self) -> Vec<ObjectRef> {
        self.objects.iter().map(ObjectRef::of).collect()
    }
}

/// Returns whether `object` has the label of `platform`.
fn is_ours(object: &impl ResourceExt, platform: &str) -> bool {
    object.labels().get(PLATFORM_LABEL).is_some_and(|value| value == platform)
}
