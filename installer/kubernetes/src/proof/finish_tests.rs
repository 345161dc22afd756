//! The waits for the dev server of a proof, in a cluster whose bastion has no pod, so that no sign-in succeeds.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use devplat_api::{condition::Reason, name};
use serde_json::{Value, json};

use super::*;
use crate::{Clock, Steady, bastion::Route, call::tests::client, release};

/// Longer than failed sign-ins are retried, and than a failure of an image pull lasts.
const PATIENCE: Duration = Duration::from_mins(3);

/// A cluster whose dev server has this status, and the deletions in it.
fn cluster(status: &Value) -> (Client, Arc<Mutex<Vec<String>>>) {
    let deletions: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&deletions);
    let authority = UserKey::from_seed([7; 32], "authority").public_text();
    let authorities = json!({"apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name::AUTHORITIES_CONFIG_MAP}, "data": {(name::HOST_AUTHORITY): authority}});
    let object = json!({"apiVersion": "apps.devservers.io/v1", "kind": "DevServer",
        "metadata": {"name": NAME, "labels": release::labels("a")}, "status": status});
    let client = client(move |request| {
        let (method, path) = (request.method().as_str(), request.uri().path());
        if method == "DELETE" {
            seen.lock().unwrap().push(path.to_owned());
            return (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success", "code": 200}));
        }
        if path.ends_with("/pods") {
            return (200, json!({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []}));
        }
        let found = if path.ends_with(name::AUTHORITIES_CONFIG_MAP) { &authorities } else { &object };
        (200, found.clone())
    });
    (client, deletions)
}

fn begun() -> Begun {
    let patience = Patience { seen: PATIENCE, ready: PATIENCE };
    Begun { key: UserKey::from_seed([1; 32], NAME), created: Instant::now(), patience }
}

fn starting(reason: Reason, message: &str) -> Value {
    let ready = json!({"type": "Ready", "status": "False", "reason": reason.as_str(), "message": message});
    json!({"conditions": [ready]})
}

/// Returns the error of a proof with a dev server of this status, and the time that it took.
async fn finished(status: &Value) -> (ProofError, Duration) {
    let (client, deletions) = cluster(status);
    let clock: Clock = Arc::new(SystemTime::now);
    let bastion = BastionAddress { route: &Route::PortForward, host: "localhost", clock: &clock };
    let start = Instant::now();
    let error = finish(&client, "a", bastion, &begun(), &Steady).await.unwrap_err();
    assert_eq!(deletions.lock().unwrap().len(), 2, "the dev server and its user are deleted");
    (error, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn unready_dev_server_is_reported_rather_than_failed_sign_ins() {
    let (error, took) = finished(&starting(Reason::Unschedulable, "no node has 8 GPUs")).await;
    let ProofError::NotReady { after: _, last } = &error else { panic!("{error:?}") };
    let expected = "waiting for DevServer dev-devplat-proof/devplat-proof: Unschedulable: no node has 8 GPUs";
    assert_eq!(last.to_string(), expected);
    assert_eq!(took.as_secs(), PATIENCE.as_secs());

    let (error, took) = finished(&starting(Reason::ImagePull, "no such host")).await;
    let ProofError::Hopeless { object: _, reason: Reason::ImagePull, message } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(message, "no such host");
    assert_eq!(took.as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn failed_sign_in_is_reported_once_the_dev_server_is_ready() {
    let (error, took) = finished(&json!({"conditions": [{"type": "Ready", "status": "True"}]})).await;
    assert!(matches!(&error, ProofError::Ssh { user, source: _ } if user == NAME), "{error:?}");
    assert!((30..=31).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn address_of_the_pod_ends_the_first_wait() {
    let mut status = starting(Reason::Starting, "");
    status["podIP"] = json!("10.1.2.3");
    let (client, deletions) = cluster(&status);
    wait_address(&client, "a", &begun(), &Steady).await.unwrap();
    assert!(deletions.lock().unwrap().is_empty(), "the second half needs the dev server");
}

#[tokio::test(start_paused = true)]
async fn both_waits_share_the_patience() {
    let (client, deletions) = cluster(&starting(Reason::Starting, ""));
    let begun = begun();
    tokio::time::advance(PATIENCE * 2).await;
    let start = Instant::now();
    let error = wait_address(&client, "a", &begun, &Steady).await.unwrap_err();
    assert!(matches!(&error, ProofError::NotReady { .. }), "{error:?}");
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    assert_eq!(deletions.lock().unwrap().len(), 2, "the dev server and its user are deleted");
}
