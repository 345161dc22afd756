//! A cluster that kind is to make.

use crate::{
    docker::Cgroups,
    local::{ExtraConfig, Mapping, Owner},
};

/// A cluster to be made.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The cluster's name.
    pub name: &'a str,
    /// The Docker network that it lies in, which has to be there.
    pub network: &'a str,
    /// Image of its nodes; kind's own where there is none.
    pub image: Option<&'a str>,
    /// Whether the image brings a network of its own.
    pub own_cni: bool,
    /// The version of the control groups that containers get.
    pub cgroups: Cgroups,
    /// Port of its API server on this machine; a free one where there is none.
    pub api_port: Option<u16>,
    /// Ports of this machine that lead to its first control plane.
    pub mappings: &'a [Mapping],
    /// How many workers it has at least, besides its control plane.
    pub workers: u16,
    /// Whose it is.
    pub owner: &'a Owner,
    /// The user's configuration, to be laid under devplat's.
    pub extra: Option<ExtraConfig<'a>>,
    /// Whether containerd's configuration has to name /etc/containerd/certs.d: only node images before kind v0.27 need it.
    pub registry_config: bool,
}
