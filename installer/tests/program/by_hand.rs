//! Platforms that a user has changed by hand, and command lines that mean another platform than the one that is there.

use std::net::TcpListener;

use serde_json::{Value, json};

use crate::{
    answers::{Serving, engine, network},
    dropped::{IMAGE, NODE, file, on_kind},
    machine::{Machine, run},
    replaced::stopped,
    trouble::{K3D_THAT_FAILS, cluster, container, list, planned, with_engine},
};

pub(crate) const WORKER: [&str; 5] =
    ["--profile", "kind", "--set=images.delivery=nodes", "--set=cluster.kind.workers=1", IMAGE];
/// The profile of [`servers`].
const SERVERS: [&str; 5] =
    ["--profile", "k3d", "--set=images.delivery=nodes", "--set=cluster.k3d.servers=3", IMAGE];

/// A platform on kind with these recorded containers, of which only the control plane is there.
pub(crate) async fn recorded(machine: &Machine, engine: &Serving, containers: &Value) -> Serving {
    let server = on_kind(machine, engine).await;
    let spec = json!({"nodeImage": "auto", "workers": 1, "sshAddress": "127.0.0.1", "portMappings": [],
        "bastionPort": 30022});
    let record = json!({"platform": "devplat", "spec": spec, "containers": containers});
    file(engine, "%2Fkind%2Fdevplat.json", &record);
    server
}

pub(crate) fn in_network(mut container: Value, network: &str) -> Value {
    container["NetworkSettings"]["Networks"] = json!({network: {"IPAddress": "172.18.0.9"}});
    container
}

/// An engine with a finished k3d cluster of three servers, of which these are there; the last one is in no network.
fn servers(numbers: &[u8]) -> Serving {
    let engine = engine();
    let mut network = network("n1", None);
    network["Labels"]["dev.devplat.addresses"] = json!("fixed");
    engine.answers.give("GET /networks ", 200, &json!([network]));
    let name = |number: &u8| format!("k3d-devplat-server-{number}");
    let names: Vec<String> = numbers.iter().map(name).collect();
    let labels = json!({"k3d.cluster": "devplat", "k3d.role": "server", "dev.devplat.platform": "devplat"});
    let of = |(index, name): (usize, &String)| {
        let node = stopped(container(name, &labels, &[], None));
        if index + 1 < names.len() { in_network(node, "devplat-devplat") } else { node }
    };
    let nodes: Vec<Value> = names.iter().enumerate().map(of).collect();
    let nodes: Vec<(&str, Value)> = names.iter().map(String::as_str).zip(nodes).collect();
    list(&engine, "k3d.cluster=devplat", &nodes);
    let spec = json!({"image": "auto", "servers": 3, "agents": 0, "sshAddress": "127.0.0.1", "portMappings": [],
        "bastionPort": 30022});
    let addresses: Vec<(String, String)> =
        [0, 1, 2].iter().map(|number| (name(number), format!("172.18.0.1{number}"))).collect();
    let addresses: serde_json::Map<String, Value> =
        addresses.into_iter().map(|(name, address)| (name, json!(address))).collect();
    let record = json!({"platform": "devplat", "spec": spec, "containers": addresses}).to_string();
    for name in &names {
        engine.answers.give_file(&format!("GET /containers/{name}/archive"), &record);
    }
    engine
}

#[tokio::test]
async fn deleted_node_is_named_and_replaced_only_by_name() {
    let (machine, engine) = (Machine::new(), engine());
    let _server = recorded(&machine, &engine, &json!({NODE: null, "devplat-worker": null})).await;
    let (status, said) = with_engine(&machine, &engine, &[&["plan"][..], &WORKER].concat()).await;
    assert_eq!(status, 2, "{said}");
    let why =
        "cannot change cluster without losing every dev server and home in it: devplat-worker is missing";
    assert!(said.contains(why), "{said}");
    assert!(said.contains("hint: add --lose cluster to lose that data") && !said.contains("back"), "{said}");
    let plan = planned(&machine, &engine, &[&WORKER[..], &["--lose=cluster"]].concat()).await;
    assert!(plan.contains("\ncluster delete devplat-worker is missing, and cannot be added again"), "{plan}");
    assert!(plan.contains("\ncluster create replaces the deleted one"), "{plan}");
    let variables = [("DOCKER_HOST", engine.address.as_str())];
    let status = machine.all_output(&[&["status"][..], &WORKER].concat(), &variables).await;
    assert!(status.stdout.contains("devplat-worker is missing"), "{status:?}");
    assert_eq!(engine.answers.changes(), [""; 0]);
}

/// It must not count as the first half of a cluster, which is deleted without a question.
#[tokio::test]
async fn cluster_whose_first_server_was_deleted_is_not_an_interrupted_creation() {
    let (machine, engine) = (Machine::new(), servers(&[1, 2]));
    let (status, said) = with_engine(&machine, &engine, &[&["plan"][..], &SERVERS].concat()).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("k3d-devplat-server-0 is missing") && !said.contains("interrupted"), "{said}");
}

#[tokio::test]
async fn disconnected_node_is_stopped_and_connected_again() {
    let (machine, engine) = (Machine::new(), engine());
    let _server = recorded(&machine, &engine, &json!({NODE: null})).await;
    let plan = planned(&machine, &engine, &WORKER).await;
    let why = format!("{NODE} is not in network devplat-devplat");
    assert!(plan.contains(&format!("\ncluster update {why}")), "{plan}");
    let stop = format!("POST /containers/{NODE}/stop");
    engine.answers.give(&stop, 204, &json!(null));
    let (status, said) = with_engine(&machine, &engine, &[&["up", "--yes"][..], &WORKER].concat()).await;
    // The engine does not know how to connect a container.
    assert_eq!(status, 4, "{said}");
    let changes = engine.answers.changes();
    let of_node = |one: &&String| one.contains(NODE) || one.contains("/connect");
    let changes: Vec<&str> =
        changes.iter().filter(of_node).map(|one| one.split('?').next().unwrap()).collect();
    assert_eq!(changes, [stop.as_str(), "POST /networks/devplat-devplat/connect"], "{said}");
}

