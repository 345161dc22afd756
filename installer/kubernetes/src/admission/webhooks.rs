//! Finds the webhooks that explain a failed call: those that it had to pass, and among them those that cannot answer. The
//! text of an error is not read.

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;
use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client, ResourceExt};
use tokio::time::{error::Elapsed, timeout};

use super::{
    AdmissionRefusal, BrokenWebhook, Called, Operation, RefusalKind,
    hooks::{hooks, look},
    matching::{Labels, Live, Selection, SelectorFacts, Subject},
};
use crate::{
    ObjectRef,
    call::{Call, CallError, Class, ErrorAnswer, if_there},
};

/// How long the search may take: it only explains a failure that is already known.
const PATIENCE: Duration = Duration::from_secs(3);

/// The webhooks of a cluster that are known not to answer.
pub(crate) struct Broken(Vec<(Selection, BrokenWebhook)>);

impl Broken {
    /// Searches for broken webhooks. Returns none if the search takes too long or is forbidden.
    pub(crate) async fn find(client: &Client) -> Self {
        let late = |_: &Elapsed| tracing::debug!("the search for webhooks took too long");
        let failed = |error: &kube::Error| tracing::debug!(%error, "webhooks were not searched");
        let search = timeout(PATIENCE, Box::pin(find_broken(client))).await.inspect_err(late);
        let found = search.ok().and_then(|found| found.inspect_err(failed).ok()).unwrap_or_default();
        Self(found)
    }

    /// Returns the first broken webhook that `call`, on an object that has the labels `live`, surely has to pass.
    pub(crate) async fn hit(&self, client: &Client, call: &Call, live: &Labels) -> Option<BrokenWebhook> {
        let subject = subject(call);
        let mut seen = SelectorFacts { object: Live::Present(live.clone()), namespace: None };
        let near: Vec<&(Selection, BrokenWebhook)> =
            self.0.iter().filter(|(selection, _)| selection.calls(&subject, &seen).is_some()).collect();
        if near.is_empty() {
            return None;
        }
        let labels = timeout(PATIENCE, namespace_labels(client, &call.object)).await;
        seen.namespace = labels.ok().flatten();
        let surely = |selection: &Selection| selection.calls(&subject, &seen) == Some(Called::Surely);
        near.into_iter().find(|(selection, _)| surely(selection)).map(|(_, webhook)| webhook.clone())
    }
}

/// Returns the rejection of `call`, if webhooks explain its answer.
pub(crate) async fn refusal(client: &Client, call: &Call, answer: &ErrorAnswer) -> Option<AdmissionRefusal> {
    let kind = blame(client, &subject(call), answer, None).await?;
    Some(AdmissionRefusal { object: call.object.clone(), kind, answer: answer.clone() })
}

/// Names the webhooks in the error of a call on an object, if they explain it. `operations` are the possible ones of the
/// call, and `sent` are the labels in its body, if it has one.
pub async fn name_webhooks(
    client: &Client,
    error: CallError,
    operations: &[Operation],
    sent: Option<&BTreeMap<String, String>>,
) -> CallError {
    let CallError { what, object, class } = error;
    let class = match (*class, &object) {
        (Class::ServerError(answer), Some(object)) => {
            let subject = Subject { object, subresource: "", operations, sent };
            match blame(client, &subject, &answer, None).await {
                Some(kind) => {
                    Class::Admission(Box::new(AdmissionRefusal { object: object.clone(), kind, answer }))
                }
                None => Class::ServerError(answer),
            }
        }
        (class, _) => class,
    };
    CallError { what, object, class: Box::new(class) }
}

/// Returns the webhook that a call must pass and that cannot answer, else all that it may have to pass. `None` if the
/// answer has another cause, or the search takes too long or is forbidden.
///
/// With `namespace`, its labels are those of the object's namespace, which may not exist yet.
pub(super) async fn blame(
    client: &Client,
    subject: &Subject<'_>,
    answer: &ErrorAnswer,
    namespace: Option<Labels>,
) -> Option<RefusalKind> {
    // The API server's answer if a webhook fails.
    if answer.code != 500 || answer.reason != "InternalError" {
        return None;
    }
    let search = Box::pin(passed(client, subject, namespace));
    let mut suspects = timeout(PATIENCE, search).await.ok()?.ok()?;
    let broken = |webhook: &BrokenWebhook| webhook.called == Called::Surely && webhook.is_broken();
    if let Some(broken) = suspects.iter().position(broken) {
        return Some(RefusalKind::Webhook(suspects.swap_remove(broken)));
    }
    (!suspects.is_empty()).then_some(RefusalKind::SuspectWebhooks(suspects))
}

/// Returns the webhooks that a call has to pass, or may have to.
async fn passed(
    client: &Client,
    subject: &Subject<'_>,
    namespace: Option<Labels>,
) -> Result<Vec<BrokenWebhook>, kube::Error> {
    let namespace = async {
        match namespace {
            Some(labels) => Some(labels),
            None => namespace_labels(client, subject.object).await,
        }
    };
    let (hooks, object, namespace) = futures::join!(hooks(client), live(client, subject), namespace);
    let seen = SelectorFacts { object, namespace };
    let mut looks = Vec::new();
    for hook in hooks? {
        if let Some(called) = hook.selection.calls(subject, &seen) {
            looks.push(look(client, hook, called));
        }
    }
    let looked = join_all(looks).await;
    Ok(looked.into_iter().map(|(_, webhook)| webhook).collect())
}

