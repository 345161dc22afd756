//! Waits with a limit, and what stands in the way of a run: a silent registry, a killed call, a taken node port, a state
//! folder that is gone.

use std::{
    fs,
    net::TcpListener,
    time::{Duration, Instant},
};

use devplat::cli;
use serde_json::json;

use crate::{
    answers::engine,
    driven::host,
    machine::Machine,
    trouble::{EXISTING, K3D, changed, cluster, k3d_fails, with_engine},
    whole::lab,
};

const STATE: &str = "home/.local/state/devplat";

#[tokio::test]
async fn destroy_of_nothing_leaves_no_state_folder() {
    for args in [&["destroy", "--yes"][..], &["destroy", "--yes", "--profile", "kind"]] {
        let (machine, engine) = (Machine::new(), engine());
        machine.local_programs().await;
        let (_, said) = with_engine(&machine, &engine, args).await;
        assert!(!machine.at(STATE).exists(), "{args:?}: {said}");
    }
    let (machine, engine) = (Machine::new(), engine());
    fs::create_dir_all(machine.at(STATE)).unwrap();
    with_engine(&machine, &engine, &["destroy", "--yes"]).await;
    assert!(machine.at(STATE).exists(), "it is not of this run");
    assert_eq!(fs::read_dir(machine.at(STATE)).unwrap().count(), 0);
}

#[tokio::test]
async fn silent_registry_is_named_and_given_up_after_5_s() {
    let (machine, engine) = (Machine::new(), engine());
    let _server = cluster(&machine, &[]).await;
    // The operating system accepts the connections.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let set = format!("--set=images.registry={address}/team");
    let begun = Instant::now();
    let args = [&["plan"][..], &EXISTING, &[&set]].concat();
    let (status, said) = with_engine(&machine, &engine, &args).await;
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    assert_eq!(status, 4, "{said}");
    assert!(said.contains(&format!("waiting for registry {address}/team")), "{said}");
    assert!(said.contains(&format!("registry {address} gave no answer within 5 s")), "{said}");
}

#[tokio::test]
async fn stop_ends_the_wait_for_a_killed_call() {
    let (machine, engine) = (Machine::new(), engine());
    machine.remember(&json!({"profile": "kind"}));
    fs::remove_file(machine.at(STATE).join("devplat/journal.jsonl")).unwrap();
    let host = host(&machine, &engine);
    let run = tokio::spawn({
        let host = host.clone();
        async move { cli::drive(&["devplat", "destroy", "--yes"], &host).await }
    });
    let waits =
        || host.ui.transcript().said.iter().any(|text| text.starts_with("there is no usable journal"));
    machine.until(waits).await;
    let begun = Instant::now();
    host.stop.ask();
    assert_eq!(run.await.unwrap(), 4);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn service_that_has_the_node_port_is_named_in_the_plan() {
    let (machine, engine) = (Machine::new(), engine());
    let server = lab(&machine).await;
    let web = json!({"metadata": {"name": "web", "namespace": "shop"},
        "spec": {"ports": [{"port": 80, "nodePort": 30022}]}});
    let services = json!({"kind": "ServiceList", "apiVersion": "v1", "metadata": {}, "items": [web]});
    server.answers.give("GET /api/v1/services", 200, &services);
    let port = ["--set=bastion.exposure=nodePort", "--set=bastion.nodePort=30022"];
    for verb in [&["plan"][..], &["up", "--yes"]] {
        let args = [verb, &EXISTING, &port].concat();
        let (status, said) = with_engine(&machine, &engine, &args).await;
        assert_eq!(status, 2, "{said}");
        assert!(said.contains("release bastion needs node port 30022, which Service shop/web has"), "{said}");
        assert!(said.contains("hint: choose another port") && said.contains("edit service web`"), "{said}");
    }
    assert_eq!(changed(&server), [""; 0]);
}

#[tokio::test]
async fn state_folder_deleted_during_up_is_reported() {
    let (machine, engine) = (Machine::new(), engine());
    let folder = machine.at(STATE).join("devplat");
    let (status, said) = k3d_fails(&machine, &engine, &K3D, || fs::remove_dir_all(&folder).unwrap()).await;
    assert_eq!(status, 4, "{said}");
    let why = format!("{} was deleted or replaced while devplat was working", folder.display());
    assert!(said.contains(&why), "{said}");
    assert!(said.contains("the created resources stand"), "{said}");
}
