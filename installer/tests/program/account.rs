//! Platforms of another account: refused until they are taken over, and accepted afterwards.

use std::fs;

use serde_json::{Value, json};

use crate::{
    answers::{Serving, api_server, engine, kubeconfig, network},
    machine::{Machine, run},
    trouble::{K3D, container, list, with_engine},
};

/// The other account in the marks of these tests.
const OTHER: &str = "account other (uid 4242)";

/// The whole output of devplat, standard error first.
pub(crate) async fn output(machine: &Machine, engine: &Serving, args: &[&str]) -> String {
    let output = machine.all_output(args, &[("DOCKER_HOST", &engine.address)]).await;
    output.stderr + &output.stdout
}

#[tokio::test]
async fn network_of_another_account_is_kept_until_taken_over() {
    let (machine, engine) = (Machine::new(), engine());
    engine.answers.give_networks(&[network("n1", Some("4242:other"))]);
    let (status, said) = with_engine(&machine, &engine, &["destroy", "--yes"]).await;
    assert_ne!(status, 0, "{said}");
    assert!(said.contains("other (uid 4242)"), "{said}");
    assert_eq!(engine.answers.changes(), [""; 0]);
    engine.answers.give("DELETE /networks/n1", 200, &json!({}));
    let taking = machine.devplat(&["destroy", "--yes", "--take-over"]).env("DOCKER_HOST", &engine.address);
    let (status, said) = run(taking).await;
    assert_eq!(status, 0, "{said}");
    assert_eq!(engine.answers.changes(), ["DELETE /networks/n1"]);
}

/// Verbs that search for the platform in an engine, with profile kind where they take a profile.
const IN_ENGINE: [&[&str]; 5] = [
    &["status", "--profile", "kind"],
    &["plan", "--profile", "kind"],
    &["up", "--profile", "kind", "--yes"],
    &["users", "list"],
    &["port-forward"],
];

/// The half-made kind cluster of another account.
fn cluster_of_another_account(engine: &Serving) {
    let labels = json!({"io.x-k8s.kind.cluster": "devplat", "io.x-k8s.kind.role": "control-plane"});
    let mounts = ["/etc/devplat/owner/devplat", "/etc/devplat/account/4242-other"];
    let node = container("devplat-control-plane", &labels, &mounts, None);
    list(engine, "io.x-k8s.kind.cluster=devplat", &[("devplat-control-plane", node)]);
}

#[tokio::test]
async fn cluster_of_another_account_is_refused_by_every_verb() {
    let (machine, engine) = (Machine::new(), engine());
    cluster_of_another_account(&engine);
    let destroy: &[&str] = &["destroy", "--yes"];
    for args in IN_ENGINE.into_iter().chain([destroy]) {
        let said = output(&machine, &engine, args).await;
        assert!(said.contains(OTHER), "{args:?}: {said}");
        let (status, _) = with_engine(&machine, &engine, args).await;
        match args[0] {
            "status" => assert_eq!(status, 0, "{args:?}: {said}"),
            _ => {
                assert_eq!(status, 2, "{args:?}: {said}");
                assert!(said.contains("--take-over"), "{args:?}: {said}");
                assert!(!said.contains("name another platform"), "{args:?}: {said}");
            }
        }
    }
    assert_eq!(engine.answers.changes(), [""; 0]);
}

/// Neither the command line nor a state folder names the platform, so `status` searches for it before the comparison.
#[tokio::test]
async fn platform_that_status_finds_by_its_marks_is_located_once() {
    let (machine, engine) = (Machine::new(), engine());
    cluster_of_another_account(&engine);
    let said = output(&machine, &engine, &["status"]).await;
    assert!(said.contains("found the kind cluster of platform devplat: using profile kind"), "{said}");
    assert!(said.contains(OTHER), "{said}");
    let requests = engine.answers.requests();
    let connections = requests.iter().filter(|one| one.ends_with("/_ping")).count();
    assert_eq!(connections, 1, "{requests:#?}");
}

#[tokio::test]
async fn cluster_that_was_taken_over_is_accepted_by_later_verbs() {
    let (machine, engine) = (Machine::new(), engine());
    cluster_of_another_account(&engine);
    machine.remember(&json!({"profile": "kind", "takenOver": ["4242:other"],
        "place": {"in": "engine", "id": engine.id, "endpoint": engine.address}}));
    for (args, expected) in [
        (&["status"][..], "its creation or deletion was interrupted"),
        (&["plan"], "its creation or deletion was interrupted"),
        (&["users", "list"], "the cluster of platform devplat is not running"),
        (&["port-forward"], "the cluster of platform devplat is not running"),
    ] {
        let said = output(&machine, &engine, args).await;
        assert!(said.contains(expected), "{args:?}: {said}");
        assert!(!said.contains(OTHER) && !said.contains("--take-over"), "{args:?}: {said}");
    }
}

