//! Nodes and storage that nobody has to provide.

use anyhow::Result;
use k8s_openapi::api::{core::v1::Node, storage::v1::StorageClass};
use kube::{Api, Client, api::PostParams};
use serde_json::{Value, json};

/// The annotation of nodes that kwok plays the kubelet of.
pub(super) const KWOK: &str = "kwok.x-k8s.io/node=fake";
/// Label and taint (with value `true`) of the node on which nothing happens to pods by itself: tests say what does.
pub const SILENT: &str = "test.devplat.dev/silent";
/// The default StorageClass. Its volumes can grow.
pub const STORAGE_CLASS: &str = "kwok-volume";

pub(super) async fn create(client: &Client) -> Result<()> {
    let (annotation, value) = KWOK.split_once('=').unwrap_or((KWOK, ""));
    let working = json!({"metadata": {"name": "working", "annotations": {annotation: value}}});
    let silent = json!({
        "metadata": {"name": "silent", "labels": {SILENT: "true"}},
        "spec": {"taints": [{"key": SILENT, "value": "true", "effect": "NoSchedule"}]},
    });
    for node in [working, silent] {
        create_node(client, node).await?;
    }
    let class: StorageClass = serde_json::from_value(json!({
        "metadata": {
            "name": STORAGE_CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "kwok.x-k8s.io/volume",
        "allowVolumeExpansion": true,
    }))?;
    Api::all(client.clone()).create(&PostParams::default(), &class).await?;
    Ok(())
}

/// With room for any test and measurement; a new node has none before its status says so.
async fn create_node(client: &Client, mut node: Value) -> Result<()> {
    let room = json!({"cpu": "10000", "memory": "100Ti", "pods": "10000"});
    node["status"] = json!({
        "capacity": room,
        "allocatable": room,
        "conditions": [{"type": "Ready", "status": "True"}],
    });
    let node: Node = serde_json::from_value(node)?;
    Api::all(client.clone()).create(&PostParams::default(), &node).await?;
    Ok(())
}
