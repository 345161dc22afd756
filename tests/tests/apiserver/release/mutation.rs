//! Mutating policies that change applied objects: annotations, images, variables and sidecars.

use devplat_kubernetes::{ObjectRef, Steady, release::ReleaseState};
use kube::api::DynamicObject;
use serde_json::json;

use super::{super::policy, apply, get, ours, release, remove, settings, start, versions};

const NAME: &str = "mutate-ours";

fn deployment(image: &str) -> DynamicObject {
    ours(json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "mutated-b", "namespace": "default"},
        "spec": {
            "selector": {"matchLabels": {"a": "b"}},
            "template": {
                "metadata": {"labels": {"a": "b"}},
                "spec": {"containers": [{"name": "main", "image": image, "env": [{"name": "OURS", "value": "1"}]}]},
            },
        },
    }))
}

#[tokio::test]
async fn mutations_by_policies_do_not_count_as_drift() {
    let (_turn, client) = start().await;
    let mut mutations = vec![policy::annotate()];
    mutations.extend(policy::mutations("Deployment", "spec.template.spec", "sidecar"));
    let spec = json!({
        "failurePolicy": "Fail", "reinvocationPolicy": "Never",
        "matchConstraints": {"resourceRules": [{
            "apiGroups": ["", "apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
            "resources": ["configmaps", "deployments"],
        }]},
        "matchConditions": [{"name": "named", "expression": "object.metadata.name.startsWith('mutated')"}],
        "mutations": mutations,
    });
    policy::create(&client, NAME, &spec, ("default", "mutated-probe")).await;

    let wanted = release("mutated", [settings("mutated-a", "1"), deployment("ours:1")]);
    apply(&client, &wanted).await;
    let live = get(&client, &ObjectRef::of(&wanted.objects[1])).await.unwrap();
    let containers = live.data["spec"]["template"]["spec"]["containers"].as_array().unwrap().clone();
    assert_eq!(containers.len(), 2, "{containers:?}");
    assert_eq!(containers[0]["image"], "mirror/ours:1");
    assert_eq!(containers[0]["env"].as_array().unwrap().len(), 2);

    let before = versions(&client, &wanted).await;
    let ReleaseState::Present { missing, drifted, unknown, surplus, recorded, .. } =
        release::observe(&client, &wanted, &Steady).await.unwrap()
    else {
        panic!()
    };
    assert!(
        missing.is_empty() && drifted.is_empty() && unknown.is_empty() && surplus.is_empty(),
        "{drifted:?}"
    );
    assert!(recorded);
    apply(&client, &wanted).await;
    assert_eq!(versions(&client, &wanted).await, before);

    let changed = release("mutated", [settings("mutated-a", "1"), deployment("ours:2")]);
    apply(&client, &changed).await;
    let live = get(&client, &ObjectRef::of(&wanted.objects[1])).await.unwrap();
    assert_eq!(live.data["spec"]["template"]["spec"]["containers"][0]["image"], "mirror/ours:2");

    policy::delete(&client, NAME).await;
    remove(&client, "mutated").await;
}
