//! Names that the containers of a cluster need: strangers' containers can have them, and a user can rename a node.

use serde_json::{Value, json};

use crate::{
    answers::{Serving, engine, network},
    by_hand::{WORKER, in_network, recorded},
    dropped::{IMAGE, NODE},
    journal::calls,
    machine::Machine,
    trouble::{container, list, planned, with_engine},
};

/// Gives the engine these containers in its list of all containers.
fn list_all(engine: &Serving, containers: &[(&str, Value)]) {
    let listed = |(name, labels): &(&str, Value)| json!({"Id": name, "Names": [format!("/{name}")], "Labels": labels, "Ports": []});
    let all: Vec<Value> = containers.iter().map(listed).collect();
    engine.answers.give("GET /containers/json?all=true&size=false ", 200, &json!(all));
}

#[tokio::test]
async fn foreign_container_with_a_name_of_the_cluster_is_refused_first() {
    let (machine, engine) = (Machine::new(), engine());
    machine.local_programs().await;
    let agents = "--set=cluster.k3d.agents=1";
    for (name, args) in [
        ("k3d-devplat-server-0", &["--profile", "k3d", IMAGE][..]),
        ("k3d-devplat-agent-0", &["--profile", "k3d", IMAGE, agents]),
        ("k3d-devplat-tools", &["--profile", "k3d", IMAGE]),
        (NODE, &["--profile", "kind", IMAGE]),
        ("devplat-worker", &WORKER),
    ] {
        list_all(&engine, &[(name, json!({})), ("unrelated", json!({}))]);
        let plan = planned(&machine, &engine, args).await;
        assert!(plan.contains("\ncluster create absent"), "{name}: {plan}");
        for verb in [&["plan"][..], &["up", "--yes"]] {
            let (status, said) = with_engine(&machine, &engine, &[verb, args].concat()).await;
            assert_eq!(status, 2, "{name}: {said}");
            assert!(said.contains(&format!("container {name} was not created by devplat")), "{said}");
            assert!(said.contains(&format!("`docker rename {name} {name}-old`")), "{said}");
            assert!(said.contains("another platform name with --name"), "{said}");
        }
    }
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn containers_of_half_a_cluster_do_not_keep_it_from_being_replaced() {
    let (machine, engine) = (Machine::new(), engine());
    machine.local_programs().await;
    engine.answers.give_networks(&[network("n1", None)]);
    let labels = json!({"app": "k3d", "k3d.cluster": "devplat"});
    let tools = "k3d-devplat-tools";
    list(&engine, "k3d.cluster=devplat", &[(tools, container(tools, &labels, &[], None))]);
    list_all(&engine, &[(tools, labels)]);
    let args = ["--profile", "k3d", IMAGE];
    let plan = planned(&machine, &engine, &args).await;
    assert!(plan.contains("\ncluster delete its creation ") && plan.contains("was interrupted"), "{plan}");
    let entry = |is: &str| json!({"at": "2001-02-03T12:00:00Z", "step": "cluster", "action": "create", "outcome": {"is": is}});
    let journal = format!("{{\"version\":2}}\n{}\n{}\n", entry("begun"), entry("done"));
    machine.write("home/.local/state/devplat/devplat/journal.jsonl", &journal);
    let plan = planned(&machine, &engine, &args).await;
    let lost = "the cluster has no node: container k3d-devplat-server-0 is missing; the homes in it are lost";
    assert!(plan.contains(&format!("\ncluster delete {lost}")) && !plan.contains("interrupted"), "{plan}");
    let (status, said) = with_engine(&machine, &engine, &[&["plan"][..], &args].concat()).await;
    assert_eq!(status, 0, "{said}");
}

/// Otherwise, the old cluster would be deleted before the creation of the new one fails.
#[tokio::test]
async fn cluster_is_not_deleted_for_one_whose_names_are_taken() {
    let (machine, engine) = (Machine::new(), engine());
    machine.local_programs().await;
    let _server = recorded(&machine, &engine, &json!({NODE: null, "devplat-worker": null})).await;
    list_all(&engine, &[(NODE, json!({"io.x-k8s.kind.cluster": "devplat"})), ("devplat-worker", json!({}))]);
    let args = [&["up", "--yes"][..], &WORKER, &["--lose=cluster"]].concat();
    let (status, said) = with_engine(&machine, &engine, &args).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("container devplat-worker was not created by devplat"), "{said}");
    assert!(!said.contains(&format!("container {NODE} ")), "{said}");
    assert_eq!(engine.answers.changes(), [""; 0]);
}

