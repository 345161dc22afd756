//! Every wait ends when the user asks to stop: by Ctrl-C, by SIGTERM, by closing the terminal.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use crate::{
    answers::{api_server, engine, kubeconfig},
    machine::Machine,
};

/// Far less than the limit of any wait.
const SOON: Duration = Duration::from_secs(5);
const SIGNALS: [Signal; 3] = [Signal::INT, Signal::TERM, Signal::HUP];

#[tokio::test]
async fn signal_ends_the_wait_for_a_silent_api_server() {
    let verbs: [&[&str]; 5] = [
        &["status", "--context", "there"],
        &["plan", "--profile", "existing", "--context", "there"],
        &["up", "--yes", "--profile", "existing", "--context", "there"],
        &["destroy", "--yes", "--context", "there"],
        &["users", "list", "--context", "there"],
    ];
    for (args, signal) in verbs.iter().zip(SIGNALS.iter().cycle()) {
        let (machine, server) = (Machine::new(), api_server("u1").await);
        server.answers.be_silent_on("GET ");
        machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
        let running = machine.start(args).await;
        server.answers.asked("GET ").await;
        let begun = Instant::now();
        running.signal(*signal);
        let (status, said) = running.ended().await;
        assert!(begun.elapsed() < SOON, "{args:?} took {:?}", begun.elapsed());
        assert_eq!(status, 4, "{args:?}: {said}");
        assert!(said.contains("stopped, as asked"), "{args:?}: {said}");
    }
}

#[tokio::test]
async fn signal_ends_the_wait_for_a_silent_engine() {
    let verbs: [&[&str]; 3] =
        [&["status"], &["up", "--yes", "--profile", "kind"], &["destroy", "--yes", "--profile", "kind"]];
    for (args, signal) in verbs.iter().zip(SIGNALS.iter().cycle()) {
        let (machine, engine) = (Machine::new(), engine());
        engine.answers.be_silent_on("GET /info");
        engine.answers.be_silent_on("GET /containers");
        let host = engine.address.clone();
        let running = machine.start_with(args, &[("DOCKER_HOST", &host)]).await;
        engine.answers.asked_any(&["GET /info", "GET /containers"]).await;
        let begun = Instant::now();
        running.signal(*signal);
        let (status, said) = running.ended().await;
        assert!(begun.elapsed() < SOON, "{args:?} took {:?}", begun.elapsed());
        assert_eq!(status, 4, "{args:?}: {said}");
        assert!(machine.home().keys().all(|path| !path.ends_with("decisions.json")), "{args:?}");
    }
}

#[tokio::test]
async fn destroy_stopped_before_its_first_step_reports_no_deletion() {
    let (machine, engine) = (Machine::new(), engine());
    engine.answers.be_silent_on("GET /containers");
    let host = engine.address.clone();
    let running =
        machine.start_with(&["destroy", "--yes", "--profile", "kind"], &[("DOCKER_HOST", &host)]).await;
    engine.answers.asked("GET /containers").await;
    running.signal(Signal::TERM);
    let (status, said) = running.ended().await;
    assert_eq!(status, 4, "{said}");
    assert!(said.contains("nothing was deleted; `devplat destroy --profile kind` begins again"), "{said}");
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn signal_ends_the_wait_for_a_login_plugin() {
    let (machine, server) = (Machine::new(), api_server("u1").await);
    let asked = machine.at("asked");
    machine.program("log-in", &format!(": > '{}'; exec sleep 1000", asked.display())).await;
    let exec = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "log-in",
        "interactiveMode": "Never"}});
    machine.write("home/.kube/config", &kubeconfig(&server.address, &exec));
    let running = machine.start(&["status", "--context", "there"]).await;
    machine.until(|| asked.exists()).await;
    let begun = Instant::now();
    running.signal(Signal::HUP);
    let (status, said) = running.ended().await;
    assert_eq!(status, 4, "{said}");
    assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
}
