//! A profile as users write it: every key with its type. schemars derives the JSON Schema from these types, and layers
//! are checked against it.

mod cluster;
mod eks;
mod images;

use std::collections::BTreeMap;

use devplat_api::{Amount, flavor::FlavorResources};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(crate) use self::{
    cluster::{Cluster, K3d, Kind, PortMapping},
    eks::{CreatedVpc, Eks, EksNetwork, ExistingVpc},
    images::{Delivery, Images, LocalRegistry},
};
use crate::{PodSecurity, Toleration};

/// A description of a platform.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "devplat profile")]
pub(crate) struct Document {
    /// The shipped profile that a file of your own changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) extends: Option<String>,
    /// One line for `devplat profiles list`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// The cluster that the platform runs in.
    pub(crate) cluster: Cluster,
    /// How devplat's images get to the nodes.
    #[serde(default)]
    pub(crate) images: Images,
    /// The operator.
    pub(crate) operator: Operator,
    /// The SSH bastion.
    pub(crate) bastion: Bastion,
    /// Defaults of dev servers.
    pub(crate) dev_servers: DevServers,
    /// Developers, by the name that they sign in with. `devplat users add` adds others.
    #[serde(default)]
    pub(crate) users: BTreeMap<String, User>,
    /// The sizes that developers choose from.
    pub(crate) flavors: BTreeMap<String, Flavor>,
}

/// The operator.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Operator {
    /// How many replicas run; one of them leads.
    #[schemars(range(min = 1, max = 5))]
    pub(crate) replicas: u16,
    /// Requests and limits of each replica.
    pub(crate) resources: FlavorResources,
}

/// The SSH bastion.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Bastion {
    /// How many replicas run.
    #[schemars(range(min = 1, max = 20))]
    pub(crate) replicas: u16,
    /// Requests and limits of its container for SSH, in each replica.
    pub(crate) resources: FlavorResources,
    /// Requests and limits of its container for devctl, in each replica.
    pub(crate) devctl_resources: FlavorResources,
    /// How it is reached from outside the cluster.
    pub(crate) exposure: ExposureKind,
    /// With exposure nodePort: the port of every node; 30000 to 32767 unless the cluster has another range.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65535))]
    pub(crate) node_port: Option<u16>,
    /// Names and addresses that developers type after the `@`, for its host certificate.
    #[serde(default)]
    pub(crate) host_names: Vec<String>,
    /// Public keys, as in `authorized_keys`, of authorities whose user certificates are accepted.
    #[serde(default)]
    pub(crate) user_authorities: Vec<String>,
    /// Certificates of those authorities that are revoked, one per line: `serial: 7`, `id: alice@laptop` or
    /// `hash: SHA256:…`, as `ssh-keygen -k` takes them.
    #[serde(default)]
    pub(crate) user_revocations: Vec<String>,
    /// Seconds that open sessions have to end when a replica stops.
    #[schemars(range(min = 5, max = 86400))]
    pub(crate) grace_seconds: u32,
}

/// How the bastion is reached from outside the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ExposureKind {
    /// A port of every node; with providers kind and k3d, also a port of this machine.
    NodePort,
    /// A load balancer of the cluster's cloud.
    LoadBalancer,
    /// `devplat port-forward` only.
    PortForward,
}

/// A developer.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct User {
    /// Full name.
    #[serde(default)]
    pub(crate) display_name: Option<String>,
    /// Public SSH keys, each a line as in `authorized_keys`, without options.
    #[serde(default)]
    pub(crate) ssh_keys: Vec<String>,
    /// Groups that the user is in.
    #[serde(default)]
    pub(crate) groups: Vec<String>,
    /// Whether `devplat up` also generates a key for this user on this machine, to try the platform out.
    #[serde(default)]
    pub(crate) generate_key: bool,
}

/// Defaults of dev servers.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DevServers {
    /// Image of servers that name none: a reference, `debian` for one built from this machine's Debian packages, or `auto`
    /// for the reference in `autoImage` if its registry can be reached and `debian` if not.
    pub(crate) image: String,
    /// The reference that `auto` uses if its registry can be reached.
    pub(crate) auto_image: String,
    /// Flavor of servers that name none.
    pub(crate) default_flavor: String,
    /// Size of homes that name none.
    pub(crate) home_size: Amount,
    /// StorageClass of homes; the cluster's default if missing.
    #[serde(default)]
    pub(crate) storage_class: Option<String>,
    /// Level of the Pod Security Standards that namespaces of users enforce; `none` sets no label.
    pub(crate) pod_security: PodSecurity,
}

/// A size that developers choose.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Flavor {
    /// Requests and limits of a server.
    pub(crate) resources: FlavorResources,
    /// Labels that a node must have.
    #[serde(default)]
    pub(crate) node_selector: BTreeMap<String, String>,
    /// Taints of nodes that a server tolerates.
    #[serde(default)]
    pub(crate) tolerations: Vec<Toleration>,
}