/// A finished cluster of kind whose node has the name `mine` now.
async fn with_renamed_node(machine: &Machine, engine: &Serving) -> Serving {
    let server = recorded(machine, engine, &json!({NODE: null})).await;
    let labels = json!({"io.x-k8s.kind.cluster": "devplat", "io.x-k8s.kind.role": "control-plane"});
    let port = server.address.rsplit_once(':').unwrap().1.parse().unwrap();
    let mut node = container("mine", &labels, &["/etc/devplat/owner/devplat"], Some(port));
    node["Config"]["Hostname"] = json!(NODE);
    list(engine, "io.x-k8s.kind.cluster=devplat", &[("mine", in_network(node, "devplat-devplat"))]);
    let spec = json!({"nodeImage": "auto", "workers": 1, "sshAddress": "127.0.0.1", "portMappings": [],
        "bastionPort": 30022});
    let record = json!({"platform": "devplat", "spec": spec, "containers": {NODE: null}}).to_string();
    engine.answers.give_file("GET /containers/mine/archive?path=%2Fkind%2Fdevplat.json", &record);
    server
}

#[tokio::test]
async fn renamed_node_gets_its_name_back() {
    let (machine, engine) = (Machine::new(), engine());
    let _server = with_renamed_node(&machine, &engine).await;
    list_all(&engine, &[("mine", json!({}))]);
    let plan = planned(&machine, &engine, &WORKER).await;
    let why = format!("container mine was renamed; `docker rename mine {NODE}` gives its name back");
    assert!(plan.contains(&format!("\ncluster update {why}")) && !plan.contains("--lose"), "{plan}");
    let (status, said) = with_engine(&machine, &engine, &[&["up", "--yes"][..], &WORKER].concat()).await;
    // The engine does not know how to rename a container.
    assert_eq!(status, 4, "{said}");
    let renaming = |one: &String| one.starts_with("POST /containers/mine/rename?name=devplat-control-plane");
    assert!(engine.answers.changes().iter().any(renaming), "{:?}", engine.answers.changes());
    let call = format!("rename container mine to {NODE}");
    assert!(calls(&machine).iter().any(|entry| entry["call"] == call.as_str()), "{said}");
}

#[tokio::test]
async fn renamed_node_whose_name_is_taken_is_blocked() {
    let (machine, engine) = (Machine::new(), engine());
    let _server = with_renamed_node(&machine, &engine).await;
    list_all(&engine, &[("mine", json!({})), (NODE, json!({}))]);
    for verb in [&["plan"][..], &["up", "--yes"]] {
        let (status, said) = with_engine(&machine, &engine, &[verb, &WORKER].concat()).await;
        assert_eq!(status, 2, "{said}");
        let why = format!("container mine was renamed, and another container has its name {NODE}");
        assert!(said.contains(&why) && said.contains(&format!("`docker rename mine {NODE}`")), "{said}");
        assert!(!said.contains("--lose"), "{said}");
    }
    // The plan is shown as well, with the steps that are not blocked.
    let plan = planned(&machine, &engine, &WORKER).await;
    assert!(plan.contains("\ncluster blocked cluster cannot be used: container mine was renamed"), "{plan}");
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn port_of_another_container_is_refused_in_the_plan_with_its_name() {
    let (machine, engine) = (Machine::new(), engine());
    machine.local_programs().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let ports = json!([{"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": port, "Type": "tcp"}]);
    let web = json!([{"Id": "w", "Names": ["/web"], "Labels": {}, "Ports": ports}]);
    let set = format!("--set=cluster.k3d.sshPort={port}");
    for (all, holder) in [(web, "container web".to_owned()), (json!([]), std::process::id().to_string())] {
        engine.answers.give("GET /containers/json?all=true&size=false ", 200, &all);
        let (status, said) = with_engine(&machine, &engine, &["plan", "--profile", "k3d", IMAGE, &set]).await;
        assert_eq!(status, 3, "{said}");
        assert!(said.contains(&format!("port 127.0.0.1:{port} of this machine is taken by ")), "{said}");
        assert!(said.contains(&holder), "{said}");
    }
}

#[tokio::test]
async fn mistake_in_the_users_configuration_is_refused_in_the_plan() {
    let (machine, engine) = (Machine::new(), engine());
    machine.local_programs().await;
    machine.write("work/k3d.yaml", "servers: 3\n");
    machine.write("work/kind.yaml", "name: other\n");
    for (program, why) in [
        ("k3d", "servers is 3; devplat sets it to 1"),
        ("kind", "name is \"other\"; devplat sets it to \"devplat\""),
    ] {
        let set = format!("--set=cluster.{program}.configFile={program}.yaml");
        for verb in [&["plan"][..], &["up", "--yes"]] {
            let args = [verb, &["--profile", program, IMAGE, &set]].concat();
            let (status, said) = with_engine(&machine, &engine, &args).await;
            assert_eq!(status, 2, "{said}");
            assert!(said.contains(&format!("cannot use the {program} configuration")), "{said}");
            assert!(said.contains(why) && said.contains("hint: remove "), "{said}");
        }
    }
    assert_eq!(engine.answers.changes(), [""; 0]);
}
