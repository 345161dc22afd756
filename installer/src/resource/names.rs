//! The names of kinds that other kinds mention, each with the label of its ids, and the ids of releases. Every other kind
//! has its name in its own file. The name of clusters is in `context`.

use devplat_plan::{Id, KindName};
use devplat_render::ReleaseName;

pub(super) const NETWORK: KindName = KindName::new("network");
pub(super) const REGISTRY: KindName = KindName::new("local registry");
pub(super) const BUILD: KindName = KindName::new("image {}");
pub(super) const IMPORT: KindName = KindName::new("image {} in the nodes");
pub(super) const PUSH: KindName = KindName::new("image {} in the registry");
pub(super) const KEY: KindName = KindName::new("key of user {}");
pub(super) const RELEASE: KindName = KindName::new("release {}");
pub(super) const USER_DATA: KindName = KindName::new("dev servers and users");
pub(super) const STRAYS: KindName = KindName::new("objects in no release");
pub(super) const SSH_CONFIG: KindName = KindName::new("ssh configuration");
pub(super) const PROOF_SERVER: KindName = KindName::new("dev server for the proof");
pub(super) const PROOF: KindName = KindName::new("proof");

/// Returns the id of a release.
pub(super) fn release_id(name: ReleaseName) -> Id {
    RELEASE.named(name.as_str())
}
