//! A cluster that k3d is to make.

use crate::{
    docker::Cgroups,
    local::{ExtraConfig, Mapping, Owner},
};

/// The longest name of a cluster that k3d takes.
pub const NAME_LIMIT: usize = 32;

/// A cluster to be made.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The cluster's name, of at most [`NAME_LIMIT`] letters.
    pub name: &'a str,
    /// The Docker network that it lies in, which has to be there: k3d never deletes it.
    pub network: &'a str,
    /// Image of its nodes, with a tag.
    pub image: &'a str,
    /// The version of the control groups that containers get.
    pub cgroups: Cgroups,
    /// Port of its API server on this machine; a free one where there is none.
    pub api_port: Option<u16>,
    /// Ports of this machine that lead to its first server.
    pub mappings: &'a [Mapping],
    /// How many servers it has; more than one keep their state in etcd.
    pub servers: u16,
    /// How many agents it has.
    pub agents: u16,
    /// Whose it is.
    pub owner: &'a Owner,
    /// The user's configuration, to be laid under devplat's.
    pub extra: Option<ExtraConfig<'a>>,
    /// The text of registries.yaml, which k3s reads when it starts.
    pub registries: Option<&'a str>,
}
