//! Simulated nodes and storage.

use anyhow::Result;
use k8s_openapi::api::{core::v1::Node, storage::v1::StorageClass};
use kube::{Api, Client, api::PostParams};
use serde_json::{Value, json};

/// The annotation of nodes whose kubelet kwok simulates.
pub(super) const KWOK: &str = "kwok.x-k8s.io/node=fake";
/// The label and the taint (with value `true`) of the node on which tests report the status of pods.
pub const SILENT: &str = "test.devplat.dev/silent";
/// The default StorageClass. Its volumes can grow.
pub const STORAGE_CLASS: &str = "kwok-volume";

pub(super) async fn create(client: &Client) -> Result<()> {
    let (annotation, value) = KWOK.split_once('=').unwrap_or((KWOK, ""));
    // As kubelets label their nodes.
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let working = json!({
        "metadata": {
            "name": "working",
            "labels": {"kubernetes.io/arch": architecture},
            "annotations": {annotation: value},
        },
    });
    let silent = json!({
        "metadata": {"name": "silent", "labels": {SILENT: "true", "kubernetes.io/arch": architecture}},
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

/// Creates a node with room for all tests and measurements. The room is in its status, so that is written as well.
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
