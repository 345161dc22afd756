//! What a server has for SSH: keys of its own, its user's public keys, and an agent that is told of both.

use devplat_api::name::{self, ServerName};
use serde_json::{Value, json};

use super::metadata::metadata;
use crate::observed::ServerFacts;

/// Where its own keys are mounted.
const KEYS_DIR: &str = "/run/devplat/ssh";
/// Where its user's keys are mounted: on their own, since the kubelet replaces the whole mount when they change.
const AUTHORIZED_DIR: &str = "/run/devplat/keys";
/// Name of the port where the agent tells how it is.
const AGENT_PORT: &str = "agent";

/// What the agent is told.
pub(super) fn arguments(server: &ServerFacts, name: &ServerName) -> Vec<String> {
    let principal = devplat_keys::server_principal(&server.key.namespace, name.as_str());
    let authorized = format!("{AUTHORIZED_DIR}/{}", name::AUTHORIZED_KEYS);
    let arguments = ["--ssh-dir", KEYS_DIR, "--authorized-keys", &authorized, "--principal", &principal];
    arguments.map(str::to_owned).to_vec()
}

/// Volumes of the pod.
pub(super) fn volumes(server: &ServerFacts, name: &ServerName) -> [Value; 2] {
    [
        // For root and for the pod's group, and for nobody else in the container.
        json!({"name": "ssh", "secret": {"secretName": name.keys(&server.uid), "defaultMode": 0o440}}),
        // A server in a namespace of no user has none.
        json!({"name": "keys", "configMap": {"name": name::AUTHORIZED_KEYS_CONFIG_MAP, "optional": true}}),
    ]
}

/// Where they are in the container.
pub(super) fn mounts() -> [Value; 2] {
    [
        json!({"name": "ssh", "mountPath": KEYS_DIR, "readOnly": true}),
        json!({"name": "keys", "mountPath": AUTHORIZED_DIR, "readOnly": true}),
    ]
}

/// Opens the ports of `container`, and has the kubelet ask whether SSH answers.
pub(super) fn open(container: &mut Value) {
    let ask = json!({"path": "/readyz", "port": AGENT_PORT});
    container["ports"] = json!([
        {"name": "ssh", "containerPort": name::SSH_TARGET_PORT, "protocol": "TCP"},
        {"name": AGENT_PORT, "containerPort": name::AGENT_HTTP_PORT, "protocol": "TCP"},
    ]);
    // No startup probe: the kubelet asks this one as soon as it sees the container run, and the agent waits with its
    // answer for SSH to be up. With time for an answer in a container that uses all of its processors.
    container["readinessProbe"] =
        json!({"httpGet": ask, "periodSeconds": 2, "timeoutSeconds": 5, "failureThreshold": 15});
}

/// The Secret with its keys, without the keys: those come in when it is made, and no decision sees them.
pub(super) fn secret(server: &ServerFacts, name: &ServerName) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        // The kubelet need not watch it.
        "immutable": true,
        "metadata": metadata(server, name, &name.keys(&server.uid), "ssh-keys", &json!({})),
    })
}
