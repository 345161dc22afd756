//! Dry runs that the cluster refuses. A webhook must declare that it has no side effects in them, so only its answer can
//! refuse one; here, a policy answers in its place.

use std::time::Duration;

use devplat_kubernetes::{
    Steady,
    release::{Reason, ReleaseState},
};
use devplat_tests::waiting::until;
use k8s_openapi::api::admissionregistration::v1::{
    ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding, ValidatingWebhookConfiguration,
};
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use serde_json::json;

use super::{apply, as_wanted, map, release, remove, role, settings, start};

const NAME: &str = "no-dry-runs";

#[tokio::test]
async fn object_whose_dry_run_is_refused_is_reported_and_applied() {
    let (_turn, client) = start().await;
    let wanted = |value: &str| release("dry-run", [settings("dry-run-a", value), role("dry-run-b")]);
    apply(&client, &wanted("1")).await;
    let (policies, bindings): (Api<ValidatingAdmissionPolicy>, Api<ValidatingAdmissionPolicyBinding>) =
        (Api::all(client.clone()), Api::all(client.clone()));
    let policy = json!({
        "metadata": {"name": NAME},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"],
                "resources": ["configmaps"],
            }]},
            "matchConditions": [
                {"name": "named", "expression": "object.metadata.name.startsWith('dry-run')"}
            ],
            "validations": [{
                "expression": "!has(request.dryRun) || !request.dryRun",
                "message": "no dry runs in this test", "reason": "Forbidden",
            }],
        },
    });
    let binding =
        json!({"metadata": {"name": NAME}, "spec": {"policyName": NAME, "validationActions": ["Deny"]}});
    policies.create(&PostParams::default(), &serde_json::from_value(policy).unwrap()).await.unwrap();
    bindings.create(&PostParams::default(), &serde_json::from_value(binding).unwrap()).await.unwrap();

    let changed = wanted("2");
    // The API server applies a new policy only after a moment.
    let unknown = until("the policy to deny", Duration::from_secs(30), async || {
        match release::observe(&client, &changed, &Steady).await.unwrap() {
            ReleaseState::Present { missing, drifted, unknown, .. } if !unknown.is_empty() => {
                assert!(missing.is_empty() && drifted.is_empty(), "{drifted:?}");
                Ok(unknown)
            }
            state => Err(format!("{state:?}")),
        }
    })
    .await
    .unwrap();
    let [(object, Reason::Rejected(answer))] = unknown.as_slice() else { panic!("{unknown:?}") };
    assert_eq!((object, answer.code), (&map("dry-run-a"), 403));
    let why = unknown[0].1.to_string();
    assert!(why.starts_with("cannot be compared: the API server answered 403 Forbidden: "), "{why}");
    assert!(why.contains("no dry runs in this test"), "{why}");

    apply(&client, &changed).await;
    let state = release::observe(&client, &changed, &Steady).await.unwrap();
    assert_eq!(state, as_wanted(), "an unchanged object needs no dry run");
    bindings.delete(NAME, &DeleteParams::default()).await.unwrap();
    policies.delete(NAME, &DeleteParams::default()).await.unwrap();
    remove(&client, "dry-run").await;
}

#[tokio::test]
async fn webhook_with_unknown_side_effects_cannot_be_created() {
    let (_turn, client) = start().await;
    let hooks: Api<ValidatingWebhookConfiguration> = Api::all(client);
    for effects in ["Unknown", "Some"] {
        let hook: ValidatingWebhookConfiguration = serde_json::from_value(json!({
            "metadata": {"name": NAME},
            "webhooks": [{
                "name": "check.example.com", "failurePolicy": "Fail", "sideEffects": effects,
                "admissionReviewVersions": ["v1"],
                "clientConfig": {"service": {"namespace": "default", "name": "nowhere"}},
                "rules": [{
                    "apiGroups": [""], "apiVersions": ["*"], "resources": ["configmaps"], "operations": ["*"],
                }],
            }],
        }))
        .unwrap();
        let error = hooks.create(&PostParams::default(), &hook).await.unwrap_err();
        let kube::Error::Api(status) = &error else { panic!("{error:?}") };
        assert_eq!(status.code, 422, "{status:?}");
        assert!(status.message.contains("sideEffects"), "{status:?}");
    }
}
