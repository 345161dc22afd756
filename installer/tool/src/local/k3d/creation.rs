//! The input of `k3d cluster create`.

use crate::{
    docker::Cgroups,
    local::{ExtraConfig, Mapping, Mark},
};

/// The longest cluster name that k3d accepts.
pub const NAME_LIMIT: usize = 32;

/// A cluster to create.
#[derive(Debug, Clone)]
pub struct K3dCreation<'a> {
    /// The cluster's name, of at most [`NAME_LIMIT`] characters.
    pub name: &'a str,
    /// Its Docker network, which must exist. k3d never deletes it.
    pub network: &'a str,
    /// Image of its nodes, with a tag.
    pub image: &'a str,
    /// The version of the control groups that containers get.
    pub cgroups: Cgroups,
    /// The port of its API server on this machine; a free one if `None`.
    pub api_port: Option<u16>,
    /// The ports of this machine that lead to its first server.
    pub mappings: &'a [Mapping],
    /// How many servers it has. Several servers use etcd.
    pub servers: u16,
    /// How many agents it has.
    pub agents: u16,
    /// Host names that its nodes reach without a proxy, such as a registry's.
    pub direct: &'a [String],
    pub owner: &'a Mark,
    /// The user's configuration, below devplat's.
    pub extra: Option<ExtraConfig<'a>>,
    /// The text of registries.yaml, which k3s reads at its start.
    pub registries: Option<&'a str>,
}
