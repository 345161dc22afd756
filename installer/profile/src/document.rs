//! A profile as it is written: every key there is, with its type. The JSON Schema comes from here, and so do the
//! keys and types that layers are checked against.

use std::collections::BTreeMap;

use devplat_api::{Amount, flavor::FlavorResources};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What somebody wants of a platform.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "devplat profile")]
pub(crate) struct Document {
    /// The shipped profile that a file of one's own changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) extends: Option<String>,
    /// One line for `devplat profiles list`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// Where the platform runs.
    pub(crate) cluster: Cluster,
    /// How devplat's images get to where they run.
    pub(crate) images: Images,
    /// The operator.
    pub(crate) operator: Operator,
    /// The way in over SSH.
    pub(crate) bastion: Bastion,
    /// What dev servers get.
    pub(crate) dev_servers: DevServers,
    /// Developers, by the name that they sign in with. Others are added by `devplat users add`.
    #[serde(default)]
    pub(crate) users: BTreeMap<String, User>,
    /// The sizes that developers choose from.
    pub(crate) flavors: BTreeMap<String, Flavor>,
}

/// Where the platform runs.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Cluster {
    /// Who makes the cluster.
    pub(crate) provider: Provider,
    /// With provider kind: the cluster that devplat makes.
    #[serde(default)]
    pub(crate) kind: Kind,
    /// With provider existing: the context in the kubeconfig that names the cluster.
    #[serde(default)]
    pub(crate) context: Option<String>,
}

/// Who makes the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Provider {
    /// devplat, with kind, on this machine.
    Kind,
    /// Somebody else; devplat installs into it and never deletes it.
    Existing,
}

/// The cluster that kind makes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Kind {
    /// Image of the node: `auto` takes one built on this machine where there is one, and kind's own otherwise.
    #[serde(default)]
    pub(crate) node_image: Option<String>,
    /// Port of the API server on this machine; 0 takes a free one.
    #[serde(default)]
    #[schemars(range(min = 0, max = 65535))]
    pub(crate) api_server_port: Option<u16>,
    /// Port of this machine that leads to the bastion; 0 takes a free one.
    #[serde(default)]
    #[schemars(range(min = 0, max = 65535))]
    pub(crate) ssh_port: Option<u16>,
    /// Address of this machine where that port is; only itself where missing.
    #[serde(default)]
    pub(crate) ssh_address: Option<String>,
    /// Further ports of this machine that lead to ports of the node.
    #[serde(default)]
    pub(crate) port_mappings: Option<Vec<PortMapping>>,
}

/// A port of this machine that leads to a port of the node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PortMapping {
    /// Port of this machine.
    #[schemars(range(min = 1, max = 65535))]
    pub(crate) host_port: u16,
    /// Port of the node.
    #[schemars(range(min = 1, max = 65535))]
    pub(crate) node_port: u16,
    /// Address of this machine; only itself where missing.
    #[serde(default)]
    pub(crate) listen_address: Option<String>,
}

/// How devplat's images get to where they run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Images {
    /// Into the nodes, or through a registry.
    pub(crate) delivery: Delivery,
    /// With delivery registry: host and path below which images are pushed.
    #[serde(default)]
    pub(crate) registry: Option<String>,
}

/// Into the nodes, or through a registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Delivery {
    /// Imported into the nodes of a cluster on this machine.
    Nodes,
    /// Pushed to a registry that the nodes pull from.
    Registry,
}

/// The operator.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Operator {
    /// How many run; one of them leads.
    #[schemars(range(min = 1, max = 5))]
    pub(crate) replicas: u16,
    /// What each gets.
    pub(crate) resources: FlavorResources,
}

/// The way in over SSH.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Bastion {
    /// How many run.
    #[schemars(range(min = 1, max = 20))]
    pub(crate) replicas: u16,
    /// What each gets.
    pub(crate) resources: FlavorResources,
    /// How it is reached from outside the cluster.
    pub(crate) exposure: ExposureKind,
    /// With exposure nodePort: the port of every node.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65535))]
    pub(crate) node_port: Option<u16>,
    /// Names and addresses that people type after the `@`, for its host certificate.
    #[serde(default)]
    pub(crate) host_names: Vec<String>,
    /// Public keys, as in `authorized_keys`, of authorities whose user certificates let in.
    #[serde(default)]
    pub(crate) user_authorities: Vec<String>,
    /// What of their certificates counts no more, a line each: `serial: 7`, `id: alice@laptop`, `hash: SHA256:…`, as
    /// `ssh-keygen -k` takes them.
    #[serde(default)]
    pub(crate) user_revocations: Vec<String>,
    /// Seconds that open sessions get when a replica is to go.
    #[schemars(range(min = 5, max = 86400))]
    pub(crate) grace_seconds: u32,
}

/// How the bastion is reached from outside the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ExposureKind {
    /// A port of every node; with provider kind, also one of this machine.
    NodePort,
    /// A load balancer of the cluster's cloud.
    LoadBalancer,
    /// `devplat port-forward`, and nothing else.
    PortForward,
}

/// A developer.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct User {
    /// Name for people.
    #[serde(default)]
    pub(crate) display_name: Option<String>,
    /// Public SSH keys, a line each as in `authorized_keys`, without options.
    #[serde(default)]
    pub(crate) ssh_keys: Vec<String>,
    /// Groups the user is in.
    #[serde(default)]
    pub(crate) groups: Vec<String>,
    /// Whether `devplat up` makes a key on this machine that lets this user in: for trying things out.
    #[serde(default)]
    pub(crate) generate_key: bool,
}

/// What dev servers get.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct DevServers {
    /// Image of servers whose users name none: a reference, `debian` for one made of this machine's Debian
    /// packages, or `auto` for the reference in `autoImage` where its registry is reachable and `debian` where
    /// it is not.
    pub(crate) image: String,
    /// What `auto` stands for where registries are reachable.
    pub(crate) auto_image: String,
    /// The flavor of servers whose users name none.
    pub(crate) default_flavor: String,
    /// Size of homes whose users name none.
    pub(crate) home_size: Amount,
    /// StorageClass of homes; the cluster's default where missing.
    #[serde(default)]
    pub(crate) storage_class: Option<String>,
}

/// A size that developers choose.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Flavor {
    /// What a server is guaranteed and may use at most.
    pub(crate) resources: FlavorResources,
    /// Labels that a node must have.
    #[serde(default)]
    pub(crate) node_selector: BTreeMap<String, String>,
    /// Taints of nodes that a server tolerates.
    #[serde(default)]
    pub(crate) tolerations: Vec<Toleration>,
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
    /// With `Equal`: the taint's value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// `NoSchedule`, `PreferNoSchedule` or `NoExecute`; any where missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<TaintEffect>,
}

/// How a toleration matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TolerationOperator {
    /// By key alone.
    Exists,
    /// By key and value.
    Equal,
}

/// What a taint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TaintEffect {
    /// Keeps new pods away.
    NoSchedule,
    /// Keeps new pods away where it can.
    PreferNoSchedule,
    /// Keeps pods away and drives them out.
    NoExecute,
}
