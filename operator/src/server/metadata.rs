//! The metadata of a server's objects.

use devplat_api::name::{self, ServerName};
use serde_json::{Value, json};

use crate::observed::ServerFacts;

/// The labels of a part of the server.
pub(super) fn labels(name: &ServerName, component: &str) -> Value {
    json!({
        (name::APP_LABEL): name::APP,
        (name::SERVER_LABEL): name.as_str(),
        "app.kubernetes.io/name": name::APP,
        (name::INSTANCE): name.as_str(),
        (name::COMPONENT): component,
        (name::MANAGED_BY): name::OPERATOR,
        (name::PART_OF): "devplat",
    })
}

/// The metadata of the object `own`. Kubernetes deletes it with its server.
pub(super) fn metadata(
    server: &ServerFacts,
    name: &ServerName,
    own: &str,
    component: &str,
    annotations: &Value,
) -> Value {
    json!({
        "name": own,
        "namespace": server.key.namespace,
        "labels": labels(name, component),
        "annotations": annotations,
        "ownerReferences": [{
            "apiVersion": format!("{}/{}", name::GROUP, name::VERSION),
            "kind": "DevServer",
            "name": server.key.name,
            "uid": server.uid,
            "controller": true,
        }],
    })
}
