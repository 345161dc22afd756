//! Who reaches the pods of a user's dev servers; the same for all users.

use devplat_api::name;
use serde_json::{Value, json};

/// The spec, with all that the API server would fill in.
///
/// The bastion reaches SSH and nothing else, the operator the agent and nothing else, the user's own pods all the rest:
/// what a training job opens is for the other dev servers of the same user. The kubelet is let through anyway.
pub(crate) fn network_policy() -> Value {
    let (ssh, agent) = (name::SSH_TARGET_PORT, name::AGENT_HTTP_PORT);
    let port = |port: u16| json!({"protocol": "TCP", "port": port});
    let ports = |first: u16, last: u16| json!({"protocol": "TCP", "port": first, "endPort": last});
    let pods = |namespace: &str, name: &str| {
        json!({
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
        })
    };
    json!({
        "podSelector": {"matchLabels": {(name::APP_LABEL): name::APP}},
        "policyTypes": ["Ingress"],
        "ingress": [
            {"from": [pods(name::BASTION_NAMESPACE, name::BASTION)], "ports": [port(ssh)]},
            {"from": [pods(name::OPERATOR_NAMESPACE, OPERATOR_PODS)], "ports": [port(agent)]},
            {
                "from": [{"podSelector": {}}],
                "ports": [ports(1, ssh - 1), ports(agent + 1, u16::MAX), {"protocol": "UDP"}],
            },
        ],
    })
}

/// Value of `app.kubernetes.io/name` on the operator's pods.
const OPERATOR_PODS: &str = "devserver-operator";

// The ranges of the other ports leave out two that follow one another.
const _: () = assert!(name::SSH_TARGET_PORT + 1 == name::AGENT_HTTP_PORT);
