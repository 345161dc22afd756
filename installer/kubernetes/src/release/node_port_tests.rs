//! Tests of node ports that the API server does not give: who has them, and how long a leaked one is waited for.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use serde_json::{Value, json};

use super::*;
use crate::{
    call::{chain, tests::client},
    pace::{Steady, Stopped, tests::Stoppable},
    release::{Release, ReleaseError, apply},
};

const PORT: u16 = 30022;

fn bastion() -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "bastion", "namespace": "devserver-bastion"},
        "spec": {"type": "NodePort", "ports": [{"name": "ssh", "port": 22, "nodePort": PORT}]}
    })
}

fn release() -> Release {
    Release {
        platform: "devplat".to_owned(),
        name: "bastion".to_owned(),
        account: None,
        objects: vec![serde_json::from_value(bastion()).unwrap()],
        digest: "digest".to_owned(),
    }
}

/// The answer of Kubernetes 1.34 to a Service whose node port it does not give.
fn invalid(field: &str) -> (u16, Value) {
    let causes = json!([{"reason": "FieldValueInvalid", "message": "no", "field": field}]);
    let details = json!({"name": "bastion", "kind": "Service", "causes": causes});
    (422, json!({"kind": "Status", "code": 422, "reason": "Invalid", "message": "no", "details": details}))
}

/// A cluster that rejects the port in the first `writes` attempts, and in dry runs if `reserved`. Counts the writes.
fn cluster(writes: usize, reserved: bool, services: Value) -> (Client, Arc<AtomicUsize>) {
    let made = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&made);
    let client = client(move |request| {
        let path = request.uri().path();
        if path == "/api/v1/services" {
            return (200, json!({"metadata": {}, "items": services}));
        }
        if request.method() == "GET" {
            return (404, json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": ""}));
        }
        let dry = request.uri().query().is_some_and(|query| query.contains("dryRun=All"));
        if !path.ends_with("/services/bastion") {
            return (200, json!({"metadata": {"name": "a"}}));
        }
        let rejects = if dry { reserved } else { seen.fetch_add(1, Ordering::Relaxed) < writes };
        if rejects { invalid("spec.ports[0].nodePort") } else { (200, bastion()) }
    });
    (client, made)
}

fn service(name: &str, spec: &Value) -> Value {
    json!({"metadata": {"name": name, "namespace": "shop"}, "spec": spec})
}

#[tokio::test(start_paused = true)]
async fn service_that_has_the_port_is_named_without_a_wait() {
    let (start, port) =
        (Instant::now(), json!({"ports": [{"port": 80, "nodePort": PORT, "protocol": "UDP"}]}));
    for spec in [port, json!({"ports": [], "healthCheckNodePort": PORT})] {
        let (client, _) =
            cluster(usize::MAX, true, json!([service("other", &json!({})), service("web", &spec)]));
        let error = apply(&client, &release(), &Steady).await.unwrap_err();
        assert_eq!(
            error.to_string(),
            "Service devserver-bastion/bastion cannot have node port 30022, because Service shop/web has it"
        );
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn leaked_port_is_waited_for_until_it_is_freed() {
    let (client, writes) = cluster(5, true, json!([]));
    let pace = Stoppable::new();
    let start = Instant::now();
    apply(&client, &release(), &pace).await.unwrap();
    assert_eq!(writes.load(Ordering::Relaxed), 6);
    assert_eq!(start.elapsed(), PERIOD * 5);
    let reported = pace.reported.lock().unwrap().clone();
    assert_eq!(reported.len(), 1, "{reported:?}");
    assert!(reported[0].contains("node port 30022 is reserved although no Service has it"), "{reported:?}");
}

#[tokio::test(start_paused = true)]
async fn wait_for_a_leaked_port_is_bounded_and_ends_with_a_stop() {
    let (client, _) = cluster(usize::MAX, true, json!([]));
    let start = Instant::now();
    let error = apply(&client, &release(), &Steady).await.unwrap_err();
    assert!(matches!(error, ReleaseError::NodePort(NodePortError::Leaked { .. })), "{error:?}");
    assert_eq!(start.elapsed(), LEAK_PATIENCE);
    let (pace, wanted, start) = (Stoppable::new(), release(), Instant::now());
    let stop = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        pace.stop();
    };
    let (outcome, ()) = tokio::join!(apply(&client, &wanted, &pace), stop);
    assert!(matches!(outcome, Err(ReleaseError::Stopped(Stopped))), "{outcome:?}");
    assert!(start.elapsed() <= Duration::from_secs(21), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn port_outside_the_range_is_not_waited_for() {
    let (client, writes) = cluster(usize::MAX, false, json!([]));
    let start = Instant::now();
    let error = apply(&client, &release(), &Steady).await.unwrap_err();
    assert!(chain(&error).contains("outside the cluster's range of node ports: the API server"), "{error:?}");
    assert_eq!((start.elapsed(), writes.load(Ordering::Relaxed)), (Duration::ZERO, 2));
}

/// A webhook that denies dry runs gives no reason against the port.
#[tokio::test(start_paused = true)]
async fn rejection_is_reported_if_dry_runs_are_denied() {
    let client = client(move |request| {
        let path = request.uri().path();
        if path == "/api/v1/services" {
            return (200, json!({"metadata": {}, "items": []}));
        }
        if request.method() == "GET" {
            return (404, json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": ""}));
        }
        if !path.ends_with("/services/bastion") {
            return (200, json!({"metadata": {"name": "a"}}));
        }
        if request.uri().query().is_some_and(|query| query.contains("dryRun=All")) {
            let message = "admission webhook does not support dry run";
            return (400, json!({"kind": "Status", "code": 400, "reason": "BadRequest", "message": message}));
        }
        invalid("spec.ports[0].nodePort")
    });
    let error = apply(&client, &release(), &Steady).await.unwrap_err();
    let ReleaseError::Call(call) = &error else { panic!("{error:?}") };
    assert!(matches!(*call.class, Class::Invalid(_)), "{error:?}");
}

#[test]
fn only_the_rejected_node_port_of_a_service_counts() {
    let object: DynamicObject = serde_json::from_value(bastion()).unwrap();
    let error = |field: &str| {
        let status = serde_json::from_value(invalid(field).1).unwrap();
        crate::call::call_error("apply", None, kube::Error::Api(Box::new(status)))
    };
    assert_eq!(rejected(&object, &error("spec.ports[0].nodePort")), Some(PORT));
    assert_eq!(rejected(&object, &error("spec.ports[1].nodePort")), None);
    assert_eq!(rejected(&object, &error("spec.ports[0].port")), None);
}
