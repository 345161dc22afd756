//! The remains of a platform on this machine: a lock, damaged files, a cluster that is to be forgotten.

use std::fs;

use serde_json::json;

use crate::{
    answers::engine,
    machine::Machine,
    trouble::{kind_node, list, with_engine},
};

const STATE: &str = "home/.local/state/devplat/devplat";

#[tokio::test]
async fn folder_of_a_run_killed_before_its_first_step_is_deleted() {
    let (machine, engine) = (Machine::new(), engine());
    machine.write(&format!("{STATE}/lock"), "");
    let (status, said) = with_engine(&machine, &engine, &["destroy", "--yes"]).await;
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("did not get to its first step") && !said.contains("destroyed"), "{said}");
    assert!(!machine.at(STATE).exists());
}

#[tokio::test]
async fn damaged_decisions_do_not_keep_destroy_from_the_search_by_marks() {
    let (machine, engine) = (Machine::new(), engine());
    let decisions = machine.remember(&json!({}));
    fs::write(&decisions, "{").unwrap();
    let (status, said) = with_engine(&machine, &engine, &["destroy", "--yes"]).await;
    // There are no marks.
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("decisions.json is damaged") && said.contains("found by their marks"), "{said}");
    assert!(said.contains("platform devplat is neither known nor found here"), "{said}");
    assert!(said.contains("`devplat destroy --forget`"), "{said}");
    assert_eq!(
        fs::read_to_string(decisions).unwrap(),
        "{",
        "nothing was deleted, so the next `up` still refuses it"
    );
}

#[tokio::test]
async fn platform_that_exists_is_not_forgotten() {
    let (machine, engine) = (Machine::new(), engine());
    let place = json!({"in": "engine", "id": engine.id, "endpoint": engine.address});
    let decisions = machine.remember(&json!({"profile": "kind", "place": place}));
    list(&engine, "io.x-k8s.kind.cluster=devplat", &[kind_node(&["/etc/devplat/owner/devplat"])]);
    let forget = ["destroy", "--forget", "--yes"];
    let (status, said) = with_engine(&machine, &engine, &forget).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("platform devplat exists, so it was not forgotten: cluster"), "{said}");
    assert!(said.contains("hint: `devplat destroy` deletes it"), "{said}");
    assert!(decisions.exists());
    // It cannot be reached any longer.
    let gone = [("DOCKER_HOST", "unix:///nowhere/docker.sock")];
    let forgotten = machine.all_output(&forget, &gone).await;
    assert!(forgotten.stderr.contains("forgot platform devplat"), "{forgotten:?}");
    assert!(!decisions.exists());
}
