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

/// Returns the names that k3d gives to the containers of cluster `name`. devplat switches its load balancer off.
pub fn container_names(name: &str, servers: u16, agents: u16) -> Vec<String> {
    node_names(name, servers, agents).chain([format!("k3d-{name}-tools")]).collect()
}

/// Returns the names of the nodes.
pub(super) fn node_names(name: &str, servers: u16, agents: u16) -> impl Iterator<Item = String> {
    let of =
        |role: &'static str, count: u16| (0..count).map(move |number| format!("k3d-{name}-{role}-{number}"));
    of("server", servers).chain(of("agent", agents))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn containers_of_k3d_are_numbered_from_zero() {
        let names = ["k3d-a-server-0", "k3d-a-server-1", "k3d-a-agent-0", "k3d-a-tools"];
        assert_eq!(container_names("a", 2, 1), names);
    }
}
