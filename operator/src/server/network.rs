//! Who reaches dev servers in a namespace that is no user's. All of them share one NetworkPolicy, of the name that the
//! operator has a right to. It belongs to some of them, so that Kubernetes' garbage collector takes it away in the end.

use std::sync::Arc;

use devplat_api::name;
use serde_json::{Value, json};

use crate::{
    observed::{PolicyFacts, ServerFacts},
    user::network_policy,
};

/// How many servers it belongs to at most: an object has a largest size, and a namespace may have thousands of servers.
const OWNERS: usize = 16;

/// Whether it stays as long as those servers do that are there.
pub(super) fn holds(policy: &PolicyFacts, servers: &[Arc<ServerFacts>]) -> bool {
    servers.iter().any(|server| policy.servers.iter().any(|owner| owner.uid == server.uid))
}

/// It, for `servers`.
pub(super) fn policy(namespace: &str, servers: &[Arc<ServerFacts>]) -> Value {
    let owners = servers.iter().take(OWNERS).map(|server| {
        json!({
            "apiVersion": format!("{}/{}", name::GROUP, name::VERSION),
            "kind": "DevServer",
            "name": server.key.name,
            "uid": server.uid,
        })
    });
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": name::NETWORK_POLICY,
            "namespace": namespace,
            "labels": {
                (name::COMPONENT): "network",
                (name::MANAGED_BY): name::OPERATOR,
                (name::PART_OF): "devplat",
            },
            "ownerReferences": owners.collect::<Vec<_>>(),
        },
        "spec": network_policy(),
    })
}
