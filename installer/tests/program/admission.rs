//! Pods that the cluster rejects: `up` tries all of them in dry runs before it applies the first object.

use devplat::ui::Event;
use devplat_api::{Slug, name};
use devplat_kubernetes::proof;
use serde_json::{Value, json};

use crate::{
    answers::{Serving, engine},
    driven::drive,
    kept::Objects,
    machine::Machine,
    trouble::{EXISTING, changed},
    whole::{UP, lab, stopped_in_the_proof},
};

/// The namespace of the operator, which exists already and has a quota.
const FULL: &str = "devserver-operator-system";
/// A namespace of other users with the level of Pod Security that the bastion's namespace will have.
const RESTRICTED: &str = "web";
/// A namespace of other users with the level of Pod Security that the namespaces of dev servers will have.
const BASELINE: &str = "batch";

/// Puts a namespace with the ServiceAccount that its pods need.
fn put_namespace(objects: &Objects, namespace: &str, labels: &Value) {
    let path = format!("/api/v1/namespaces/{namespace}");
    let metadata = json!({"name": namespace, "labels": labels});
    objects.put(&path, &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}));
    let metadata = json!({"name": "default", "namespace": namespace});
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata});
    objects.put(&format!("{path}/serviceaccounts/default"), &account);
}

/// The beginning of requests that create a pod.
fn pods(namespace: &str) -> String {
    format!("POST /api/v1/namespaces/{namespace}/pods?")
}

fn accept(server: &Serving, namespace: &str) {
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "devplat-trial"}});
    server.answers.give(&pods(namespace), 201, &pod);
}

/// Rejects pods as the API server's own admission does.
fn reject(server: &Serving, namespace: &str, message: &str) {
    let details = json!({"name": "devplat-trial", "kind": "pods"});
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": "Forbidden", "details": details, "code": 403});
    server.answers.give(&pods(namespace), 403, &status);
}

/// A cluster that rejects every pod: the operator's by a quota, the others by a policy.
async fn cluster_with_policies(machine: &Machine) -> Serving {
    let server = lab(machine).await;
    let objects = server.answers.keep_objects();
    // As after an `up` that was killed.
    put_namespace(objects, FULL, &json!({"devplat.dev/platform": "devplat"}));
    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "team", "namespace": FULL},
        "spec": {"hard": {"pods": "1"}}, "status": {"hard": {"pods": "1"}, "used": {"pods": "1"}}});
    objects.put(&format!("/api/v1/namespaces/{FULL}/resourcequotas/team"), &quota);
    put_namespace(objects, RESTRICTED, &json!({(name::POD_SECURITY_LABEL): "restricted"}));
    put_namespace(objects, BASELINE, &json!({(name::POD_SECURITY_LABEL): "baseline"}));
    reject(&server, FULL, "exceeded quota: team");
    reject(&server, RESTRICTED, "no images without a registry");
    reject(&server, BASELINE, "no groups of files");
    server
}

#[tokio::test]
async fn rejected_pods_end_up_before_anything_is_applied() {
    let (machine, engine) = (Machine::new(), engine());
    let server = cluster_with_policies(&machine).await;
    let (status, transcript) = drive(&[&UP[..], &EXISTING].concat(), &machine, &engine).await;
    assert_eq!(status, 3, "{transcript:#?}");
    let Some(Event::Error { message, causes, hints, exit: 3 }) = transcript.events.last() else {
        panic!("{transcript:#?}")
    };
    assert_eq!(message, "cannot create release crds");
    let why = |what: &str, namespace: &str, message: &str| {
        let pod = format!("Pod {namespace}/devplat-trial");
        format!("{}: the API server answered 403 Forbidden: {message}", what.replace("POD", &pod))
    };
    let of_proof = Slug::of(proof::NAME).namespace();
    let expected = [
        "the cluster rejects devplat's pods".to_owned(),
        why("ResourceQuota team rejects POD for pods", FULL, "exceeded quota: team"),
        why("a policy of the cluster rejects POD", "devserver-bastion", "no images without a registry"),
        why("a policy of the cluster rejects POD", &of_proof, "no groups of files"),
    ];
    assert_eq!(causes, &expected);
    let raise = format!("raise pods in ResourceQuota team of namespace {FULL}, or set requests and limits");
    assert!(hints.iter().any(|hint| hint.starts_with(&raise)), "{hints:?}");
    assert!(hints.iter().any(|hint| hint.contains("an exception to this policy")), "{hints:?}");
    let requests = server.answers.requests();
    for namespace in [FULL, RESTRICTED, BASELINE] {
        let mut tried = requests.iter().filter(|one| one.starts_with(&pods(namespace))).peekable();
        assert!(tried.peek().is_some(), "{namespace}: {requests:#?}");
        assert!(tried.all(|one| one.contains("dryRun=All")), "{namespace}: {requests:#?}");
    }
    assert_eq!(changed(&server), [""; 0]);
}

#[tokio::test]
async fn every_pod_is_tried_before_the_first_object_is_applied() {
    let (machine, engine) = (Machine::new(), engine());
    let server = cluster_with_policies(&machine).await;
    for namespace in [FULL, RESTRICTED, BASELINE] {
        accept(&server, namespace);
    }
    stopped_in_the_proof(&machine, &engine).await;
    let requests = server.answers.requests();
    let applied = changed(&server).into_iter().next().unwrap();
    let applied = requests.iter().position(|one| *one == applied).unwrap();
    for namespace in [FULL, RESTRICTED, BASELINE] {
        let tried = requests.iter().position(|one| one.starts_with(&pods(namespace)));
        assert!(tried.is_some_and(|tried| tried < applied), "{namespace}: {requests:#?}");
    }
}
