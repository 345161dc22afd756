//! The cluster that a platform runs in.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr},
    path::{Path, PathBuf},
};

use ipnet::Ipv4Net;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{eks::EksCluster, image::NodeImage};
use crate::{ExistingDelivery, LocalDelivery};

/// The cluster that a platform runs in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Cluster {
    /// A cluster that devplat creates with kind.
    Kind(KindCluster),
    /// A cluster that devplat creates with k3d.
    K3d(K3dCluster),
    /// An existing cluster. devplat installs into it and never deletes it.
    Existing(ExistingCluster),
    /// A cluster in AWS.
    Eks(EksCluster),
}

impl Cluster {
    /// Returns the program that creates the cluster.
    pub fn provider(&self) -> Provider {
        match self {
            Self::Kind(_) => Provider::Kind,
            Self::K3d(_) => Provider::K3d,
            Self::Existing(_) => Provider::Existing,
            Self::Eks(_) => Provider::Eks,
        }
    }

    /// Returns the values that all clusters of its origin have.
    pub fn origin(&self) -> Origin<'_> {
        let (provider, ssh_port, ssh_address, subnet, config_file, delivery) = match self {
            Self::Kind(KindCluster { ssh_port, ssh_address, subnet, config_file, delivery, .. }) => {
                (LocalProvider::Kind, *ssh_port, *ssh_address, *subnet, config_file, delivery)
            }
            Self::K3d(K3dCluster { ssh_port, ssh_address, subnet, config_file, delivery, .. }) => {
                (LocalProvider::K3d, *ssh_port, *ssh_address, *subnet, config_file, delivery)
            }
            Self::Existing(existing) => return Origin::Existing(existing),
            Self::Eks(eks) => return Origin::Eks(eks),
        };
        let config_file = config_file.as_deref();
        Origin::Created(LocalCluster { provider, ssh_port, ssh_address, subnet, config_file, delivery })
    }

    /// Returns the cluster that devplat creates on this machine, or `None` for another cluster.
    pub fn local(&self) -> Option<LocalCluster<'_>> {
        match self.origin() {
            Origin::Created(local) => Some(local),
            Origin::Existing(_) | Origin::Eks(_) => None,
        }
    }
}

/// The origin of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin<'a> {
    /// devplat creates it on this machine.
    Created(LocalCluster<'a>),
    /// It exists already.
    Existing(&'a ExistingCluster),
    /// It is in AWS.
    Eks(&'a EksCluster),
}

/// The values that all clusters on this machine have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalCluster<'a> {
    /// The program that creates the cluster.
    pub provider: LocalProvider,
    /// Port of this machine that leads to the bastion; a free one if missing.
    pub ssh_port: Option<u16>,
    /// Address of this machine at which that port is bound.
    pub ssh_address: IpAddr,
    /// Address range of the Docker network; Docker chooses one if missing.
    pub subnet: Option<Ipv4Net>,
    /// A configuration file of the provider that devplat adds to.
    pub config_file: Option<&'a Path>,
    /// How images get to the nodes.
    pub delivery: &'a LocalDelivery,
}

/// A program that creates clusters on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalProvider {
    /// kind.
    Kind,
    /// k3d.
    K3d,
}

impl LocalProvider {
    /// Returns the address ranges of pods and of Services in its clusters, unless a configuration file names others.
    pub fn ranges(self) -> [Ipv4Net; 2] {
        let seconds = match self {
            Self::Kind => [244, 96],
            Self::K3d => [42, 43],
        };
        seconds.map(|second| Ipv4Net::new_assert(Ipv4Addr::new(10, second, 0, 0), 16))
    }
}

/// The program that creates a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// devplat, with kind, on this machine.
    Kind,
    /// devplat, with k3d, on this machine.
    K3d,
    /// The cluster exists already.
    Existing,
    /// EKS, in AWS. This devplat checks the account and does not create the cluster yet.
    Eks,
}

impl Provider {
    /// Returns the other providers that have a section of their own in a profile.
    pub(crate) fn others(self) -> impl Iterator<Item = Self> {
        [Self::Kind, Self::K3d, Self::Eks].into_iter().filter(move |other| *other != self)
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kind => "kind",
            Self::K3d => "k3d",
            Self::Existing => "existing",
            Self::Eks => "eks",
        })
    }
}

/// A cluster that devplat creates with kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KindCluster {
    /// Image of the nodes.
    pub node_image: NodeImage,
    /// How many worker nodes there are beside the control plane; 0 to 20.
    pub workers: u16,
    /// Port of the API server on this machine; a free one if missing.
    pub api_server_port: Option<u16>,
    /// Port of this machine that leads to the bastion; a free one if missing.
    pub ssh_port: Option<u16>,
    /// Address of this machine with that port.
    pub ssh_address: IpAddr,
    /// More ports of this machine that lead to the control-plane node, sorted by port of this machine.
    pub port_mappings: Vec<PortMapping>,
    /// Address range of the Docker network; Docker chooses one if missing.
    pub subnet: Option<Ipv4Net>,
    /// A kind configuration file that devplat adds to.
    pub config_file: Option<PathBuf>,
    /// How images get to the nodes.
    pub delivery: LocalDelivery,
}

/// A cluster that devplat creates with k3d.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct K3dCluster {
    /// k3s image of the nodes.
    pub image: NodeImage,
    /// How many server nodes there are; 1 to 9.
    pub servers: u16,
    /// How many agent nodes there are; 0 to 20.
    pub agents: u16,
    /// Port of the API server on this machine; a free one if missing.
    pub api_server_port: Option<u16>,
    /// Port of this machine that leads to the bastion; a free one if missing.
    pub ssh_port: Option<u16>,
    /// Address of this machine with that port.
    pub ssh_address: IpAddr,
    /// More ports of this machine that lead to the first server node, sorted by port of this machine.
    pub port_mappings: Vec<PortMapping>,
    /// Address range of the Docker network; Docker chooses one if missing.
    pub subnet: Option<Ipv4Net>,
    /// A k3d configuration file that devplat adds to.
    pub config_file: Option<PathBuf>,
    /// How images get to the nodes.
    pub delivery: LocalDelivery,
}

/// An existing cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExistingCluster {
    /// The context in the kubeconfig that names it.
    pub context: Option<String>,
    /// How images get to the nodes.
    pub delivery: ExistingDelivery,
}

/// A port of this machine that leads to a port of a node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PortMapping {
    /// Port of this machine.
    pub host_port: u16,
    /// Port of the node.
    pub node_port: u16,
    /// Address of this machine with that port.
    pub listen_address: IpAddr,
}
