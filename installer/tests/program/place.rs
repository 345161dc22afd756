//! The place of a platform: a search in another place must not count as a destroyed platform.

use std::fs;

use serde_json::{Value, json};

use crate::{
    answers::{Serving, api_server, engine, kubeconfig},
    machine::{Machine, run},
};

/// Returns the decisions of a platform with profile kind in the engine `id`.
fn in_engine(id: &str) -> Value {
    json!({"profile": "kind", "place": {"in": "engine", "id": id, "endpoint": "unix:///run/old.sock"}})
}

/// Returns the decisions of a platform in the cluster with this UID and context `there`.
fn in_cluster(uid: &str) -> Value {
    json!({"profile": "existing", "context": "there",
        "place": {"in": "cluster", "uid": uid, "server": "https://old:6443"}})
}

/// The verbs that search for a platform or change it.
const VERBS: [&[&str]; 4] = [&["status"], &["plan"], &["up", "--yes"], &["destroy", "--yes"]];

async fn with_engine(machine: &Machine, engine: &Serving, args: &[&str]) -> (i32, String) {
    run(machine.devplat(args).env("DOCKER_HOST", &engine.address)).await
}

#[tokio::test]
async fn destroy_without_a_platform_fails_with_the_searched_places() {
    let (machine, engine) = (Machine::new(), engine());
    let (status, said) = with_engine(&machine, &engine, &["destroy", "--yes"]).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("platform devplat is neither known nor found here"), "{said}");
    assert!(said.contains(".local/state/devplat/devplat") && said.contains(&engine.address), "{said}");
    assert_eq!(engine.answers.changes(), [""; 0]);
    assert!(machine.home().keys().all(|path| !path.ends_with("decisions.json")));
}

#[tokio::test]
async fn context_with_marks_is_suggested_for_an_unknown_platform() {
    let (machine, engine, server) = (Machine::new(), engine(), api_server("u1").await);
    server.answers.give(
        "GET /api/v1/namespaces?",
        200,
        &json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "items": [
            {"metadata": {"name": "devplat-system", "labels": {"devplat.dev/platform": "devplat"}}}
        ]}),
    );
    machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
    for args in [&["destroy", "--yes"][..], &["destroy", "--yes", "--profile", "existing"]] {
        let (status, said) = with_engine(&machine, &engine, args).await;
        assert_eq!(status, 2, "{said}");
        assert!(said.contains("context there has its marks"), "{said}");
        assert!(said.contains("devplat destroy") && said.contains("--context there"), "{said}");
    }
}

#[tokio::test]
async fn ssh_block_alone_is_not_a_platform() {
    let (machine, engine) = (Machine::new(), engine());
    let block = "# >>> devplat devplat: written by `devplat ssh-config`, removed by `devplat destroy`\n\
                 Include /x\n# <<< devplat devplat\nHost mine\n";
    let file = machine.write("home/.ssh/config", block);
    let (status, said) = with_engine(&machine, &engine, &["destroy", "--yes"]).await;
    assert_eq!(status, 2, "{said}");
    assert_eq!(fs::read_to_string(file).unwrap(), block);
}

#[tokio::test]
async fn every_verb_rejects_an_engine_with_another_id() {
    let (machine, engine) = (Machine::new(), engine());
    machine.remember(&in_engine("E1"));
    for args in VERBS {
        let before = machine.home();
        let (status, said) = with_engine(&machine, &engine, args).await;
        assert_eq!(status, 2, "{args:?}: {said}");
        assert!(
            said.contains("was made in the Docker engine E1 at unix:///run/old.sock"),
            "{args:?}: {said}"
        );
        assert!(said.contains("--forget"), "{args:?}: {said}");
        assert_eq!(machine.home(), before, "{args:?}");
    }
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn every_verb_rejects_a_cluster_with_another_uid() {
    let (machine, server) = (Machine::new(), api_server("u2").await);
    machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
    machine.remember(&in_cluster("u1"));
    for args in VERBS {
        let before = machine.home();
        let (status, said) = run(machine.devplat(args)).await;
        assert_eq!(status, 2, "{args:?}: {said}");
        assert!(said.contains("its namespace kube-system had UID u1"), "{args:?}: {said}");
        assert_eq!(machine.home(), before, "{args:?}");
    }
    let changes = server.answers.changes();
    assert!(changes.iter().all(|one| one.contains("selfsubjectaccessreviews")), "{changes:?}");
}

#[tokio::test]
async fn decisions_of_an_older_devplat_are_kept_if_nothing_is_found() {
    let (machine, engine) = (Machine::new(), engine());
    machine.remember(&json!({"profile": "kind", "context": null, "devServerImage": "debian"}));
    let key = machine.write("home/.local/state/devplat/devplat/ssh/demo.key", "private");
    let (status, said) = with_engine(&machine, &engine, &["destroy", "--yes"]).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("it is unknown where the platform was created"), "{said}");
    assert!(key.exists());
    let (status, said) = with_engine(&machine, &engine, &["destroy", "--forget", "--yes"]).await;
    assert_eq!(status, 0, "{said}");
    assert!(!key.exists());
}

#[tokio::test]
async fn platform_without_its_cluster_is_forgotten_not_destroyed() {
    let (machine, engine) = (Machine::new(), engine());
    machine.remember(&in_engine(&engine.id));
    let (status, said) = with_engine(&machine, &engine, &["destroy", "--yes"]).await;
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("no resource of platform devplat was found"), "{said}");
    assert!(said.contains("deleted its state folder") && !said.contains("destroyed"), "{said}");
}

#[tokio::test]
async fn absent_context_is_reported_with_the_forget_flag() {
    let machine = Machine::new();
    machine.remember(&in_cluster("u1"));
    let (status, said) = run(machine.devplat(&["destroy", "--yes"])).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("there is no context \"there\"") && said.contains("--forget"), "{said}");
}

#[tokio::test]
async fn network_of_another_account_is_kept_until_taken_over() {
    let (machine, engine) = (Machine::new(), engine());
    let network = json!({"Name": "devplat-devplat", "Id": "n1", "IPAM": {"Config": [{"Subnet": "172.18.0.0/16"}]},
        "Containers": {}, "Labels": {"dev.devplat.platform": "devplat", "dev.devplat.account": "4242:other"}});
    engine.answers.give("GET /networks/devplat-devplat", 200, &network);
    let (status, said) = with_engine(&machine, &engine, &["destroy", "--yes"]).await;
    assert_ne!(status, 0, "{said}");
    assert!(said.contains("other (uid 4242)"), "{said}");
    assert_eq!(engine.answers.changes(), [""; 0]);
    engine.answers.give("DELETE /networks/devplat-devplat", 200, &json!({}));
    let taking = machine.devplat(&["destroy", "--yes", "--take-over"]).env("DOCKER_HOST", &engine.address);
    let (status, said) = run(taking).await;
    assert_eq!(status, 0, "{said}");
    assert_eq!(engine.answers.changes(), ["DELETE /networks/devplat-devplat"]);
}
