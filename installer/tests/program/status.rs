//! `devplat status` of platforms in a state that `up` would not accept, and of engines that cannot be reached.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    answers::{Serving, api_server, engine, network},
    dropped::IMAGE,
    journal::{REGISTRY, running},
    machine::{Machine, run},
};

/// Runs this command line, and returns its exit status and all its output.
async fn output_of(machine: &Machine, docker_host: &str, args: &[&str]) -> (i32, String) {
    let script = r#""$@" > all 2>&1; status=$?; cat all; exit $status"#;
    let command = machine.in_shell(script, args, &[("DOCKER_HOST", docker_host)]);
    let (status, _) = run(command).await;
    (status, std::fs::read_to_string(machine.at("work/all")).unwrap())
}

/// Returns an engine with the platform's network and its registry in this state.
async fn engine_with_registry(state: Value) -> (Serving, Serving) {
    let (engine, registry) = (engine(), api_server("registry").await);
    registry.answers.give("GET /v2/ ", 200, &json!({}));
    engine.answers.give_networks(&[network("n1", None)]);
    let mut container = running(&registry);
    container["State"] = state;
    engine.answers.give(&format!("GET /containers/{REGISTRY}/json"), 200, &container);
    (engine, registry)
}

#[tokio::test]
async fn images_in_a_paused_registry_are_unknown() {
    let machine = Machine::new();
    let (engine, _registry) = engine_with_registry(json!({"Running": true, "Paused": true})).await;
    let (status, said) = output_of(&machine, &engine.address, &["status", "--profile", "k3d", IMAGE]).await;
    assert_eq!(status, 0, "{said}");
    let paused = format!("it is paused (`docker unpause {REGISTRY}` resumes it)");
    assert!(said.contains(&paused) && !said.contains("stopped"), "{said}");
    let image = said.lines().find(|line| line.contains("bastion") && line.contains("unknown"));
    let why = "unknown while the local registry does not answer";
    assert!(image.is_some_and(|line| line.contains(why)), "{said}");
}

#[tokio::test]
async fn images_in_a_registry_that_does_not_answer_are_unknown() {
    let machine = Machine::new();
    let (engine, registry) = engine_with_registry(json!({"Running": true})).await;
    registry.answers.be_silent_on("GET /v2/");
    let (status, said) = output_of(&machine, &engine.address, &["status", "--profile", "k3d", IMAGE]).await;
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("it does not answer"), "{said}");
    assert!(said.contains("unknown while the local registry does not answer"), "{said}");
}

#[tokio::test]
async fn part_that_another_profile_does_not_want_is_listed() {
    let machine = Machine::new();
    let (engine, _registry) = engine_with_registry(json!({"Running": true})).await;
    machine.remember(&json!({"profile": "k3d",
        "place": {"in": "engine", "id": engine.id, "endpoint": engine.address}}));
    let (status, said) = output_of(&machine, &engine.address, &["status", "--profile", "kind", IMAGE]).await;
    assert_eq!(status, 0, "{said}");
    let row = said.lines().find(|line| line.contains("local registry") && line.contains(" no "));
    assert!(row.is_some_and(|row| row.contains("not wanted by this profile")), "{said}");
    assert!(said.contains("`devplat up` would end before its first step:"), "{said}");
    let without = "the last `devplat up` used profile k3d; `devplat status` compares the platform with that";
    assert!(said.contains(without), "{said}");
    let next =
        format!("next:\n  devplat plan --profile kind --set '{}' --lose 'local registry'", &IMAGE[6..]);
    assert!(said.contains(&next), "{said}");
}

