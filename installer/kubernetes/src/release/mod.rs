//! Releases: sets of objects applied together by server-side apply. An inventory in the cluster lists their objects, so
//! that those that are no longer wanted are found and pruned.

mod added_user;
mod apply;
mod compare;
mod data;
mod error;
mod going;
mod gone;
mod held;
mod holder;
mod inventory;
mod kinds;
mod look;
mod node_port;
mod observe;
mod obstacle;
mod pods;
mod rank;
mod readiness;
mod remove;
mod strays;
mod taints;
mod trials;
mod unchanged;
mod wait;
mod warnings;

pub use added_user::ADDED_USERS;
pub use apply::apply;
pub use data::{Data, data, homes, leaving_data};
pub use error::{NotReady, ReleaseError};
pub use going::{GoingUser, going};
pub use gone::OperatorPresence;
pub(crate) use gone::wait_while;
pub use holder::{Holder, OperatorState};
pub use inventory::NAMESPACE;
pub(crate) use inventory::{apply_params, labels};
pub use kinds::KINDS;
pub use look::Reason;
pub use node_port::{NodePortError, node_port_holder};
pub use observe::{Drift, ReleaseState, observe};
pub use obstacle::Obstacle;
pub use remove::{
    DataLoss, RemoveError, has_custom_resources, leftovers, remove, remove_custom_resources,
    remove_leftovers, remove_namespace, remove_strays,
};
pub use strays::{names, strays};
pub use taints::closed_nodes;
pub use trials::trials;
pub use wait::wait_ready;

use kube::{ResourceExt, api::DynamicObject};

use crate::ObjectRef;

/// Field manager of all objects that devplat applies.
pub const FIELD_MANAGER: &str = "devplat";
/// The label with the name of the platform that owns an object.
pub const PLATFORM_LABEL: &str = "devplat.dev/platform";
/// The annotation on the namespace of the inventories with the account that installed the platform.
pub(crate) const ACCOUNT_ANNOTATION: &str = "devplat.dev/account";
/// The ConfigMap with the record of the proof, in the namespace of the inventories.
pub const PROOF_RECORD: &str = "devplat-proof";

/// A set of objects for a cluster.
#[derive(Debug, Clone)]
pub struct Release {
    pub platform: String,
    /// The name of the set.
    pub name: String,
    /// The account that applies it, such as `1000:ada`, for the mark of a new platform; without it, there is none.
    pub account: Option<String>,
    /// The objects, each with the platform's label, dependencies first: a removal deletes the last one first.
    pub objects: Vec<DynamicObject>,
    /// A digest of the objects.
    pub digest: String,
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
