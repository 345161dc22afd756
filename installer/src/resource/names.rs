//! The names of kinds that other kinds mention, each with the label of its ids and the type of its outputs, and the ids of
//! releases. Every other kind has its name in its own file. The name of clusters is in `platform_context`.

use std::sync::{Arc, OnceLock};

use devplat_kubernetes::proof::Begun;
use devplat_plan::Id;
use devplat_render::ReleaseName;

use crate::platform_context::KindWith;

pub(super) const NETWORK: KindWith<()> = KindWith::new("network");
pub(super) const REGISTRY: KindWith<RegistryAddress> = KindWith::new("local registry");
pub(super) const BUILD: KindWith<()> = KindWith::new("image {}");
pub(super) const IMPORT: KindWith<()> = KindWith::new("image {} in the nodes");
pub(super) const PUSH: KindWith<()> = KindWith::new("image {} in the registry");
pub(super) const KEY: KindWith<()> = KindWith::new("key of user {}");
pub(super) const RELEASE: KindWith<()> = KindWith::new("release {}");
pub(super) const USER_DATA: KindWith<()> = KindWith::new("dev servers and users");
pub(super) const STRAYS: KindWith<()> = KindWith::new("objects in no release");
pub(super) const SSH_CONFIG: KindWith<()> = KindWith::new("ssh configuration");
pub(super) const PROOF_SERVER: KindWith<BegunProof> = KindWith::new("dev server for the proof");
pub(super) const PROOF: KindWith<()> = KindWith::new("proof");

/// The address of the local registry to push to, such as `127.0.0.1:41234`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RegistryAddress(pub String);

/// The proof whose dev server is created, with the key of the dev server's user, which is never on disk.
pub(super) type BegunProof = Arc<OnceLock<Begun>>;

/// Returns the id of a release.
pub(super) fn release_id(name: ReleaseName) -> Id {
    RELEASE.named(name.as_str())
}
