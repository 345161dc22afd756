//! Tries pods with `dryRun=All`, in their namespace or in one with the same policies.

use futures::future::join_all;
use k8s_openapi::api::core::v1::Pod;
use kube::{Client, ResourceExt, api::ObjectMeta};

use super::{
    AdmissionRefusal, PodTrial, RefusalKind,
    attempt::{NAME, TrialAnswer, attempt, pod_reference},
    cause::explain,
    ground::{Ground, can_judge, ground},
    matching::{NAME_LABEL, Subject},
    webhooks::blame,
};
use crate::{
    call::{ApiServer, CallVerb, Error, ErrorAnswer},
    pace::{Pace, stoppable},
};

/// Tries all `trials` concurrently by dry run, and returns the rejections.
///
/// A pod whose namespace does not exist is tried in one that has the same level of Pod Security and no limits. Without
/// such a namespace, or if the user may not create pods, the pod is not tried.
pub async fn try_pods(
    client: &Client,
    trials: &[PodTrial],
    pace: &dyn Pace,
) -> Result<Vec<AdmissionRefusal>, Error> {
    let server = ApiServer { client, pace };
    let outcomes = join_all(trials.iter().map(|trial| try_pod(server, trial))).await;
    let refusals: Result<Vec<Option<AdmissionRefusal>>, Error> = outcomes.into_iter().collect();
    Ok(refusals?.into_iter().flatten().collect())
}

async fn try_pod(server: ApiServer<'_>, trial: &PodTrial) -> Result<Option<AdmissionRefusal>, Error> {
    let Some(ground) = ground(server, trial).await? else { return Ok(None) };
    let Ground { namespace, same_security, own } = ground;
    let pod = prepared(&trial.pod, &namespace);
    let mut refusal = match attempt(server, &pod).await? {
        TrialAnswer::Accepted => return Ok(None),
        TrialAnswer::Refused(refusal) => *refusal,
        TrialAnswer::Rejected(answer) => {
            if answer.code == 403 && !can_judge(server, &namespace).await? {
                return Ok(None);
            }
            let kind = explain(server, &pod, &answer).await?;
            AdmissionRefusal { object: pod_reference(&namespace), kind, answer }
        }
    };
    if !own && matches!(refusal.kind, RefusalKind::Webhook(_) | RefusalKind::SuspectWebhooks(_)) {
        let Some(kind) = own_webhooks(server, trial, &refusal.answer).await? else { return Ok(None) };
        refusal.kind = kind;
    }
    let counts = match &refusal.kind {
        RefusalKind::PodSecurity => same_security,
        RefusalKind::ResourceQuota { .. } | RefusalKind::LimitRange { .. } => own,
        RefusalKind::Webhook(_)
        | RefusalKind::SuspectWebhooks(_)
        | RefusalKind::WebhookDenied
        | RefusalKind::Other => true,
    };
    refusal.object.namespace = Some(trial.namespace.clone());
    Ok(counts.then_some(refusal))
}

/// Returns the webhooks that the pod will have to pass in its own namespace, which does not exist yet. They may select
/// other namespaces than that of the trial.
async fn own_webhooks(
    server: ApiServer<'_>,
    trial: &PodTrial,
    answer: &ErrorAnswer,
) -> Result<Option<RefusalKind>, Error> {
    let PodTrial { namespace, namespace_labels, pod } = trial;
    let mut labels = namespace_labels.clone();
    labels.insert(NAME_LABEL.to_owned(), namespace.clone());
    let object = pod_reference(namespace);
    let operations = CallVerb::Try.operations();
    let subject = Subject { object: &object, subresource: "", operations, sent: Some(pod.labels()) };
    let search = blame(server.client, &subject, answer, Some(labels));
    Ok(stoppable(server.pace, Box::pin(search)).await?)
}

