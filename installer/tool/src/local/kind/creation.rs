//! The input of `kind create cluster`.

use crate::{
    docker::Cgroups,
    local::{ExtraConfig, Mapping, Mark},
};

/// A cluster to create.
#[derive(Debug, Clone)]
pub struct KindCreation<'a> {
    /// The cluster's name.
    pub name: &'a str,
    /// Its Docker network, which must exist.
    pub network: &'a str,
    /// The image of its nodes; kind's own if `None`.
    pub image: Option<&'a str>,
    /// Whether the image has its own CNI plugin.
    pub own_cni: bool,
    /// The version of the control groups that containers get.
    pub cgroups: Cgroups,
    /// The port of its API server on this machine; a free one if `None`.
    pub api_port: Option<u16>,
    /// The ports of this machine that lead to its first control plane.
    pub mappings: &'a [Mapping],
    /// The minimum number of workers besides its control plane.
    pub workers: u16,
    /// Host names that its nodes reach without a proxy, such as a registry's.
    pub direct: &'a [String],
    pub owner: &'a Mark,
    /// The user's configuration, below devplat's.
    pub extra: Option<ExtraConfig<'a>>,
    /// Whether containerd's configuration must name /etc/containerd/certs.d, which only node images before kind v0.27
    /// need.
    pub registry_config: bool,
}
