//! Mutating policies that change applied objects: annotations, images, variables and sidecars.

use std::time::Duration;

use devplat_kubernetes::{Steady, release::State};
use devplat_tests::waiting::until;
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};

use super::{api, apply, get, ours, reference, release, remove, settings, start, versions};

const NAME: &str = "mutate-ours";

fn policies(client: &Client, kind: &str, plural: &str) -> Api<DynamicObject> {
    let kind = GroupVersionKind::gvk("admissionregistration.k8s.io", "v1beta1", kind);
    Api::all_with(client.clone(), &ApiResource::from_gvk_with_plural(&kind, plural))
}

fn json_patch(expression: &str) -> Value {
    json!({"patchType": "JSONPatch", "jsonPatch": {"expression": expression}})
}

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
    let containers = "object.spec.template.spec.containers";
    let base = "/spec/template/spec/containers";
    let policy = json!({
        "apiVersion": "admissionregistration.k8s.io/v1beta1", "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": NAME},
        "spec": {
            "failurePolicy": "Fail", "reinvocationPolicy": "Never",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": ["", "apps"], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                "resources": ["configmaps", "deployments"],
            }]},
            "matchConditions": [
                {"name": "named", "expression": "object.metadata.name.startsWith('mutated')"}
            ],
            "mutations": [
                {
                    "patchType": "ApplyConfiguration",
                    "applyConfiguration": {
                        "expression": "Object{metadata: Object.metadata{annotations: {\"their\": \"mark\"}}}",
                    },
                },
                json_patch(&format!(
                    "object.kind != 'Deployment' || {containers}[0].image.startsWith('mirror/') ? [] : \
                     [JSONPatch{{op: 'replace', path: '{base}/0/image', value: 'mirror/' + {containers}[0].image}}]"
                )),
                json_patch(&format!(
                    "object.kind != 'Deployment' || {containers}[0].env.exists(e, e.name == 'THEIRS') ? [] : \
                     [JSONPatch{{op: 'add', path: '{base}/0/env/-', value: \
                     Object.spec.template.spec.containers.env{{name: 'THEIRS', value: '1'}}}}]"
                )),
                json_patch(&format!(
                    "object.kind != 'Deployment' || {containers}.exists(c, c.name == 'sidecar') ? [] : \
                     [JSONPatch{{op: 'add', path: '{base}/-', value: \
                     Object.spec.template.spec.containers{{name: 'sidecar', image: 'theirs'}}}}]"
                )),
            ],
        },
    });
    let binding = json!({
        "apiVersion": "admissionregistration.k8s.io/v1beta1", "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": NAME}, "spec": {"policyName": NAME},
    });
    let all = policies(&client, "MutatingAdmissionPolicy", "mutatingadmissionpolicies");
    let bindings = policies(&client, "MutatingAdmissionPolicyBinding", "mutatingadmissionpolicybindings");
    all.create(&PostParams::default(), &serde_json::from_value(policy).unwrap()).await.unwrap();
    bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();
    until("the policy to mutate", Duration::from_secs(30), async || {
        let probe = settings("mutated-probe", "1");
        let object = reference("ConfigMap", Some("default"), "mutated-probe");
        let params = PatchParams { dry_run: true, ..PatchParams::apply("probe") };
        let tried =
            api(&client, &object).patch("mutated-probe", &params, &Patch::Apply(&probe)).await.unwrap();
        match tried.metadata.annotations.unwrap_or_default().get("their") {
            Some(_) => Ok(()),
            None => Err("no mutation"),
        }
    })
    .await
    .unwrap();

    let wanted = release("mutated", [settings("mutated-a", "1"), deployment("ours:1")]);
    apply(&client, &wanted).await;
    let live = get(&client, &devplat_kubernetes::ObjectRef::of(&wanted.objects[1])).await.unwrap();
    let containers = live.data["spec"]["template"]["spec"]["containers"].as_array().unwrap().clone();
    assert_eq!(containers.len(), 2, "{containers:?}");
    assert_eq!(containers[0]["image"], "mirror/ours:1");
    assert_eq!(containers[0]["env"].as_array().unwrap().len(), 2);

    let before = versions(&client, &wanted).await;
    let State::Present { missing, drifted, unknown, surplus, recorded, .. } =
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
    let live = get(&client, &devplat_kubernetes::ObjectRef::of(&wanted.objects[1])).await.unwrap();
    assert_eq!(live.data["spec"]["template"]["spec"]["containers"][0]["image"], "mirror/ours:2");

    bindings.delete(NAME, &DeleteParams::default()).await.unwrap();
    all.delete(NAME, &DeleteParams::default()).await.unwrap();
    remove(&client, "mutated").await;
}
