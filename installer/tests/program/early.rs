//! Images that are imported into the nodes while the cluster is still being created.

use std::fs;

use devplat::{cli, ui::Event};
use serde_json::json;

use crate::{
    answers::{api_server, engine, kubeconfig},
    driven::{host, journal, reported},
    machine::Machine,
    trouble::{kind_node, list},
};

const UP: [&str; 7] = [
    "devplat",
    "up",
    "--yes",
    "--profile",
    "kind",
    "--set=images.delivery=nodes",
    "--set=devServers.image=registry.example/dev:1",
];
/// A kind whose cluster is complete when the test writes to `go`.
const KIND: &str = r#"case "$1" in
version) echo 0.31.0 ;;
create) mkfifo "$FOLDER/go"; touch "$FOLDER/begun"; cat "$FOLDER/go" ;;
get) cat "$FOLDER/kubeconfig" ;;
esac"#;

#[tokio::test]
async fn failed_early_import_is_reported_and_tried_again_in_its_own_step() {
    let (machine, engine, server) = (Machine::new(), engine(), api_server("u1").await);
    server.answers.give("GET /readyz", 200, &json!("ok"));
    machine.write("work/kubeconfig", &kubeconfig(&server.address, &json!({"token": "t"})));
    machine.program("kind", &KIND.replace("$FOLDER", &machine.at("work").display().to_string())).await;
    machine.program("docker", "exit 1").await;
    engine.answers.give("POST /networks/create", 201, &json!({"Id": "n1", "Warning": ""}));
    engine.answers.give("PUT /containers/devplat-control-plane/archive", 200, &json!(null));
    engine.answers.run_commands("ctr -n k8s.io images import");
    let host = host(&machine, &engine);
    let run = tokio::spawn({
        let host = host.clone();
        async move { cli::drive(&UP, &host).await }
    });
    let (begun, go) = (machine.at("work/begun"), machine.at("work/go"));
    machine.until(|| begun.exists()).await;
    list(&engine, "io.x-k8s.kind.cluster=devplat", &[kind_node(&["/etc/devplat/owner/devplat"])]);
    let why = "cannot import images into node devplat-control-plane: ctr -n k8s.io images import - in container \
               devplat-control-plane: exit status 1: no";
    let early = format!("importing images later: {why}");
    reported(
        &host.ui,
        |event| matches!(event, Event::Waiting { step, what, .. } if step == "cluster" && *what == early),
    )
    .await;
    tokio::task::spawn_blocking(move || fs::write(go, "")).await.unwrap().unwrap();
    // The images' own steps try again, and fail for the same reason.
    reported(&host.ui, |event| {
        matches!(event, Event::Failed { step, why: again } if step.ends_with(" in the nodes") && again == why)
    })
    .await;
    host.stop.ask();
    let status = run.await.unwrap();
    let transcript = host.ui.transcript();
    assert_eq!(status, 4, "{transcript:#?}");
    let created = |event: &Event| matches!(event, Event::Done { step, .. } if step == "cluster");
    assert!(transcript.events.iter().any(created), "{transcript:#?}");
    let entries = journal(&machine);
    let failed = entries.iter().any(|entry| {
        let call = entry["call"].as_str().unwrap_or_default();
        let early = entry["step"] == "cluster" && entry["outcome"]["is"] == "failed";
        early && call.starts_with("import ") && call.ends_with(" into devplat-control-plane")
    });
    assert!(failed, "{entries:#?}");
}
