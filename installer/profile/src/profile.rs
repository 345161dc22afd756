//! What a platform shall be. A value of these types has been checked; combinations that make no sense cannot be
//! written down in them.

use std::collections::BTreeMap;

use devplat_api::{Amount, flavor::FlavorResources};
use serde::Serialize;

use crate::document::Toleration;

/// What a platform shall be.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Where it runs.
    pub cluster: Cluster,
    /// How devplat's images get there.
    pub delivery: Delivery,
    /// The operator.
    pub operator: OperatorSize,
    /// The way in over SSH.
    pub bastion: Bastion,
    /// What dev servers get.
    pub dev_servers: DevServers,
    /// Developers, by the name that they sign in with.
    pub users: BTreeMap<String, User>,
    /// The sizes to choose from, by name.
    pub flavors: BTreeMap<String, Flavor>,
}

/// Where a platform runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Cluster {
    /// In a cluster that devplat makes with kind.
    Kind(KindCluster),
    /// In one that somebody else made.
    Existing(ExistingCluster),
}

/// A cluster that devplat makes with kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KindCluster {
    /// What its node runs.
    pub node_image: NodeImage,
    /// Port of the API server on this machine; a free one where missing.
    pub api_server_port: Option<u16>,
    /// Port of this machine that leads to the bastion; a free one where missing.
    pub ssh_port: Option<u16>,
    /// Address of this machine where that port is.
    pub ssh_address: String,
    /// Further ports of this machine that lead to the node, by port of this machine.
    pub port_mappings: Vec<PortMapping>,
}

/// What a node runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum NodeImage {
    /// One built on this machine where there is one, kind's own otherwise.
    Auto,
    /// This one.
    Reference(String),
}

/// A port of this machine that leads to one of the node.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PortMapping {
    /// Port of this machine.
    pub host_port: u16,
    /// Port of the node.
    pub node_port: u16,
    /// Address of this machine.
    pub listen_address: String,
}

/// A cluster that somebody else made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ExistingCluster {
    /// The context that names it; has to be given before anything is done to it.
    pub context: Option<String>,
}

/// How devplat's images get to where they run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Delivery {
    /// Imported into the nodes.
    Nodes,
    /// Pushed below this host and path.
    Registry(String),
}

/// The operator.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperatorSize {
    /// How many run; one of them leads.
    pub replicas: u16,
    /// What each gets.
    pub resources: FlavorResources,
}

/// The way in over SSH.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bastion {
    /// How many run.
    pub replicas: u16,
    /// What each gets.
    pub resources: FlavorResources,
    /// How it is reached.
    pub exposure: Exposure,
    /// Names and addresses that people type after the `@`.
    pub host_names: Vec<String>,
    /// Public keys, a line each, of authorities whose user certificates let in.
    pub user_authorities: Vec<String>,
    /// What of their certificates counts no more, a line each.
    pub user_revocations: Vec<String>,
    /// Seconds that open sessions get when a replica is to go.
    pub grace_seconds: u32,
}

/// How the bastion is reached from outside the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Exposure {
    /// By this port of every node.
    NodePort(u16),
    /// By a load balancer of the cluster's cloud.
    LoadBalancer,
    /// By `devplat port-forward` alone.
    PortForward,
}

/// A developer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Name for people.
    pub display_name: Option<String>,
    /// Public SSH keys.
    pub ssh_keys: Vec<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// Whether a key is made on this machine as well.
    pub generate_key: bool,
}

/// What dev servers get where their users say nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DevServers {
    /// The image.
    pub image: DevServerImage,
    /// The flavor; one of the profile's.
    pub default_flavor: String,
    /// Size of the home.
    pub home_size: Amount,
    /// StorageClass of the home; the cluster's default where missing.
    pub storage_class: Option<String>,
}

/// What dev servers run where their users say nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DevServerImage {
    /// This reference where its registry is reachable, [`DevServerImage::Debian`] where it is not.
    Auto(String),
    /// Made of Debian packages on this machine.
    Debian,
    /// This reference.
    Reference(String),
}

/// A size to choose.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Flavor {
    /// What a server is guaranteed and may use at most.
    pub resources: FlavorResources,
    /// Labels that a node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that a server tolerates.
    pub tolerations: Vec<Toleration>,
}