#[tokio::test]
async fn take_over_is_remembered() {
    let (machine, engine) = (Machine::new(), engine());
    let network = network("n1", Some("4242:other"));
    engine.answers.give_networks(std::slice::from_ref(&network));
    engine.answers.give("GET /networks/devplat-devplat", 200, &network);
    machine.program("k3d", r#"[ "$1" = version ] && echo '{"k3d":"v5.8.3","k3s":"v1.34.3-k3s1"}'"#).await;
    let (status, said) = with_engine(&machine, &engine, &K3D).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains(OTHER) && said.contains("--take-over"), "{said}");
    // k3d fails to create the cluster, after the decisions were written.
    let (status, said) = with_engine(&machine, &engine, &[&K3D[..], &["--take-over"]].concat()).await;
    assert!(status != 0 && !said.contains(OTHER), "{status}: {said}");
    let file = machine.at("home/.local/state/devplat/devplat/decisions.json");
    let decisions: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(decisions["takenOver"], json!(["4242:other"]), "{decisions}");
    let (status, said) = with_engine(&machine, &engine, &["plan"]).await;
    assert_eq!(status, 0, "{said}");
}

#[tokio::test]
async fn remembered_account_is_compared() {
    let (machine, engine) = (Machine::new(), engine());
    machine.remember(&json!({"profile": "kind", "account": "4242:other",
        "place": {"in": "engine", "id": engine.id, "endpoint": engine.address}}));
    for args in [
        &["up", "--yes"][..],
        &["destroy", "--yes"],
        &["users", "add", "alice", "--key", "alice.pub"],
        &["users", "remove", "alice", "--yes"],
    ] {
        let (status, said) = with_engine(&machine, &engine, args).await;
        assert_eq!(status, 2, "{args:?}: {said}");
        assert!(said.contains(&format!("was created by {OTHER}, as state folder ")), "{args:?}: {said}");
        assert!(said.contains("hint: run it as other") && said.contains("--take-over"), "{args:?}: {said}");
    }
    for (args, remark) in [
        (&["status"][..], true),
        (&["plan"], true),
        (&["users", "list"], true),
        (&["plan", "--take-over"], false),
    ] {
        let said = output(&machine, &engine, args).await;
        assert_eq!(
            said.contains(&format!("note: platform devplat was created by {OTHER}")),
            remark,
            "{args:?}: {said}"
        );
    }
    assert_eq!(engine.answers.changes(), [""; 0]);
}

/// An API server with the platform of another account.
pub(crate) async fn server_of_another_account(machine: &Machine) -> Serving {
    let server = api_server("u1").await;
    let namespace = json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "devplat-system",
        "labels": {"devplat.dev/platform": "devplat"}, "annotations": {"devplat.dev/account": "4242:other"}}});
    server.answers.give("GET /api/v1/namespaces/devplat-system ", 200, &namespace);
    machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
    server
}

#[tokio::test]
async fn installation_of_another_account_is_not_adopted_in_silence() {
    let machine = Machine::new();
    let server = server_of_another_account(&machine).await;
    let whose = format!("was created by {OTHER}, as the cluster of context \"there\" records");
    let set = "--set=images.registry=registry.example/team";
    let up: &[&str] = &["up", "--yes", "--profile", "existing", "--context", "there", set];
    for args in [up, &["destroy", "--yes", "--context", "there"]] {
        let (status, said) = run(machine.devplat(args)).await;
        assert_eq!(status, 2, "{args:?}: {said}");
        assert!(said.contains(&whose) && said.contains("add --take-over"), "{args:?}: {said}");
    }
    let remarked = async |args: &[&str]| {
        let output = machine.all_output(args, &[]).await;
        output.stderr.contains(&format!("note: platform devplat {whose}"))
    };
    assert!(remarked(&["users", "list", "--context", "there"]).await);
    assert!(remarked(&["plan", "--context", "there", set]).await);
    assert!(!remarked(&["plan", "--context", "there", set, "--take-over"]).await);
    let taken = json!({"profile": "existing", "context": "there", "takenOver": ["4242:other"],
        "place": {"in": "cluster", "uid": "u1", "server": server.address}});
    machine.remember(&taken);
    assert!(!remarked(&["users", "list"]).await);
    let changes = server.answers.changes();
    let question = |one: &String| one.contains("selfsubjectaccessreviews") || one.contains("dryRun=All");
    assert!(changes.iter().all(question), "{changes:?}");
}
