//! The names of the kinds, each with the label of its ids, and the ids of releases. The name of clusters is in `context`.

use devplat_plan::{Id, KindName};
use devplat_render::ReleaseName;

pub(super) const NETWORK: KindName = KindName::new("network");
pub(super) const REGISTRY: KindName = KindName::new("local registry");
pub(super) const KUBECONFIG: KindName = KindName::new("kubeconfig");
pub(super) const NODE_REGISTRY: KindName = KindName::new("registry in the nodes");
pub(super) const HOSTING: KindName = KindName::new("registry announcement");
pub(super) const BUILD: KindName = KindName::new("image {}");
pub(super) const IMPORT: KindName = KindName::new("image {} in the nodes");
pub(super) const PUSH: KindName = KindName::new("image {} in the registry");
pub(super) const PREFETCH: KindName = KindName::new("pull of {}");
pub(super) const KEY: KindName = KindName::new("key of user {}");
pub(super) const RELEASE: KindName = KindName::new("release {}");
pub(super) const USER_DATA: KindName = KindName::new("dev servers and users");
pub(super) const STRAYS: KindName = KindName::new("objects in no release");
pub(super) const SSH_CONFIG: KindName = KindName::new("ssh configuration");
pub(super) const SSH_BLOCK: KindName = KindName::new("block in ~/.ssh/config");
pub(super) const PROOF_SERVER: KindName = KindName::new("dev server for the proof");
pub(super) const PROOF: KindName = KindName::new("proof");

/// Returns the id of a release.
pub(super) fn release_id(name: ReleaseName) -> Id {
    RELEASE.named(name.as_str())
}
