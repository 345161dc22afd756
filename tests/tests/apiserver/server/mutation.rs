//! Policies that change the Deployments and pods of dev servers: the operator accepts the changes and writes nothing
//! against them.

use devplat_api::DevServer;
use k8s_openapi::{
    api::{apps::v1::Deployment, core::v1::Pod},
    jiff::Timestamp,
};
use kube::ResourceExt;
use serde_json::{Value, json};

use super::super::{
    cluster::{Quiet, quiet},
    namespace::Namespace,
    operator::Operator,
    policy,
    silence::{FIRST, SECOND, idle, looked_at_everything, make_user, resync, started, written},
};

#[tokio::test]
async fn new_server_that_a_policy_changes_is_ready_and_left_alone() {
    let quiet = quiet().await;
    let operator = started(quiet.operator(FIRST)).await;
    let space = Namespace::on(quiet.client().await, "mutation-new").await;
    create_policy(&space).await;
    space.server("mydev", json!({})).await;
    space.ready("mydev").await;
    shows_changes(&space).await;
    is_left_alone(&quiet, operator, &space, 1).await;
    policy::delete(&space.client, &space.name).await;
}

#[tokio::test]
async fn later_policy_restarts_a_server_only_once() {
    let quiet = quiet().await;
    let operator = started(quiet.operator(FIRST)).await;
    let space = Namespace::on(quiet.client().await, "mutation-late").await;
    space.server("mydev", json!({})).await;
    space.ready("mydev").await;
    let before = space.pod("mydev").await;
    create_policy(&space).await;
    // The policy changes the template with the next update of the Deployment, so Kubernetes replaces the pod. The operator
    // sees a generation that it did not write and applies the Deployment, which the policy changes to the same again.
    space.change::<Deployment>("mydev", json!({"metadata": {"labels": {"their": "mark"}}})).await;
    space.gone::<Pod>(&before.name_any()).await;
    let pod = space.pod("mydev").await.name_any();
    space
        .becomes("mydev", "to be ready with the changed pod", |server: &DevServer| {
            let status = server.status.clone().unwrap_or_default();
            status.ready && status.deployment_generation == Some(2) && status.pod_names == [pod.clone()]
        })
        .await;
    shows_changes(&space).await;
    is_left_alone(&quiet, operator, &space, 2).await;
    policy::delete(&space.client, &space.name).await;
}

/// Creates a policy for the namespace. It changes Deployments whenever they are written, and pods when they are created.
async fn create_policy(space: &Namespace) {
    let mut mutations = vec![policy::annotate()];
    mutations.extend(policy::mutations("Deployment", "spec.template.spec", "of-deployments"));
    mutations.extend(policy::mutations("Pod", "spec", "of-pods"));
    let spec = json!({
        "failurePolicy": "Fail", "reinvocationPolicy": "Never",
        "matchConstraints": {
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space.name}},
            "resourceRules": [
                rule("", "configmaps", &["CREATE"]),
                rule("apps", "deployments", &["CREATE", "UPDATE"]),
                rule("", "pods", &["CREATE"]),
            ],
        },
        "mutations": mutations,
    });
    policy::create(&space.client, &space.name, &spec, (&*space.name, "probe")).await;
}

fn rule(group: &str, resource: &str, operations: &[&str]) -> Value {
    json!({"apiGroups": [group], "apiVersions": ["v1"], "resources": [resource], "operations": operations})
}

/// Asserts that the policy has changed the Deployment and its pod.
async fn shows_changes(space: &Namespace) {
    let deployment: Deployment = space.get("mydev").await;
    let pod = space.pod("mydev").await;
    for (annotations, spec, marks) in [
        (deployment.annotations(), deployment.spec.clone().unwrap().template.spec.unwrap(), 1),
        (pod.annotations(), pod.spec.clone().unwrap(), 2),
    ] {
        assert_eq!(annotations.get("their").map(String::as_str), Some("mark"));
        let names: Vec<&str> = spec.containers.iter().map(|container| &*container.name).collect();
        assert_eq!(names, ["devserver", "of-deployments", "of-pods"][..=marks]);
        assert_eq!(spec.containers[0].image.as_deref(), Some("mirror/devplat.local/base"));
        let variables = spec.containers[0].env.clone().unwrap();
        let added: Vec<&str> =
            variables.iter().map(|one| &*one.name).filter(|name| name.starts_with("of-")).collect();
        assert_eq!(added, ["of-deployments", "of-pods"][..marks]);
    }
}

/// Asserts that neither a resync nor a new operator writes anything, and that the Deployment keeps its `generation` and the
/// server its pod.
async fn is_left_alone(quiet: &Quiet, first: Operator, space: &Namespace, generation: i64) {
    let state = async || {
        let deployment: Deployment = space.get("mydev").await;
        (deployment.uid(), deployment.metadata.generation, space.names::<Pod>().await)
    };
    // A user, so that there is one of each kind to reconcile.
    make_user(&space.client, &space.name).await;
    idle(&first).await;
    let before = state().await;
    assert_eq!(before.1, Some(generation));
    assert_eq!(resync(quiet, &first, &space.client, &space.name).await, [""; 0]);
    first.stop();
    let begun = Timestamp::now();
    let second = started(quiet.operator(SECOND)).await;
    looked_at_everything(&second, space).await;
    assert_eq!(written(quiet, begun).await, [""; 0]);
    assert_eq!(state().await, before);
    second.stop();
}
