//! Delivery of images to the nodes of an existing cluster: announced registries, and clusters without an import.

use serde_json::{Value, json};

use crate::{
    answers::{Serving, api_server, engine},
    machine::Machine,
    trouble::{EXISTING, changed, cluster, node, planned, with_engine},
};

const ANNOUNCEMENT: &str = "GET /api/v1/namespaces/kube-public/configmaps/local-registry-hosting";

/// A cluster of no known distribution.
async fn unknown(machine: &Machine) -> Serving {
    cluster(machine, &[node("a", &json!({}), "", "containerd://2.1.4", "amd64")]).await
}

fn announce(server: &Serving, text: &str) {
    let map = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "local-registry-hosting"},
        "data": {"localRegistryHosting.v1": text}});
    server.answers.give(ANNOUNCEMENT, 200, &map);
}

/// An answer of the API server without an object.
fn failure(code: u16, reason: &str) -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "no",
        "reason": reason, "code": code})
}

#[tokio::test]
async fn announcement_that_cannot_be_read_is_remarked() {
    let (machine, engine) = (Machine::new(), engine());
    let server = unknown(&machine).await;
    let object = "cannot read ConfigMap kube-public/local-registry-hosting: ";
    announce(&server, "[]");
    let damaged = "its localRegistryHosting.v1 is not an announcement of a registry";
    let said = planned(&machine, &engine, &EXISTING).await;
    let remark = "using no registry that the cluster may announce: ";
    assert!(said.contains(&format!("{remark}{object}{damaged}")), "{said}");
    assert!(said.contains("only through a registry"), "{said}");
    server.answers.give(ANNOUNCEMENT, 403, &failure(403, "Forbidden"));
    let said = planned(&machine, &engine, &EXISTING).await;
    assert!(said.contains(&format!("{remark}{object}the API server answered 403 Forbidden: no")), "{said}");
    server.answers.give(ANNOUNCEMENT, 404, &failure(404, "NotFound"));
    let said = planned(&machine, &engine, &EXISTING).await;
    assert!(!said.contains(remark), "{said}");
}

#[tokio::test]
async fn nodes_that_cannot_be_listed_are_named_as_the_reason() {
    let (machine, engine) = (Machine::new(), engine());
    let server = unknown(&machine).await;
    server.answers.give("GET /api/v1/nodes", 403, &failure(403, "Forbidden"));
    let said = planned(&machine, &engine, &EXISTING).await;
    assert!(said.contains("only through a registry"), "{said}");
    assert!(said.contains("cannot list Node objects: the API server answered 403 Forbidden: no"), "{said}");
}

#[tokio::test]
async fn import_into_nodes_of_an_unknown_distribution_ends_early() {
    let (machine, engine) = (Machine::new(), engine());
    let server = unknown(&machine).await;
    // The registry that the cluster announces is not asked for.
    announce(&server, "host: localhost:1");
    let args = [&["up", "--yes"][..], &EXISTING, &["--set=images.delivery=nodes"]].concat();
    let (status, said) = with_engine(&machine, &engine, &args).await;
    assert_eq!(status, 2, "{said}");
    let why = "images reach the nodes of context \"there\" (Kubernetes) only through a registry";
    assert!(said.contains(why) && !said.contains("localhost:1"), "{said}");
    assert!(said.contains("hint: name a registry that its nodes can pull from"), "{said}");
    assert_eq!(changed(&server), [""; 0]);
}

/// It counts as usable, because it answers; the login is the user's to add.
#[tokio::test]
async fn announced_registry_that_requires_a_login_is_reported_with_its_help() {
    let (machine, engine) = (Machine::new(), engine());
    let server = unknown(&machine).await;
    let registry = api_server("none").await;
    let address = registry.address.trim_start_matches("http://");
    registry.answers.give("HEAD /v2/", 401, &json!(null));
    registry.answers.give("GET /v2/", 401, &json!(null));
    announce(&server, &format!("host: \"{address}\"\nhelp: https://registry.example/help\n"));
    let args = [&["up", "--yes"][..], &EXISTING].concat();
    let (status, said) = with_engine(&machine, &engine, &args).await;
    assert_eq!(status, 3, "{said}");
    assert!(said.contains(&format!("using registry {address}, announced by the cluster")), "{said}");
    assert!(said.contains(&format!("registry {address} answered 401: it requires credentials")), "{said}");
    assert!(said.contains(&format!("hint: log in with `docker login {address}`")), "{said}");
    assert!(
        said.contains("hint: read about the cluster's registry: https://registry.example/help"),
        "{said}"
    );
    assert_eq!(changed(&server), [""; 0]);
}
