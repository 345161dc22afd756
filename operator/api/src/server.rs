//! `DevServer`: a developer's machine, as its developer asks for it.

use k8s_openapi::{
    apiextensions_apiserver::pkg::apis::apiextensions::v1::{CustomResourceDefinition, JSON},
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
};
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    Amount,
    condition::{ConditionType, Reason},
};

/// What a developer wants.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "apps.devservers.io",
    version = "v1",
    kind = "DevServer",
    plural = "devservers",
    shortname = "dev",
    shortname = "devsrv",
    category = "devplat",
    namespaced,
    status = "DevServerStatus",
    derive = "PartialEq",
    doc = "A developer's machine: a pod that is kept, with a home that outlives it",
    printcolumn(name = "Flavor", type_ = "string", json_path = ".status.flavor"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].status"),
    printcolumn(name = "Reason", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].reason"),
    printcolumn(name = "Owner", type_ = "string", json_path = ".spec.owner", priority = 1),
    printcolumn(name = "Message", type_ = "string", json_path = ".status.conditions[?(@.type=='Ready')].message", priority = 1),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.size() <= 52").message("the name of a dev server has at most 52 characters, so that the names made from it fit"),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message("the name of a dev server is a DNS label: lowercase letters, digits and '-', starting with a letter and not ending with '-'"),
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.distributed) || self.mode == 'distributed'").message("distributed settings need mode: distributed"),
    validation = Rule::new("self.mode == oldSelf.mode").message("mode cannot be changed; make another dev server"),
    validation = Rule::new("!has(oldSelf.owner) || (has(self.owner) && self.owner == oldSelf.owner)").message("owner cannot be changed"),
    validation = Rule::new("!has(oldSelf.persistentHomeSize) || !has(self.persistentHomeSize) || quantity(string(self.persistentHomeSize)).compareTo(quantity(string(oldSelf.persistentHomeSize))) >= 0").message("persistentHomeSize can only grow"),
)]
pub struct DevServerSpec {
    /// Who it belongs to; the user of its namespace where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub owner: Option<String>,
    /// Name of a DevServerFlavor; the default one where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub flavor: Option<String>,
    /// Image reference; the platform's where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 1024))]
    pub image: Option<String>,
    /// Command that runs under the agent. Where it is missing, or has ended, the machine stays up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256))]
    pub command: Vec<String>,
    /// One machine, or several for one job.
    #[serde(default)]
    pub mode: Mode,
    /// Settings of mode `distributed`. Not supported yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distributed: Option<Distributed>,
    /// Size of the home; the platform's where it is missing. It can only grow.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub persistent_home_size: Option<Amount>,
    /// What becomes of the home when the server is deleted.
    #[serde(default)]
    pub home_retention: HomeRetention,
    /// A claim in the same namespace that gets mounted at `/shared`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub shared_volume_claim_name: Option<String>,
    /// Whether it can be reached over SSH. The agent is told when it starts, so another value restarts the server.
    #[serde(rename = "enableSSH", default = "yes")]
    pub enable_ssh: bool,
    /// When it stops by itself. Not supported yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifecycle: Option<Lifecycle>,
}

fn yes() -> bool {
    true
}

/// One machine, or several for one job.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// One pod.
    #[default]
    Standalone,
    /// Several pods. Not supported yet.
    Distributed,
}

impl Mode {
    /// As in the spec.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standalone => "standalone",
            Self::Distributed => "distributed",
        }
    }
}

/// What becomes of a home.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum HomeRetention {
    /// It stays, and a server of the same name gets it again.
    #[default]
    Retain,
    /// It is deleted with the server, with everything in it.
    Delete,
}

/// Settings of a job over several pods.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct Distributed {
    /// How many pods.
    #[schemars(range(min = 1, max = 1024))]
    pub world_size: u32,
    /// Processes in each.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 64))]
    pub nprocs_per_node: u32,
    /// How they talk.
    #[serde(default)]
    pub backend: Backend,
    /// `NCCL_…` variables.
    #[serde(default, skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    pub nccl_settings: std::collections::BTreeMap<String, String>,
}

fn one() -> u32 {
    1
}

/// How processes of a job talk.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// NVIDIA's.
    #[default]
    Nccl,
    /// On CPUs.
    Gloo,
    /// MPI.
    Mpi,
}

/// When a server stops by itself.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq)]
#[serde(rename_all = "camelCase")]
pub struct Lifecycle {
    /// Seconds without activity after which it stops.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 31_536_000))]
    pub idle_timeout: Option<u32>,
    /// Whether it stops when idle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auto_shutdown: Option<bool>,
    /// How long it may live, such as `8h` or `2d`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 32))]
    pub time_to_live: Option<String>,
    /// When it stops at the latest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiration_time: Option<Time>,
}

/// Where a server is in its life, in one word; the conditions say why.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Phase {
    /// It can't be used yet.
    #[default]
    Pending,
    /// It can be used.
    Running,
    /// It is being deleted.
    Terminating,
    /// It won't run without a change by somebody.
    Failed,
}

/// `crd` with the status that every DevServer has from the moment it is made, without anybody writing it: so a new one
/// says what it waits for even where no operator runs.
pub(crate) fn with_first_status(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let first = serde_json::json!({
        "phase": Phase::Pending,
        "ready": false,
        "conditions": [{
            "type": ConditionType::Ready.as_str(),
            "status": "Unknown",
            "reason": Reason::Starting.as_str(),
            "message": "waiting for the operator to make it",
            // Its schema wants a time, and nobody is there who knows one.
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }],
    });
    let schemas = crd.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut());
    for schema in schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()) {
        let properties = schema.properties.get_or_insert_default();
        properties.entry("status".to_owned()).or_default().default = Some(JSON(first.clone()));
    }
    crd
}

/// What is.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct DevServerStatus {
    /// Generation of the spec that this is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// One word; the conditions say why.
    #[serde(default)]
    pub phase: Phase,
    /// The same as condition `Ready`.
    #[serde(default)]
    pub ready: bool,
    /// The flavor it has, fixed when it was first found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flavor: Option<String>,
    /// The image it has, fixed when it was first found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// `host:port` of its SSH inside the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_endpoint: Option<String>,
    /// Address of its pod, also of one that is not ready yet: SSH may answer there before that is said. Whoever connects
    /// checks the host certificate: an address is given anew.
    #[serde(rename = "podIP", default, skip_serializing_if = "Option::is_none")]
    pub pod_ip: Option<String>,
    /// Its Service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_name: Option<String>,
    /// The pods it runs in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pod_names: Vec<String>,
    /// When the present pod started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<Time>,
    /// When it was last seen idle. Not supported yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_idle_time: Option<Time>,
    /// Generation of the Deployment as the operator last wrote it; another one means somebody else changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_generation: Option<i64>,
    /// `Accepted`, `FlavorResolved`, `StorageReady`, `PodScheduled`, `Ready`, and `RestartPending` while it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
