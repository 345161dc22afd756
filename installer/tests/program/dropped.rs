//! Resources of the platform that the profile no longer wants: the plan lists their deletion, and foreign ones stay.

use devplat_keys::UserKey;
use serde_json::{Value, json};

use crate::{
    answers::{Serving, api_server, engine, kubeconfig},
    machine::Machine,
    trouble::{container, list, planned, with_engine},
};

pub(crate) const IMAGE: &str = "--set=devServers.image=registry.example/dev:1";
pub(crate) const STATE: &str = "home/.local/state/devplat/devplat";

fn key(seed: u8, comment: &str) -> UserKey {
    UserKey::from_seed([seed; 32], comment)
}

#[tokio::test]
async fn plan_deletes_only_generated_keys_of_dropped_users() {
    let (machine, engine) = (Machine::new(), engine());
    let bob = key(1, "bob@devplat");
    let write = |name: &str, text: &str| drop(machine.write(&format!("{STATE}/ssh/{name}"), text));
    write("bob.key", &bob.private_text());
    write("bob.pub", &bob.public_text());
    write("own.key", &key(2, "ada@laptop").private_text());
    let before = machine.home();
    let plan = planned(&machine, &engine, &["--profile", "kind", IMAGE]).await;
    assert!(plan.contains("\nkey of user demo create absent"), "{plan}");
    assert!(plan.contains("\nkey of user bob delete no longer wanted"), "{plan}");
    assert_eq!(plan.lines().filter(|line| line.starts_with("key of user")).count(), 2, "{plan}");
    // Another user signs in with the key.
    let profile = format!("extends: kind\nusers:\n  eve: {{sshKeys: [\"{}\"]}}\n", bob.public_text());
    machine.write("work/team.yaml", &profile);
    let plan = planned(&machine, &engine, &["--profile", "team.yaml", IMAGE]).await;
    assert!(plan.contains("\nkey of user bob keep as wanted"), "{plan}");
    assert_eq!(machine.home(), before);
}

/// A platform on kind without its releases: its node is running, and its API server answers.
pub(crate) async fn on_kind(machine: &Machine, engine: &Serving) -> Serving {
    let server = api_server("u1").await;
    let absent = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "absent", "reason": "NotFound", "code": 404});
    for request in ["GET /apis/", "GET /api/v1/namespaces/d", "GET /api/v1/namespaces/kube-public/"] {
        server.answers.give(request, 404, &absent);
    }
    let nothing = json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []});
    server.answers.give("GET /api/v1/namespaces/devplat-system/configmaps?", 200, &nothing);
    server.answers.give("GET /readyz", 200, &json!("ok"));
    let kubeconfig = kubeconfig(&server.address, &json!({"token": "t"}));
    machine.write(&format!("{STATE}/kubeconfig"), &kubeconfig);
    let port = server.address.rsplit_once(':').unwrap().1.parse().unwrap();
    let labels = json!({"io.x-k8s.kind.cluster": "devplat", "io.x-k8s.kind.role": "control-plane"});
    let node = container(NODE, &labels, &["/etc/devplat/owner/devplat"], Some(port));
    list(engine, "io.x-k8s.kind.cluster=devplat", &[(NODE, node)]);
    let spec =
        json!({"nodeImage": "auto", "sshAddress": "127.0.0.1", "portMappings": [], "bastionPort": 30022});
    file(engine, "%2Fkind%2Fdevplat.json", &json!({"platform": "devplat", "spec": spec}));
    let network: Value = json!([{"Name": "devplat-devplat", "Id": "n1", "Containers": {},
        "Labels": {"dev.devplat.platform": "devplat"}}]);
    engine.answers.give("GET /networks ", 200, &network);
    server
}

pub(crate) const NODE: &str = "devplat-control-plane";

/// Gives the node a file; a JSON string is the whole text.
pub(crate) fn file(engine: &Serving, path: &str, content: &Value) {
    let text = content.as_str().map_or_else(|| content.to_string(), str::to_owned);
    engine.answers.give_file(&format!("GET /containers/{NODE}/archive?path={path}"), &text);
}

#[tokio::test]
async fn file_for_a_dropped_registry_is_deleted_from_the_nodes() {
    let (machine, engine) = (Machine::new(), engine());
    let _server = on_kind(&machine, &engine).await;
    for (text, deleted) in [
        ("[host.\"http://devplat-devplat-registry:5000\"]\n", true),
        ("[host.\"http://mirror.example\"]\n", false),
    ] {
        file(&engine, "%2Fetc%2Fcontainerd%2Fcerts.d%2Fdevplat-devplat-registry", &json!(text));
        let args = ["--profile", "kind", "--set=images.delivery=nodes", IMAGE];
        let plan = planned(&machine, &engine, &args).await;
        assert!(plan.contains("\ncluster keep as wanted"), "{plan}");
        let deletion = plan.contains("\nregistry in the nodes delete no longer wanted");
        assert_eq!(deletion, deleted, "{text}: {plan}");
    }
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn running_cluster_is_used_beside_a_half_made_double() {
    let (machine, engine) = (Machine::new(), engine());
    let server = on_kind(&machine, &engine).await;
    let labels = json!({"k3d.cluster": "devplat", "k3d.role": "server", "dev.devplat.platform": "devplat"});
    let node = "k3d-devplat-server-0";
    list(&engine, "k3d.cluster=devplat", &[(node, container(node, &labels, &[], None))]);
    let (_, said) = with_engine(&machine, &engine, &["users", "list"]).await;
    assert!(!said.contains("is not running"), "{said}");
    server.answers.asked("GET /apis/apps.devservers.io/").await;
}
