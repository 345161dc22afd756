//! The section `cluster` as users write it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Eks;
use crate::Provider;

/// The cluster that the platform runs in.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Cluster {
    /// The program that creates the cluster.
    pub(crate) provider: Provider,
    /// With provider kind: the cluster that kind creates.
    #[serde(default)]
    pub(crate) kind: Kind,
    /// With provider k3d: the cluster that k3d creates.
    #[serde(default)]
    pub(crate) k3d: K3d,
    /// With provider eks: the cluster in AWS.
    #[serde(default)]
    pub(crate) eks: Eks,
    /// With provider existing: the context in the kubeconfig that names the cluster.
    #[serde(default)]
    pub(crate) context: Option<String>,
}

/// A cluster that kind creates.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Kind {
    /// Image of the nodes: a reference, or `auto` for one built on this machine if there is one and kind's own if not.
    #[serde(default)]
    pub(crate) node_image: Option<String>,
    /// How many worker nodes there are beside the control plane; 0 if missing.
    #[serde(default)]
    #[schemars(range(min = 0, max = 20))]
    pub(crate) workers: Option<u16>,
    /// Port of the API server on this machine; 0 takes a free one.
    #[serde(default)]
    #[schemars(range(min = 0, max = 65535))]
    pub(crate) api_server_port: Option<u16>,
    /// Port of this machine that leads to the bastion; 0 takes a free one.
    #[serde(default)]
    #[schemars(range(min = 0, max = 65535))]
    pub(crate) ssh_port: Option<u16>,
    /// IP address of this machine with that port; 127.0.0.1 if missing.
    #[serde(default)]
    pub(crate) ssh_address: Option<String>,
    /// More ports of this machine that lead to ports of the control-plane node.
    #[serde(default)]
    pub(crate) port_mappings: Option<Vec<PortMapping>>,
    /// IPv4 range of the Docker network, /16 or smaller, such as 172.30.0.0/16; Docker chooses one if missing.
    #[serde(default)]
    pub(crate) subnet: Option<String>,
    /// A kind configuration file that devplat adds to, relative to the folder of the profile file.
    #[serde(default)]
    pub(crate) config_file: Option<String>,
}

/// A cluster that k3d creates.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct K3d {
    /// k3s image of the nodes: a reference, or `auto` for one that devplat has chosen.
    #[serde(default)]
    pub(crate) image: Option<String>,
    /// Version of k3s, such as v1.34.3-k3s1, in place of an image.
    #[serde(default)]
    pub(crate) k3s_version: Option<String>,
    /// How many server nodes there are, an odd number because their etcd needs a majority; 1 if missing.
    #[serde(default)]
    #[schemars(range(min = 1, max = 9))]
    pub(crate) servers: Option<u16>,
    /// How many agent nodes there are; 0 if missing.
    #[serde(default)]
    #[schemars(range(min = 0, max = 20))]
    pub(crate) agents: Option<u16>,
    /// Port of the API server on this machine; 0 takes a free one.
    #[serde(default)]
    #[schemars(range(min = 0, max = 65535))]
    pub(crate) api_server_port: Option<u16>,
    /// Port of this machine that leads to the bastion; 0 takes a free one.
    #[serde(default)]
    #[schemars(range(min = 0, max = 65535))]
    pub(crate) ssh_port: Option<u16>,
    /// IP address of this machine with that port; 127.0.0.1 if missing.
    #[serde(default)]
    pub(crate) ssh_address: Option<String>,
    /// More ports of this machine that lead to ports of the first server node.
    #[serde(default)]
    pub(crate) port_mappings: Option<Vec<PortMapping>>,
    /// IPv4 range of the Docker network, /16 or smaller, such as 172.30.0.0/16; Docker chooses one if missing.
    #[serde(default)]
    pub(crate) subnet: Option<String>,
    /// A k3d configuration file that devplat adds to, relative to the folder of the profile file.
    #[serde(default)]
    pub(crate) config_file: Option<String>,
}

/// A port of this machine that leads to a port of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PortMapping {
    /// Port of this machine.
    #[schemars(range(min = 1, max = 65535))]
    pub(crate) host_port: u16,
    /// Port of the node.
    #[schemars(range(min = 1, max = 65535))]
    pub(crate) node_port: u16,
    /// IP address of this machine with that port; 127.0.0.1 if missing.
    #[serde(default)]
    pub(crate) listen_address: Option<String>,
}
