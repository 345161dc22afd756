//! The journal beside a fake Docker engine: each request that changes the engine has its own intent and outcome.

use std::fs;

use serde_json::{Value, json};

use crate::{
    answers::{Serving, api_server, engine},
    machine::Machine,
    trouble::{self, container, list, with_engine},
};

const UP: [&str; 7] = [
    "up",
    "--profile",
    "k3d",
    "--yes",
    "--set=devServers.image=registry.example/dev:1",
    "--set=cluster.k3d.image=registry.example/k3s:1",
    "--set=images.local.image=registry.example/registry:1",
];
/// A k3d that creates nothing. Its create waits in between until the test writes to `go`, and it counts its deletions.
const K3D: &str = r#"case "$1 $2" in
'version -o') echo '{"k3d":"v5.8.3","k3s":"v1.34.3-k3s1"}' ;;
'cluster create') mkfifo "$FOLDER/go"; touch "$FOLDER/begun"; cat "$FOLDER/go"; exit 1 ;;
'cluster delete') echo deleted >> "$FOLDER/deletions" ;;
esac"#;
/// A k3d whose first command, which devplat runs after the plan was made, waits until the test writes to `go`. It reports
/// a create after a deletion.
const K3D_IN_BETWEEN: &str = r#"case "$1 $2" in
'version -o')
    mkfifo "$FOLDER/go"; touch "$FOLDER/begun"; cat "$FOLDER/go"
    echo '{"k3d":"v5.8.3","k3s":"v1.34.3-k3s1"}' ;;
'cluster create') [ -e "$FOLDER/deleted" ] && touch "$FOLDER/created"; exit 1 ;;
'cluster delete') touch "$FOLDER/deleted" ;;
esac"#;
pub(crate) const REGISTRY: &str = "devplat-devplat-registry";
const TOOLS: &str = "k3d-devplat-tools";

/// The requests that change the engine, with the call in the journal and the physical id of its object.
const CALLS: [(&str, &str, &str); 7] = [
    ("POST /networks/create", "create Docker network devplat-devplat", "n1"),
    ("POST /containers/create?", "create container devplat-devplat-registry", "r1"),
    ("POST /containers/devplat-devplat-registry/start", "start container devplat-devplat-registry", "r1"),
    ("DELETE /containers/k3d-devplat-tools?", "delete container k3d-devplat-tools", TOOLS),
    ("DELETE /volumes/k3d-devplat-images", "delete volume k3d-devplat-images", "k3d-devplat-images"),
    ("DELETE /containers/devplat-devplat-registry?", "delete container devplat-devplat-registry", REGISTRY),
    ("DELETE /networks/n1", "delete Docker network devplat-devplat", "n1"),
];

/// Adds the network, the registry and half of a cluster, as a killed `k3d cluster create` leaves it.
fn appear(engine: &Serving, registry: &Serving) {
    appear_half(engine);
    engine.answers.give(&format!("GET /containers/{REGISTRY}/json"), 200, &running(registry));
}

/// Returns the platform's registry as a running container whose port leads to `registry`.
pub(crate) fn running(registry: &Serving) -> Value {
    let mark = json!({"dev.devplat.platform": "devplat"});
    let (_, port) = registry.address.rsplit_once(':').unwrap();
    let mut running = container(REGISTRY, &mark, &[], None);
    let ports = json!({"5000/tcp": [{"HostIp": "127.0.0.1", "HostPort": port}]});
    running["NetworkSettings"] = json!({"Ports": ports, "Networks": {"devplat-devplat": {}}});
    running
}

/// Adds only the network and half of a cluster.
fn appear_half(engine: &Serving) {
    let mark = json!({"dev.devplat.platform": "devplat"});
    let network = json!({"Name": "devplat-devplat", "Id": "n1", "Containers": {}, "Labels": mark});
    engine.answers.give_networks(&[network]);
    let labels = json!({"app": "k3d", "k3d.cluster": "devplat"});
    list(engine, "k3d.cluster=devplat", &[(TOOLS, container(TOOLS, &labels, &[], None))]);
    let volume = json!({"Name": "k3d-devplat-images", "Driver": "local", "Mountpoint": "/v", "Labels": labels,
        "Scope": "local", "Options": null});
    engine.answers.give("GET /volumes/k3d-devplat-images", 200, &volume);
}

/// Returns the entries of calls in the journal.
pub(crate) fn calls(machine: &Machine) -> Vec<Value> {
    let file = machine.at("home/.local/state/devplat/devplat/journal.jsonl");
    let text = fs::read_to_string(file).unwrap();
    let entries = text.lines().skip(1).map(|line| serde_json::from_str::<Value>(line).unwrap());
    entries.filter(|entry| entry["call"].is_string()).collect()
}

/// Returns the calls with this outcome, in alphabetic order, without those of programs and on files.
fn to_the_engine(entries: &[Value], is: &str) -> Vec<String> {
    let others = ["k3d ", "write ", "assemble ", "push "];
    let calls = entries.iter().filter(|entry| entry["outcome"]["is"] == is);
    let calls = calls.map(|entry| entry["call"].as_str().unwrap().to_owned());
    let mut calls: Vec<String> =
        calls.filter(|call| !others.iter().any(|start| call.starts_with(start))).collect();
    calls.sort();
    calls
}

