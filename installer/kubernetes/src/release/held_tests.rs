//! Reasons of waits for a deletion, with an API server that answers from a list.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::*;
use crate::{CommandLines, call::tests::client, pace::Steady};

const CRDS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const KINDS: &str = "/apis/apps.devservers.io/v1";
const DEPLOYMENT: &str = "/apis/apps/v1/namespaces/devserver-operator-system/deployments/devserver-operator";

/// Returns why an object still exists, if the API server has these objects, by path.
async fn why(
    object: &ObjectRef,
    finalizers: &[&str],
    there: impl IntoIterator<Item = (String, Value)>,
) -> Held {
    let there: BTreeMap<String, Value> = there.into_iter().collect();
    let client = client(move |request| match there.get(request.uri().path()) {
        Some(found) => (200, found.clone()),
        None => (404, json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found"})),
    });
    let finalizers: Vec<String> = finalizers.iter().map(|one| (*one).to_owned()).collect();
    held(ApiServer { client: &client, pace: &Steady }, object, &finalizers).await.unwrap()
}

fn crd(plural: &str) -> ObjectRef {
    let name = format!("{plural}.apps.devservers.io");
    ObjectRef::new("apiextensions.k8s.io/v1", "CustomResourceDefinition", None, &name)
}

fn definition(kind: &str, plural: &str) -> (String, Value) {
    let path = format!("{CRDS}/{plural}.apps.devservers.io");
    let crd = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.apps.devservers.io")},
        "spec": {
            "group": "apps.devservers.io", "scope": "Cluster", "names": {"kind": kind, "plural": plural},
            "versions": [{"name": "v1", "served": true, "storage": true}]
        }
    });
    (path, crd)
}

fn list(plural: &str, items: &[Value]) -> (String, Value) {
    let list = json!({"apiVersion": "meta.k8s.io/v1", "kind": "List", "metadata": {}, "items": items});
    (format!("{KINDS}/{plural}"), list)
}

fn with_finalizer(name: &str, finalizer: &str) -> Value {
    json!({"metadata": {"name": name, "finalizers": [finalizer]}})
}

fn running() -> (String, Value) {
    let status = json!({"availableReplicas": 1});
    let metadata = json!({"name": "devserver-operator", "namespace": "devserver-operator-system"});
    let deployment =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "status": status});
    (DEPLOYMENT.to_owned(), deployment)
}

fn reason(held: &Held) -> &str {
    held.waiting.reason.as_deref().unwrap_or_default()
}

#[tokio::test]
async fn crd_is_held_by_objects_that_an_absent_operator_would_release() {
    let users: Vec<Value> =
        ["ann", "bob", "eve", "joe"].map(|user| with_finalizer(user, name::USER_FINALIZER)).into();
    let there = [definition("DevUser", "devusers"), list("devusers", &users)];
    let held = why(&crd("devusers"), &["customresourcecleanup.apiextensions.k8s.io"], there).await;
    assert_eq!(
        reason(&held),
        "held by DevUser ann (devserver.io/user), DevUser bob (devserver.io/user), DevUser eve (devserver.io/user) and \
         1 more; the operator, which releases it, does not exist"
    );
    let object = ObjectRef::new("apps.devservers.io/v1", "DevUser", None, "ann");
    assert_eq!(held.holder, Some(Holder::Operator { object, state: OperatorState::Absent }));
}

#[tokio::test]
async fn crd_without_objects_waits_for_kubernetes() {
    let there = [definition("DevUser", "devusers"), list("devusers", &[])];
    let held = why(&crd("devusers"), &["customresourcecleanup.apiextensions.k8s.io"], there).await;
    assert_eq!(reason(&held), "held by customresourcecleanup.apiextensions.k8s.io");
    assert_eq!(held.holder, None);
}