/// Returns the pod without its ServiceAccount, which may not exist yet.
fn prepared(pod: &Pod, namespace: &str) -> Pod {
    let mut pod = pod.clone();
    pod.metadata = ObjectMeta {
        name: Some(NAME.to_owned()),
        namespace: Some(namespace.to_owned()),
        labels: pod.metadata.labels,
        annotations: pod.metadata.annotations,
        ..ObjectMeta::default()
    };
    if let Some(spec) = &mut pod.spec {
        spec.service_account_name = None;
        spec.service_account = None;
        spec.automount_service_account_token = Some(false);
    }
    pod
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use kube::api::DynamicObject;
    use serde_json::json;

    use super::*;
    use crate::{call::tests::client, pace::Steady};

    #[test]
    fn pod_of_a_deployment_is_tried_without_its_service_account() {
        let deployment: DynamicObject = serde_json::from_value(json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "namespace": "b"},
            "spec": {"selector": {}, "template": {
                "metadata": {"labels": {"c": "d"}},
                "spec": {"serviceAccountName": "e", "containers": [{"name": "f", "image": "g"}]},
            }}
        }))
        .unwrap();
        let trial = PodTrial::of(&deployment, BTreeMap::new()).unwrap().unwrap();
        assert_eq!(trial.namespace, "b");
        let pod = prepared(&trial.pod, "default");
        assert_eq!(pod.labels()["c"], "d");
        assert_eq!(pod.spec.unwrap().service_account_name, None);
    }

    #[tokio::test]
    async fn denials_by_a_webhook_and_by_the_api_server_differ() {
        // Only answers of the API server's own admission name the resource in their details.
        for (details, kind) in
            [(json!({}), RefusalKind::WebhookDenied), (json!({"kind": "pods"}), RefusalKind::Other)]
        {
            let client = client(move |request| match (request.method().as_str(), request.uri().path()) {
                ("POST", "/api/v1/namespaces/a/pods") => {
                    let message = "admission webhook \"check.example\" denied the request: no dry runs";
                    let status = json!({"kind": "Status", "code": 403, "reason": "Forbidden",
                        "message": message, "details": details});
                    (403, status)
                }
                ("POST", _) => (201, json!({"spec": {}, "status": {"allowed": true}})),
                (_, "/api/v1/namespaces/a" | "/api/v1/namespaces/a/serviceaccounts/default") => (
                    200,
                    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                        "metadata": {"name": "default"}}),
                ),
                _ => (200, json!({"metadata": {}, "items": []})),
            });
            let pod = serde_json::from_value(json!({"spec": {"containers": [{"name": "f"}]}})).unwrap();
            let trial = PodTrial { namespace: "a".to_owned(), namespace_labels: BTreeMap::new(), pod };
            let refusals = try_pods(&client, &[trial], &Steady).await.unwrap();
            assert_eq!(refusals.iter().map(|refusal| &refusal.kind).collect::<Vec<_>>(), [&kind]);
        }
    }

    #[tokio::test]
    async fn pod_is_not_judged_before_its_namespace_has_an_account() {
        let client = client(|request| match (request.method().as_str(), request.uri().path()) {
            ("POST", "/api/v1/namespaces/a/pods") => {
                let status = json!({"kind": "Status", "code": 403, "reason": "Forbidden",
                    "message": "no account", "details": {"kind": "pods"}});
                (403, status)
            }
            ("POST", _) => (201, json!({"spec": {}, "status": {"allowed": true}})),
            (_, "/api/v1/namespaces/a") => (
                200,
                json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1",
                    "metadata": {"name": "a"}}),
            ),
            _ => (404, json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "none"})),
        });
        let pod = serde_json::from_value(json!({"spec": {"containers": [{"name": "f"}]}})).unwrap();
        let trial = PodTrial { namespace: "a".to_owned(), namespace_labels: BTreeMap::new(), pod };
        assert_eq!(try_pods(&client, &[trial], &Steady).await.unwrap(), []);
    }

    #[tokio::test]
    async fn broken_webhook_counts_only_for_the_pods_own_namespace() {
        // The trial happens in `default`, because `new` does not exist.
        for (selector, named) in [
            (json!({"matchLabels": {(NAME_LABEL): "default"}}), false),
            (json!({"matchExpressions": [{"key": NAME_LABEL, "operator": "Exists"}]}), true),
        ] {
            let hook = json!({
                "name": "check.example", "sideEffects": "None", "admissionReviewVersions": ["v1"],
                "clientConfig": {"service": {"namespace": "gone", "name": "nowhere"}},
                "rules": [{
                    "apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["*"]
                }],
                "namespaceSelector": selector,
            });
            let client = client(move |request| match (request.method().as_str(), request.uri().path()) {
                ("POST", _) => {
                    let status = json!({"kind": "Status", "code": 500, "reason": "InternalError",
                        "message": "failed calling webhook"});
                    (500, status)
                }
                (_, "/api/v1/namespaces/default") => {
                    (200, json!({"metadata": {"name": "default", "labels": {(NAME_LABEL): "default"}}}))
                }
                (_, "/api/v1/namespaces") => {
                    (200, json!({"metadata": {}, "items": [{"metadata": {"name": "default"}}]}))
                }
                (_, "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations") => {
                    let policy = json!({"metadata": {"name": "policy"}, "webhooks": [hook]});
                    (200, json!({"metadata": {}, "items": [policy]}))
                }
                (_, path) if path.starts_with("/apis/") => (200, json!({"metadata": {}, "items": []})),
                _ => (404, json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "none"})),
            });
            let pod = serde_json::from_value(json!({"spec": {"containers": [{"name": "f"}]}})).unwrap();
            let trial = PodTrial { namespace: "new".to_owned(), namespace_labels: BTreeMap::new(), pod };
            let refusals = try_pods(&client, &[trial], &Steady).await.unwrap();
            assert_eq!(!refusals.is_empty(), named, "{selector}: {refusals:?}");
        }
    }
}