#[tokio::test]
async fn every_change_of_the_engine_has_its_intent_and_its_outcome() {
    let (machine, engine, registry) = (Machine::new(), engine(), api_server("registry").await);
    registry.answers.give("GET /v2/ ", 200, &json!({}));
    machine.program("k3d", &K3D.replace("$FOLDER", &machine.at("work").display().to_string())).await;
    for (request, status, body) in [
        ("POST /networks/create", 201, json!({"Id": "n1", "Warning": ""})),
        ("GET /images/registry.example/registry:1/json", 200, json!({"Id": "sha256:1"})),
        ("GET /images/registry.example/k3s:1/json", 200, json!({"Id": "sha256:2"})),
        ("POST /containers/create?", 201, json!({"Id": "r1", "Warnings": []})),
        ("POST /containers/devplat-devplat-registry/start", 204, json!(null)),
        ("DELETE /containers/", 204, json!(null)),
        ("DELETE /volumes/", 204, json!(null)),
        ("DELETE /networks/n1", 403, json!({"message": "network devplat-devplat has active endpoints"})),
    ] {
        engine.answers.give(request, status, &body);
    }
    let running = machine.start_with(&UP, &[("DOCKER_HOST", &engine.address)]).await;
    let (begun, go) = (machine.at("work/begun"), machine.at("work/go"));
    machine.until(|| begun.exists()).await;
    appear(&engine, &registry);
    tokio::task::spawn_blocking(move || fs::write(go, "")).await.unwrap().unwrap();
    let (status, said) = running.ended().await;
    assert_ne!(status, 0, "{said}");
    // The engine refuses to delete the network, so the journal stays.
    let (status, said) = with_engine(&machine, &engine, &["destroy", "--yes"]).await;
    assert!(status == 4 && said.contains("the Docker engine answered 403"), "{status}: {said}");

    let entries = calls(&machine);
    let call_of = |request: &String| {
        let known = CALLS.iter().find(|(start, _, _)| request.starts_with(*start));
        known.unwrap_or_else(|| panic!("{request} is not in the table")).1.to_owned()
    };
    let mut changes: Vec<String> = engine.answers.changes().iter().map(call_of).collect();
    changes.sort();
    assert_eq!(to_the_engine(&entries, "calling"), changes, "{entries:#?}");
    for (_, call, id) in CALLS {
        assert!(changes.iter().any(|change| change == call), "{call} was not made: {said}");
        for entry in entries.iter().filter(|entry| entry["call"] == call) {
            if entry["outcome"]["is"] == "made" {
                assert_eq!(entry["physical"], id, "{entry:#}");
            }
        }
    }
    let refused = to_the_engine(&entries, "failed");
    assert_eq!(refused, ["delete Docker network devplat-devplat"]);
    let mut made = to_the_engine(&entries, "made");
    made.extend(refused);
    made.sort();
    assert_eq!(made, changes);
    assert_eq!(outcomes(&entries, "k3d cluster create devplat"), ["calling", "failed"]);
    // After its failure, the create is followed by a deletion, and so is `destroy`.
    assert_eq!(fs::read_to_string(machine.at("work/deletions")).unwrap().lines().count(), 2);
    let deletions = outcomes(&entries, "k3d cluster delete devplat");
    assert_eq!(deletions, ["calling", "made", "calling", "made"], "{entries:#?}");
}

fn outcomes<'a>(entries: &'a [Value], call: &str) -> Vec<&'a str> {
    let all = entries.iter().filter(|entry| entry["call"] == call);
    all.map(|entry| entry["outcome"]["is"].as_str().unwrap()).collect()
}

/// As after a killed run whose last request the engine still carries out.
#[tokio::test]
async fn half_a_cluster_found_after_the_plan_is_deleted_before_the_create() {
    let (machine, engine) = (Machine::new(), engine());
    let folder = machine.at("work").display().to_string();
    machine.program("k3d", &K3D_IN_BETWEEN.replace("$FOLDER", &folder)).await;
    for request in ["DELETE /containers/", "DELETE /volumes/"] {
        engine.answers.give(request, 204, &json!(null));
    }
    engine.answers.give("GET /images/registry.example/k3s:1/json", 200, &json!({"Id": "sha256:2"}));
    let running = machine.start_with(&trouble::K3D, &[("DOCKER_HOST", &engine.address)]).await;
    let (begun, go) = (machine.at("work/begun"), machine.at("work/go"));
    machine.until(|| begun.exists()).await;
    appear_half(&engine);
    tokio::task::spawn_blocking(move || fs::write(go, "")).await.unwrap().unwrap();
    let (status, said) = running.ended().await;
    assert_ne!(status, 0, "{said}");
    assert!(machine.at("work/created").exists(), "{said}");
    let entries = calls(&machine);
    let creates = outcomes(&entries, "k3d cluster create devplat");
    assert_eq!(creates, ["calling", "failed", "calling", "failed"], "{entries:#?}");
    assert_eq!(outcomes(&entries, "k3d cluster delete devplat"), ["calling", "made"]);
    assert_eq!(outcomes(&entries, &format!("delete container {TOOLS}")), ["calling", "made"]);
}