#[tokio::test]
async fn server_with_a_fixed_address_is_connected_again_and_started() {
    let (machine, engine) = (Machine::new(), servers(&[0, 1, 2]));
    let connect = "POST /networks/devplat-devplat/connect";
    engine.answers.give(connect, 200, &json!({}));
    let (status, said) = with_engine(&machine, &engine, &[&["up", "--yes"][..], &SERVERS].concat()).await;
    // The engine does not know how to start a container.
    assert_eq!(status, 4, "{said}");
    let changes = engine.answers.changes();
    assert_eq!(changes, [connect, "POST /containers/k3d-devplat-server-0/start"], "{said}");
}

#[tokio::test]
async fn port_forward_to_an_absent_bastion_names_the_next_command() {
    let machine = Machine::new();
    let server = cluster(&machine, &[]).await;
    let absent = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "absent", "reason": "NotFound", "code": 404});
    let deployment = "GET /apis/apps/v1/namespaces/devserver-bastion/deployments/bastion";
    server.answers.give(deployment, 404, &absent);
    let port = free_port();
    let args = ["port-forward", "--context", "there", "--port", &port, "--", "true"];
    let (status, said) = run(machine.devplat(&args)).await;
    assert_eq!(status, 2, "{said}");
    assert!(
        said.contains("error: the bastion of platform devplat is not installed in its cluster"),
        "{said}"
    );
    assert!(said.contains("hint: `devplat up --context there` installs it"), "{said}");
    assert!(!said.contains("leads to the bastion"), "{said}");
}

#[tokio::test]
async fn port_forward_reports_its_address_as_an_event() {
    let machine = Machine::new();
    let _server = cluster(&machine, &[]).await;
    let port = free_port();
    let args = ["port-forward", "--context", "there", "--port", &port, "--output", "json", "--", "true"];
    let output = machine.all_output(&args, &[]).await;
    let event: Value = serde_json::from_str(&output.stdout).unwrap();
    let address = format!("127.0.0.1:{port}");
    assert_eq!(event, json!({"event": "listening", "name": "devplat", "address": address}));
}

/// A port of this machine on which nothing listens.
fn free_port() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

#[tokio::test]
async fn destroy_with_a_profile_of_another_program_deletes_nothing() {
    let (machine, engine) = (Machine::new(), servers(&[0, 1, 2]));
    let (status, said) = with_engine(&machine, &engine, &["destroy", "--yes", "--profile", "kind"]).await;
    assert_eq!(status, 2, "{said}");
    let why =
        "the cluster of platform devplat was created with k3d, and profile kind is for a cluster of kind";
    assert!(said.contains(why), "{said}");
    assert!(said.contains("hint: nothing was deleted; `devplat destroy` deletes the k3d cluster"), "{said}");
    let variable = [("DOCKER_HOST", engine.address.as_str()), ("DEVPLAT_PROFILE", "kind")];
    let output = machine.all_output(&["destroy", "--yes"], &variable).await;
    assert!(output.stderr.contains("`env -u DEVPLAT_PROFILE devplat destroy`"), "{}", output.stderr);
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn taken_ssh_port_is_refused_before_anything_is_made() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap();
    for maker in ["kind", "k3d"] {
        let (machine, engine) = (Machine::new(), engine());
        machine.program("k3d", K3D_THAT_FAILS).await;
        machine.program("kind", "[ \"$1\" = version ] && echo 0.31.0").await;
        machine.program("docker", "exit 1").await;
        let port = format!("--set=cluster.{maker}.sshPort={}", taken.port());
        let args = ["up", "--yes", "--profile", maker, "--set=images.delivery=nodes", IMAGE, &port];
        let (status, said) = with_engine(&machine, &engine, &args).await;
        assert_eq!(status, 3, "{maker}: {said}");
        let why = format!("port {taken} of this machine is taken by ");
        assert!(said.contains(&why) && !said.contains("cannot create cluster"), "{maker}: {said}");
        assert_eq!(engine.answers.changes(), [""; 0], "{maker}");
    }
}

/// `up` without a profile would create a second platform.
#[tokio::test]
async fn mistyped_name_creates_no_second_platform() {
    let (machine, engine) = (Machine::new(), engine());
    machine.remember(&json!({"profile": "kind"}));
    for (args, verb) in [(&["up", "--yes"][..], "up"), (&["up"], "up"), (&["plan"], "plan")] {
        let (status, said) = with_engine(&machine, &engine, &[args, &["--name", "typo"]].concat()).await;
        assert_eq!(status, 2, "{args:?}: {said}");
        let why = "platform typo is not known here, and no profile is named for a new one; known: devplat";
        assert!(said.contains(why), "{args:?}: {said}");
        let known = format!("hint: for platform devplat, which is known: `devplat {verb} --name devplat`");
        let new = format!("name its profile: `devplat {verb} --name typo --profile kind`");
        assert!(said.contains(&known) && said.contains(&new), "{args:?}: {said}");
    }
    assert_eq!(engine.answers.changes(), [""; 0]);
    assert!(!machine.at("home/.local/state/devplat/typo").exists());
    // A named profile is an answer.
    let named = ["plan", "--name", "second", "--profile", "kind", IMAGE];
    let (status, said) = with_engine(&machine, &engine, &named).await;
    assert_eq!(status, 0, "{said}");
}