async fn find_broken(client: &Client) -> Result<Vec<(Selection, BrokenWebhook)>, kube::Error> {
    let mut looks = Vec::new();
    for hook in hooks(client).await? {
        looks.push(look(client, hook, Called::Surely));
    }
    let looked = join_all(looks).await;
    Ok(looked.into_iter().filter(|(_, webhook)| webhook.is_broken()).collect())
}

fn subject(call: &Call) -> Subject<'_> {
    Subject {
        object: &call.object,
        subresource: call.verb.subresource(),
        operations: call.verb.operations(),
        sent: call.labels.as_ref(),
    }
}

/// Returns the labels of the object that a call changes. A create, or a connection, is judged without them.
async fn live(client: &Client, subject: &Subject<'_>) -> Live {
    let changes = |operation: &Operation| match operation {
        Operation::Update | Operation::Delete => true,
        Operation::Create | Operation::Connect => false,
    };
    if !subject.operations.iter().any(changes) {
        return Live::Unknown;
    }
    let api = subject.object.api(client);
    match if_there(api.get_metadata(&subject.object.name).await) {
        Ok(Some(live)) => Live::Present(live.labels().clone()),
        Ok(None) => Live::Absent,
        Err(_) => Live::Unknown,
    }
}

/// Returns the labels of an object's namespace; `None` if it has no namespace or they cannot be read.
async fn namespace_labels(client: &Client, object: &ObjectRef) -> Option<Labels> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let live = namespaces.get_metadata(object.namespace.as_deref()?).await.ok()?;
    Some(live.labels().clone())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::call::{CallVerb, tests::client};

    /// A cluster with this validating webhook, whose Service does not exist, and a namespace `a` with `checked: yes`.
    fn with_webhook(changed: &Value) -> Client {
        let mut webhook = json!({
            "name": "check.example", "sideEffects": "None", "admissionReviewVersions": ["v1"],
            "clientConfig": {"service": {"namespace": "gone", "name": "nowhere"}},
            "rules": [{
                "apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"], "operations": ["*"]
            }],
        });
        for (key, value) in changed.as_object().unwrap() {
            webhook[key] = value.clone();
        }
        let list =
            json!({"metadata": {}, "items": [{"metadata": {"name": "policy"}, "webhooks": [webhook]}]});
        client(move |request| match request.uri().path() {
            "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations" => (200, list.clone()),
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations" => {
                (200, json!({"metadata": {}, "items": []}))
            }
            "/api/v1/namespaces/a" => (200, json!({"metadata": {"name": "a", "labels": {"checked": "yes"}}})),
            _ => (404, json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found"})),
        })
    }

    fn failed() -> ErrorAnswer {
        kube::core::Status { code: 500, ..kube::core::Status::failure("failed", "InternalError") }.into()
    }

    /// Returns the webhook that is named after a failed create of a ConfigMap with the label `app: mine`.
    async fn named(changed: &Value) -> Option<RefusalKind> {
        let labels = Labels::from([("app".to_owned(), "mine".to_owned())]);
        let call = Call::new(CallVerb::Create, &ObjectRef::config_map("a", "b")).with_labels(&labels);
        refusal(&with_webhook(changed), &call, &failed()).await.map(|refusal| refusal.kind)
    }

    #[tokio::test]
    async fn webhook_that_does_not_match_is_not_named() {
        for changed in [
            json!({"failurePolicy": "Ignore"}),
            json!({"namespaceSelector": {"matchLabels": {"checked": "no"}}}),
            json!({"objectSelector": {"matchLabels": {"app": "other"}}}),
        ] {
            assert_eq!(named(&changed).await, None, "{changed}");
        }
    }

    #[tokio::test]
    async fn webhook_that_matches_is_named() {
        for changed in [
            json!({}),
            json!({"failurePolicy": "Fail"}),
            json!({"namespaceSelector": {"matchLabels": {"checked": "yes"}}}),
            json!({"objectSelector": {"matchLabels": {"app": "mine"}}}),
        ] {
            let kind = named(&changed).await;
            let Some(RefusalKind::Webhook(webhook)) = kind else { panic!("{changed}: {kind:?}") };
            assert_eq!(webhook.called, Called::Surely);
        }
    }

    #[tokio::test]
    async fn webhook_with_match_conditions_is_only_suspected() {
        let kind = named(&json!({"matchConditions": [{"name": "a", "expression": "true"}]})).await;
        let Some(RefusalKind::SuspectWebhooks(webhooks)) = kind else { panic!("{kind:?}") };
        assert_eq!(
            webhooks[0].to_string(),
            "webhook check.example of ValidatingWebhookConfiguration policy, which may match, calls Service \
             gone/nowhere, which does not exist"
        );
    }

    #[tokio::test]
    async fn broken_webhook_is_hit_only_if_it_surely_matches() {
        let call = Call::new(CallVerb::Compare, &ObjectRef::config_map("a", "b"));
        let live = Labels::from([("app".to_owned(), "mine".to_owned())]);
        for (changed, hit) in [
            (json!({}), true),
            (json!({"namespaceSelector": {"matchLabels": {"checked": "yes"}}}), true),
            (json!({"namespaceSelector": {"matchLabels": {"checked": "no"}}}), false),
            (json!({"objectSelector": {"matchLabels": {"app": "mine"}}}), true),
            (json!({"matchConditions": [{"name": "a", "expression": "true"}]}), false),
        ] {
            let client = with_webhook(&changed);
            let broken = Broken::find(&client).await;
            assert_eq!(broken.hit(&client, &call, &live).await.is_some(), hit, "{changed}");
        }
    }
}
