//! `devplat users`: names, the lock, platforms of other accounts, and the reported difference.

use devplat::state::StateFolder;
use devplat_keys::UserKey;
use devplat_profile::PlatformName;
use serde_json::{Value, json};

use crate::{
    account::server_of_another_account,
    answers::{Serving, api_server, kubeconfig},
    machine::{Machine, run},
};

const ADD: [&str; 7] = ["users", "add", "alice", "--key", "alice.pub", "--context", "there"];
const ALICE: &str = "/apis/apps.devservers.io/v1/devusers/alice";

/// An API server behind context `there`.
async fn there(machine: &Machine) -> Serving {
    let server = api_server("u1").await;
    machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
    server
}

fn key(seed: u8) -> String {
    UserKey::from_seed([seed; 32], "alice").public_text()
}

fn alice(key: &str, labels: &Value) -> Value {
    json!({"apiVersion": "apps.devservers.io/v1", "kind": "DevUser", "spec": {"sshKeys": [key]},
        "metadata": {"name": "alice", "labels": labels}, "status": with_access()})
}

/// Returns the status of a user that the operator has given access.
pub(crate) fn with_access() -> Value {
    json!({"conditions": [{"type": "Ready", "status": "True", "reason": "AccessGranted", "message": "",
        "lastTransitionTime": "2026-01-01T00:00:00Z"}]})
}

/// Answers reads of user alice.
fn give(server: &Serving, user: Option<&Value>) {
    let absent = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "absent", "reason": "NotFound", "code": 404});
    let (status, body) = user.map_or((404, &absent), |user| (200, user));
    server.answers.give(&format!("GET {ALICE}"), status, body);
}

/// Returns the requests that change users.
fn changes(server: &Serving) -> Vec<String> {
    server.answers.changes().into_iter().filter(|one| one.contains("/devusers")).collect()
}

#[tokio::test]
async fn users_are_changed_only_under_the_lock() {
    let machine = Machine::new();
    let base = machine.at("home/.local/state/devplat");
    let _lock = StateFolder::below(&base, &PlatformName::default()).lock().unwrap();
    let nowhere = "unix:///nowhere/docker.sock";
    for (verb, waits) in [
        (&["users", "add", "alice", "--key", "alice.pub"][..], true),
        (&["users", "remove", "alice", "--yes"], true),
        (&["users", "list"], false),
    ] {
        let (status, said) = run(machine.devplat(verb).env("DOCKER_HOST", nowhere)).await;
        assert_ne!(status, 0, "{verb:?}: {said}");
        assert_eq!(said.contains("is working on this platform"), waits, "{verb:?}: {said}");
    }
}

#[tokio::test]
async fn invalid_name_is_rejected_before_any_call() {
    let machine = Machine::new();
    let server = there(&machine).await;
    machine.write("work/alice.pub", &key(1));
    let args = ["users", "add", "Alice", "--key", "alice.pub", "--context", "there"];
    let (status, said) = run(machine.devplat(&args)).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("\"Alice\" is not a user name: use 1 to 40 lowercase letters"), "{said}");
    assert!(said.contains("hint: did you mean alice?"), "{said}");
    assert_eq!(server.answers.requests(), [""; 0]);
    // No DevUser can have this name, and no other object may be deleted by it.
    let args = ["users", "remove", "../devservers", "--yes", "--context", "there"];
    let (status, said) = run(machine.devplat(&args)).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("there is no user \"../devservers\""), "{said}");
    assert!(server.answers.requests().iter().all(|one| !one.contains("devusers")));
}

#[tokio::test]
async fn list_without_a_platform_names_the_verb_that_installs_one() {
    let machine = Machine::new();
    let server = there(&machine).await;
    // An API server answers so for a group that it does not have.
    server.answers.give("GET /apis/apps.devservers.io/", 404, &json!("404 page not found"));
    let (status, said) = run(machine.devplat(&["users", "list", "--context", "there"])).await;
    let expected = "error: there is no platform in this cluster\nhint: `devplat up --context there` installs one; \
                    --context names another cluster";
    assert_eq!((status, said.trim()), (2, expected));
}

#[tokio::test]
async fn list_leaves_out_the_user_of_the_proof() {
    let machine = Machine::new();
    let server = there(&machine).await;
    let mut of_proof = alice(&key(2), &json!({}));
    of_proof["metadata"]["name"] = json!("devplat-proof");
    let list = json!({"kind": "DevUserList", "apiVersion": "apps.devservers.io/v1", "metadata": {},
        "items": [alice(&key(1), &json!({})), of_proof]});
    server.answers.give("GET /apis/apps.devservers.io/v1/devusers?", 200, &list);
    let args = ["users", "list", "--context", "there", "--output", "json"];
    let printed = machine.devplat(&args).run().await.unwrap().stdout;
    let users: Value = serde_json::from_str(&printed).unwrap();
    let names: Vec<&str> =
        users.as_array().unwrap().iter().filter_map(|user| user["name"].as_str()).collect();
    assert_eq!(names, ["alice"]);
}

#[tokio::test]
async fn second_add_of_a_user_reports_the_difference() {
    let machine = Machine::new();
    let server = there(&machine).await;
    let add = async |before: Option<&str>, now: &str| {
        machine.write("work/alice.pub", now);
        let of = |key: &str| alice(key, &json!({}));
        give(&server, before.map(of).as_ref());
        server.answers.give(&format!("PATCH {ALICE}"), 200, &of(now));
        machine.devplat(&ADD).run().await.unwrap().stdout.trim().to_owned()
    };
    let (one, other) = (key(1), key(2));
    assert_eq!(add(None, one.as_str()).await, "added user alice");
    let again = add(Some(one.as_str()), one.as_str()).await;
    assert_eq!(again, "user alice exists already, with that key");
    let changed = add(Some(one.as_str()), other.as_str()).await;
    assert_eq!(changed, "changed user alice: 1 key added, 1 key removed");
}

#[tokio::test]
async fn user_of_the_profile_is_not_changed() {
    let machine = Machine::new();
    let server = there(&machine).await;
    machine.write("work/alice.pub", &key(1));
    give(&server, Some(&alice(&key(1), &json!({"devplat.dev/platform": "devplat"}))));
    for args in [&ADD[..], &["users", "remove", "alice", "--yes", "--context", "there"]] {
        let (status, said) = run(machine.devplat(args)).await;
        assert_eq!(status, 2, "{args:?}: {said}");
        assert!(said.contains("user alice comes from the profile"), "{args:?}: {said}");
    }
    assert_eq!(changes(&server), [""; 0]);
}

#[tokio::test]
async fn users_of_another_accounts_platform_are_changed_only_after_a_take_over() {
    let machine = Machine::new();
    let server = server_of_another_account(&machine).await;
    machine.write("work/alice.pub", &key(1));
    give(&server, None);
    server.answers.give(&format!("PATCH {ALICE}"), 200, &alice(&key(1), &json!({})));
    for args in [&ADD[..], &["users", "remove", "alice", "--yes", "--context", "there"]] {
        let (status, said) = run(machine.devplat(args)).await;
        assert_eq!(status, 2, "{args:?}: {said}");
        assert!(
            said.contains("platform devplat was created by account other (uid 4242)"),
            "{args:?}: {said}"
        );
        assert!(said.contains("add --take-over"), "{args:?}: {said}");
    }
    assert_eq!(changes(&server), [""; 0]);
    let added = machine.devplat(&[&ADD[..], &["--take-over"]].concat()).run().await.unwrap().stdout;
    assert_eq!(added.trim(), "added user alice");
}
