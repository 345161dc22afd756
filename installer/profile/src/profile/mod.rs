//! A profile that has been checked. Combinations that make no sense cannot be written in these types.

mod cluster;
mod delivery;
mod eks;
mod image;

use std::collections::BTreeMap;

use devplat_api::{Amount, flavor::FlavorResources};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use self::{
    cluster::{
        Cluster, ExistingCluster, K3dCluster, KindCluster, LocalCluster, LocalProvider, Origin, PortMapping,
        Provider,
    },
    delivery::{ExistingDelivery, LocalDelivery, LocalRegistry, RemoteRegistry},
    eks::{CreatedVpc, EksCluster, EksNetwork, EndpointService, ExistingVpc, Nat, Vpc, Zones},
    image::NodeImage,
};
use crate::{FlavorName, UserName};

/// A description of a platform.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// The cluster that the platform runs in, and how images get there.
    pub cluster: Cluster,
    /// The operator.
    pub operator: OperatorSize,
    /// The SSH bastion.
    pub bastion: Bastion,
    /// Defaults of dev servers.
    pub dev_servers: DevServers,
    /// Developers, by the name that they sign in with.
    pub users: BTreeMap<UserName, User>,
    /// The sizes that developers choose from; at least one.
    pub flavors: BTreeMap<FlavorName, Flavor>,
}

/// The size of the operator.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OperatorSize {
    /// How many replicas run; one of them leads.
    pub replicas: u16,
    /// Requests and limits of each replica.
    pub resources: FlavorResources,
}

/// The SSH bastion.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Bastion {
    /// How many replicas run.
    pub replicas: u16,
    /// Requests and limits of its container for SSH, in each replica.
    pub resources: FlavorResources,
    /// Requests and limits of its container for devctl, in each replica.
    pub devctl_resources: FlavorResources,
    /// How it is reached from outside the cluster.
    pub exposure: Exposure,
    /// Names and addresses that developers type after the `@`.
    pub host_names: Vec<String>,
    /// Public keys, one per line, of authorities whose user certificates are accepted.
    pub user_authorities: Vec<String>,
    /// Certificates of those authorities that are revoked, one per line.
    pub user_revocations: Vec<String>,
    /// Seconds that open sessions have to end when a replica stops.
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
    /// By `devplat port-forward` only.
    PortForward,
}

/// A developer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// Full name.
    pub display_name: Option<String>,
    /// Public SSH keys.
    pub ssh_keys: Vec<String>,
    /// Groups that the user is in.
    pub groups: Vec<String>,
    /// Whether `devplat up` also generates a key on this machine.
    pub generate_key: bool,
}

/// Defaults of dev servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DevServers {
    /// Image of servers that name none.
    pub image: DevServerImage,
    /// Flavor of servers that name none; one of the profile's.
    pub default_flavor: FlavorName,
    /// Size of homes that name none.
    pub home_size: Amount,
    /// StorageClass of homes; the cluster's default if missing.
    pub storage_class: Option<String>,
    /// Level of the Pod Security Standards that namespaces of users enforce.
    pub pod_security: PodSecurity,
}

/// The image of servers that name none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum DevServerImage {
    /// This reference if its registry can be reached, [`DevServerImage::Debian`] if not.
    Auto(String),
    /// An image built from this machine's Debian packages.
    Debian,
    /// This reference.
    Reference(String),
}

/// The label `pod-security.kubernetes.io/enforce` on namespaces of users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PodSecurity {
    /// Allows everything, whatever the cluster's default is.
    Privileged,
    /// Denies what leads out of a container, such as host namespaces, host paths and privileged containers.
    Baseline,
    /// No label, so that the cluster's default applies.
    #[serde(rename = "none")]
    Unlabelled,
}

/// A size that developers choose.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Flavor {
    /// Requests and limits of a server.
    pub resources: FlavorResources,
    /// Labels that a node must have.
    pub node_selector: BTreeMap<String, String>,
    /// Taints that a server tolerates.
    pub tolerations: Vec<Toleration>,
}

/// A taint that a server tolerates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Toleration {
    /// Key of the taint.
    pub key: String,
    /// `Exists` or `Equal`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<TolerationOperator>,
    /// With `Equal`: the value of the taint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`; all of them if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<TaintEffect>,
}

/// How a toleration matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TolerationOperator {
    /// By key.
    Exists,
    /// By key and value.
    Equal,
}

/// The effect of a taint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaintEffect {
    /// Keeps new pods away.
    NoSchedule,
    /// Keeps new pods away if other nodes have room.
    PreferNoSchedule,
    /// Keeps new pods away and evicts running ones.
    NoExecute,
}
