//! `DevServerFlavor`: a size of dev server that an administrator offers.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Toleration;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Amount;

/// A size of dev server: what it gets, and on which nodes.
#[derive(CustomResource, KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[kube(
    group = "apps.devservers.io",
    version = "v1",
    kind = "DevServerFlavor",
    plural = "devserverflavors",
    shortname = "dsf",
    category = "devplat",
    status = "DevServerFlavorStatus",
    derive = "PartialEq",
    doc = "A size of dev server that an administrator offers",
    printcolumn(name = "CPU", type_ = "string", json_path = ".spec.resources.limits.cpu"),
    printcolumn(name = "Memory", type_ = "string", json_path = ".spec.resources.limits.memory"),
    printcolumn(name = "Default", type_ = "string", json_path = r".metadata.labels.devserver\.io/default-flavor"),
    printcolumn(name = "In use", type_ = "string", json_path = ".status.conditions[?(@.type=='InUse')].status"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.size() <= 63").message("the name of a flavor has at most 63 characters"),
)]
#[serde(rename_all = "camelCase")]
pub struct DevServerFlavorSpec {
    /// What a server of this flavor is guaranteed and may use at most.
    pub resources: FlavorResources,
    /// Labels that a node must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that a server of this flavor tolerates.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tolerations: Vec<Toleration>,
    /// GPUs of each server. Not supported yet: a flavor with it is not accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<FlavorGpu>,
}

/// Guaranteed and largest amounts.
#[derive(KubeSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = Rule::new(
    "!has(self.requests) || !has(self.limits) || self.requests.all(k, !(k in self.limits) || quantity(string(self.requests[k])).compareTo(quantity(string(self.limits[k]))) <= 0)"
).message("a request must not be above its limit"))]
pub struct FlavorResources {
    /// Guaranteed amounts, by resource: `cpu`, `memory`, `ephemeral-storage`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub requests: BTreeMap<String, Amount>,
    /// Largest amounts, by resource.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 16))]
    pub limits: BTreeMap<String, Amount>,
}

/// GPUs of a flavor.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub struct FlavorGpu {
    /// How many a server has.
    #[schemars(range(min = 1, max = 64))]
    pub count: u32,
    /// Resource that the device plugin offers.
    #[serde(default = "nvidia")]
    pub resource_name: String,
}

fn nvidia() -> String {
    "nvidia.com/gpu".into()
}

/// What the operator has to say about a flavor.
#[derive(JsonSchema, Serialize, Deserialize, Clone, Debug, PartialEq, Default)]
#[serde(rename_all = "camelCase")]
pub struct DevServerFlavorStatus {
    /// Generation of the spec that the conditions are about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// `Accepted` and `InUse`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
}