#[tokio::test]
async fn need_that_this_machine_does_not_meet_is_reported_as_by_plan() {
    let (machine, engine) = (Machine::new(), engine());
    machine.local_programs().await;
    let args = ["status", "--profile", "k3d", IMAGE];
    let (_, said) = output_of(&machine, &engine.address, &args).await;
    assert!(said.contains("next:\n  devplat up --profile k3d"), "{said}");
    let elsewhere = [&args[..], &["--set=cluster.k3d.sshAddress=192.0.2.7"]].concat();
    let (status, said) = output_of(&machine, &engine.address, &elsewhere).await;
    assert_eq!(status, 0, "{said}");
    let reason =
        "`devplat up` would end before its first step:\n  192.0.2.7 is not an address of this machine";
    assert!(said.contains(reason) && said.contains("  hint: this machine has "), "{said}");
    assert!(said.contains("next:\n  devplat plan --profile k3d"), "{said}");
}

#[tokio::test]
async fn damaged_journal_is_reported_with_its_remedy() {
    let (machine, engine) = (Machine::new(), engine());
    machine.remember(&json!({"profile": "kind",
        "place": {"in": "engine", "id": engine.id, "endpoint": engine.address}}));
    let journal =
        machine.write("home/.local/state/devplat/devplat/journal.jsonl", "{\"version\":2}\nx\n{}\n");
    let (status, said) = output_of(&machine, &engine.address, &["status"]).await;
    assert_eq!(status, 0, "{said}");
    let path = journal.display();
    assert!(said.contains(&format!("line 2 of journal {path} is not an entry")), "{said}");
    assert!(said.contains(&format!("hint: delete {path}")), "{said}");
    assert!(said.contains(&format!("next:\n  rm {path}")), "{said}");
}

#[tokio::test]
async fn next_line_waits_for_the_run_that_is_working_on_the_platform() {
    let (machine, silent, engine) = (Machine::new(), engine(), engine());
    silent.answers.be_silent_on("GET /info");
    let up =
        machine.start_with(&["up", "--yes", "--profile", "kind"], &[("DOCKER_HOST", &silent.address)]).await;
    silent.answers.asked("GET /info").await;
    let (status, said) = output_of(&machine, &engine.address, &["status", "--profile", "kind"]).await;
    assert_eq!(status, 0, "{said}");
    let (_, next) = said.split_once("next:\n").unwrap();
    assert!(next.trim_start().starts_with("wait for process "), "{said}");
    assert!(next.contains("`devplat up --yes --profile kind`, to end, then:\n  devplat status"), "{said}");
    up.signal(Signal::TERM);
    up.ended().await;
}

#[tokio::test]
async fn malformed_address_is_reported_with_its_variable_and_the_accepted_forms() {
    for (host, verb) in
        [("tcp://", "status"), ("garbage", "status"), ("gopher://x", "plan"), ("tcp://", "doctor")]
    {
        let machine = Machine::new();
        let (status, said) = output_of(&machine, host, &[verb, "--profile", "kind"]).await;
        assert_ne!(status, 0, "{said}");
        assert!(said.contains(&format!("DOCKER_HOST={host:?}")), "{host}: {said}");
        assert!(said.contains("unix:///PATH") && said.contains("unset DOCKER_HOST"), "{host}: {said}");
    }
}

#[tokio::test]
async fn wait_for_a_silent_engine_is_reported_and_ends() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let waiting = format!("waiting for the Docker engine at {address} (DOCKER_HOST={address:?})");
    let all = [&["status"][..], &["status", "--profile", "kind"], &["plan", "--profile", "kind"], &["plan"]];
    let runs = all.map(|args| {
        let (address, waiting) = (address.as_str(), waiting.as_str());
        async move {
            let machine = Machine::new();
            let begun = Instant::now();
            let (status, said) = output_of(&machine, address, args).await;
            assert_ne!(status, 0, "{args:?}: {said}");
            assert!(said.contains(waiting), "{args:?}: {said}");
            let why = format!(
                "cannot reach the Docker engine at {address}: the Docker engine gave no answer within 5 s"
            );
            assert!(said.contains(&why), "{args:?}: {said}");
            assert!(begun.elapsed() < Duration::from_secs(10), "{args:?}: {:?}", begun.elapsed());
        }
    });
    futures::future::join_all(runs).await;
}