#[tokio::test]
async fn operator_that_is_running_may_take_its_time() {
    let users = [with_finalizer("ann", name::USER_FINALIZER)];
    let there = [definition("DevUser", "devusers"), list("devusers", &users), running()];
    let held = why(&crd("devusers"), &[], there).await;
    assert_eq!(reason(&held), "held by DevUser ann (devserver.io/user)");
    assert_eq!(held.holder.unwrap().may_last(), None);
}

#[tokio::test]
async fn flavor_is_held_by_dev_servers_that_stay() {
    let flavors = [with_finalizer("small", name::FLAVOR_FINALIZER)];
    let dev_server = |name: &str, flavor: Option<&str>, chosen: Option<&str>, leaving: bool| {
        let since = leaving.then_some("2001-02-03T12:00:00Z");
        json!({
            "apiVersion": "apps.devservers.io/v1", "kind": "DevServer",
            "metadata": {"name": name, "namespace": "dev-ann", "deletionTimestamp": since},
            "spec": {"flavor": flavor}, "status": {"flavor": chosen}
        })
    };
    let there = |servers: &[Value]| {
        [
            definition("DevServerFlavor", "devserverflavors"),
            list("devserverflavors", &flavors),
            list("devservers", servers),
            running(),
        ]
    };
    let used = [
        dev_server("a", Some("small"), None, false),
        dev_server("b", None, Some("small"), false),
        dev_server("c", Some("large"), None, false),
        dev_server("d", Some("small"), None, true),
    ];
    let held = why(&crd("devserverflavors"), &[], there(&used)).await;
    assert_eq!(
        reason(&held),
        "held by DevServerFlavor small (devserver.io/in-use); used by DevServer dev-ann/a, DevServer dev-ann/b"
    );
    let holder = held.holder.unwrap();
    assert!(holder.may_last().is_some());
    let hints = holder.hints(&CommandLines::example());
    assert!(hints[1].contains(" patch devserverflavor small --type"), "{hints:?}");

    let unused = why(&crd("devserverflavors"), &[], there(&used[2..])).await;
    assert_eq!(unused.holder.unwrap().may_last(), None);
}

#[tokio::test]
async fn namespace_is_held_by_the_content_that_kubernetes_reports() {
    let condition = |type_: &str, status: &str, message: &str| {
        let (since, reason) = ("2001-02-03T12:00:00Z", "Some");
        json!({
            "type": type_, "status": status, "message": message, "reason": reason, "lastTransitionTime": since
        })
    };
    let conditions = [
        condition("NamespaceDeletionDiscoveryFailure", "True", "metrics.k8s.io/v1beta1: stale"),
        condition("NamespaceDeletionContentFailure", "False", "All content successfully deleted"),
        condition("NamespaceContentRemaining", "True", "Some resources are remaining: pods. has 1 instance"),
    ];
    let namespace = json!({
        "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "devserver-bastion"},
        "status": {"phase": "Terminating", "conditions": conditions}
    });
    let there = [("/api/v1/namespaces/devserver-bastion".to_owned(), namespace)];
    let held = why(&ObjectRef::namespace("devserver-bastion"), &[], there).await;
    assert_eq!(
        reason(&held),
        "metrics.k8s.io/v1beta1: stale; Some resources are remaining: pods. has 1 instance"
    );
    assert_eq!(held.holder, Some(Holder::AggregatedApi));
}

#[tokio::test]
async fn only_finalizers_of_unknown_controllers_have_a_hint() {
    let map = ObjectRef::config_map("default", "a");
    let foreign = why(&map, &["example.com/hold"], []).await;
    assert_eq!(reason(&foreign), "held by example.com/hold");
    assert_eq!(foreign.holder, Some(Holder::Controller(map.clone())));
    for own in
        ["kubernetes.io/pvc-protection", "foregroundDeletion", "service.kubernetes.io/load-balancer-cleanup"]
    {
        assert_eq!(why(&map, &[own], []).await.holder, None, "{own}");
    }
}
