//! How devplat's images get to the nodes of a cluster.

use serde::Serialize;

use super::image::NodeImage;

/// How images get to the nodes of a cluster that devplat creates on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum LocalDelivery {
    /// Imported into every node.
    Nodes,
    /// Through a registry that devplat runs beside the cluster.
    LocalRegistry(LocalRegistry),
    /// Through a registry that exists already.
    Registry(RemoteRegistry),
}

/// How images get to the nodes of an existing cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum ExistingDelivery {
    /// Decided by facts of the cluster, such as an announced registry.
    Auto,
    /// Imported into every node, which has to be a container on this machine.
    Nodes,
    /// Through a registry.
    Registry(RemoteRegistry),
}

/// A registry that devplat runs beside a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LocalRegistry {
    /// Its image.
    pub image: NodeImage,
    /// Its port on this machine; a free one if missing.
    pub host_port: Option<u16>,
}

/// A registry that exists already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemoteRegistry {
    /// `HOST[:PORT][/PATH]` that images are pushed to.
    pub push: String,
    /// `HOST[:PORT][/PATH]` that nodes pull from.
    pub pull: String,
    /// Whether it speaks HTTP without TLS.
    pub plain_http: bool,
}
