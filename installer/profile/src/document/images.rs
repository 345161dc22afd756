//! The section `images` as users write it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How devplat's images get to the nodes.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Images {
    /// The way that images take.
    #[serde(default)]
    pub(crate) delivery: Delivery,
    /// Registry and path that images are pushed to, such as `registry.example/team`. With providers kind and k3d,
    /// delivery registry without it runs a registry of devplat's own beside the cluster.
    #[serde(default)]
    pub(crate) registry: Option<String>,
    /// Registry and path that nodes pull from, if they reach the registry by another name.
    #[serde(default)]
    pub(crate) pull_registry: Option<String>,
    /// Whether the registry speaks HTTP without TLS.
    #[serde(default)]
    pub(crate) plain_http: Option<bool>,
    /// The registry that devplat runs beside a local cluster.
    #[serde(default)]
    pub(crate) local: LocalRegistry,
}

/// The way that images take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Delivery {
    /// Through the registry in `registry` if it is set. Otherwise kind gets them imported, k3d gets a registry of
    /// devplat's own, and devplat decides by what it finds in an existing cluster.
    #[default]
    Auto,
    /// Imported into the nodes of a cluster on this machine.
    Nodes,
    /// Pushed to a registry that the nodes pull from.
    Registry,
}

/// The registry that devplat runs beside a local cluster.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct LocalRegistry {
    /// Its image: a reference, or `auto` for one that devplat has chosen.
    #[serde(default)]
    pub(crate) image: Option<String>,
    /// Its port on this machine; 0 takes a free one.
    #[serde(default)]
    #[schemars(range(min = 0, max = 65535))]
    pub(crate) port: Option<u16>,
}
