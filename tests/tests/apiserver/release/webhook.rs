//! Webhooks on ConfigMaps that every call must pass: one whose Service does not exist, and one whose URL has no server.

use std::time::{Duration, Instant};

use devplat_kubernetes::{
    Class, Steady,
    admission::WebhookFault,
    release::{DataLoss, Reason, ReleaseError, ReleaseState, RemoveError},
};
use devplat_tests::waiting::until;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use kube::{
    Api,
    api::{DeleteParams, PostParams},
};
use serde_json::json;

use super::{
    super::cluster::command_lines, PATIENCE, PLATFORM, apply, as_wanted, map, release, remove, role,
    settings, start,
};

#[tokio::test]
async fn webhook_without_a_service_is_reported_and_other_objects_are_compared() {
    let (_turn, client) = start().await;
    let wanted = release("hooked", [settings("hooked-a", "1"), role("hooked-b")]);
    apply(&client, &wanted).await;
    let hooks: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let hook: ValidatingWebhookConfiguration = serde_json::from_value(json!({
        "metadata": {"name": "policy-gone"},
        "webhooks": [{
            "name": "check.gone.example", "failurePolicy": "Fail", "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "clientConfig": {"service": {"namespace": "default", "name": "nowhere"}},
            "rules": [{
                "apiGroups": [""], "apiVersions": ["*"], "resources": ["configmaps"], "operations": ["*"],
            }],
        }],
    }))
    .unwrap();
    hooks.create(&PostParams::default(), &hook).await.unwrap();

    let changed = release("hooked", [settings("hooked-a", "2"), role("hooked-b")]);
    // The API server uses a new webhook only after a moment.
    let unknown = until("the webhook to fail", Duration::from_secs(30), async || {
        let start = Instant::now();
        match release::observe(&client, &changed, &Steady).await.unwrap() {
            ReleaseState::Present { missing, drifted, unknown, recorded: false, .. }
                if !unknown.is_empty() =>
            {
                assert!((missing.is_empty(), drifted.is_empty()) == (true, true));
                assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
                Ok(unknown)
            }
            state => Err(format!("{state:?}")),
        }
    })
    .await
    .unwrap();
    let [(object, Reason::Webhook(webhook))] = unknown.as_slice() else { panic!("{unknown:?}") };
    assert_eq!(*object, map("hooked-a"));
    assert_eq!(webhook.webhook, "check.gone.example");
    assert!(matches!(webhook.fault, WebhookFault::ServiceAbsent(_)));
    assert_eq!(
        unknown[0].1.to_string(),
        "cannot be compared: webhook check.gone.example of ValidatingWebhookConfiguration policy-gone calls \
         Service default/nowhere, which does not exist"
    );

    let ReleaseState::Present { unknown, .. } = release::observe(&client, &wanted, &Steady).await.unwrap()
    else {
        panic!("the release is present")
    };
    assert_eq!(unknown, [], "an unchanged object needs no dry run");

    let start = Instant::now();
    let error = release::apply(&client, &changed, &Steady).await.unwrap_err();
    let ReleaseError::Call(call) = &error else { panic!("{error:?}") };
    assert!(matches!(*call.class, Class::Admission(_)), "{call:?}");
    let hints = error.hints(&command_lines());
    let remedy = "`kubectl --context test delete validatingwebhookconfiguration policy-gone`";
    assert!(hints[0].ends_with(remedy), "{hints:?}");
    let error = release::remove(&client, PLATFORM, "hooked", DataLoss::Refused, PATIENCE, &Steady).await;
    let Err(RemoveError::Call(call)) = error else { panic!("{error:?}") };
    assert!(matches!(*call.class, Class::Admission(_)), "{call:?}");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());

    hooks.delete("policy-gone", &DeleteParams::default()).await.unwrap();
    until("the webhook to be gone", Duration::from_secs(30), async || {
        match release::observe(&client, &wanted, &Steady).await.unwrap() {
            ReleaseState::Present { unknown, .. } if unknown.is_empty() => Ok(()),
            state => Err(format!("{state:?}")),
        }
    })
    .await
    .unwrap();
    apply(&client, &wanted).await;
    assert_eq!(release::observe(&client, &wanted, &Steady).await.unwrap(), as_wanted());
    remove(&client, "hooked").await;
}

#[tokio::test]
async fn webhook_by_url_without_a_server_is_named_within_seconds() {
    let (_turn, client) = start().await;
    let wanted = release("dead-url", [settings("dead-url", "1")]);
    apply(&client, &wanted).await;
    let hooks: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let hook: ValidatingWebhookConfiguration = serde_json::from_value(json!({
        "metadata": {"name": "policy-dead"},
        "webhooks": [{
            "name": "check.dead.example", "failurePolicy": "Fail", "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
            "clientConfig": {"url": "https://127.0.0.1:9/check"},
            "rules": [{
                "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"], "operations": ["*"],
            }],
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "default"}},
        }],
    }))
    .unwrap();
    hooks.create(&PostParams::default(), &hook).await.unwrap();

    let changed = release("dead-url", [settings("dead-url", "2")]);
    let unknown = until("the webhook to fail", Duration::from_secs(30), async || {
        let start = Instant::now();
        match release::observe(&client, &changed, &Steady).await.unwrap() {
            ReleaseState::Present { unknown, .. } if !unknown.is_empty() => {
                assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
                Ok(unknown)
            }
            state => Err(format!("{state:?}")),
        }
    })
    .await
    .unwrap();
    let why = "cannot be compared: webhook check.dead.example of ValidatingWebhookConfiguration policy-dead calls \
               https://127.0.0.1:9/check, which may not answer: the API server answered 500 InternalError";
    assert!(unknown[0].1.to_string().starts_with(why), "{}", unknown[0].1);

    let start = Instant::now();
    let error = release::apply(&client, &changed, &Steady).await.unwrap_err();
    let ReleaseError::Call(call) = &error else { panic!("{error:?}") };
    assert!(matches!(*call.class, Class::Admission(_)), "{call:?}");
    let hints = error.hints(&command_lines());
    let check = "check that https://127.0.0.1:9/check answers the API server";
    assert!(hints[0].starts_with(check), "{hints:?}");
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    hooks.delete("policy-dead", &DeleteParams::default()).await.unwrap();
    until("the webhook to be gone", Duration::from_secs(30), async || {
        match release::observe(&client, &changed, &Steady).await.unwrap() {
            ReleaseState::Present { unknown, .. } if unknown.is_empty() => Ok(()),
            state => Err(format!("{state:?}")),
        }
    })
    .await
    .unwrap();
    remove(&client, "dead-url").await;
}
