//! Images that a platform brings for its nodes and its registry.

use serde::Serialize;

/// The image of a container that devplat runs on this machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum NodeImage {
    /// The one that devplat or the cluster's tool has chosen.
    Auto,
    /// This reference.
    Reference(String),
}
