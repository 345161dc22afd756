//! Finds webhooks that cannot answer, by their configurations and the Services that these name, and webhooks that a
//! failed call had to pass. The text of an error is not read.

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;
use k8s_openapi::{
    api::{
        admissionregistration::v1::{
            MutatingWebhookConfiguration, RuleWithOperations, ValidatingWebhookConfiguration,
            WebhookClientConfig,
        },
        core::v1::{Namespace, Service},
        discovery::v1::EndpointSlice,
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, ObjectMeta},
};

use super::{AdmissionRefusal, BrokenWebhook, RefusalKind, WebhookFault};
use crate::{
    ObjectRef,
    call::{Answer, Call, CallError, Class, absent},
};

/// How long the search may take: it only explains a failure that is already known.
const PATIENCE: Duration = Duration::from_secs(3);

/// A webhook that every matching call must pass.
struct Hook {
    webhook: BrokenWebhook,
    rules: Vec<RuleWithOperations>,
    objects: Option<LabelSelector>,
    namespaces: Option<LabelSelector>,
}

impl Hook {
    /// Whether it is known that the webhook cannot answer.
    fn is_broken(&self) -> bool {
        match self.webhook.fault {
            WebhookFault::ServiceAbsent(_) | WebhookFault::NoEndpoints(_) => true,
            WebhookFault::MayNotAnswer(_) => false,
        }
    }

    fn covers(&self, object: &ObjectRef, operations: &[&str]) -> bool {
        self.rules.iter().any(|rule| covers(rule, object, operations))
    }
}

/// The broken webhooks of a cluster.
pub(crate) struct Broken(Vec<Hook>);

impl Broken {
    /// Searches for broken webhooks. Returns none if the search takes too long or is forbidden.
    pub(crate) async fn find(client: &Client) -> Self {
        let found = tokio::time::timeout(PATIENCE, find(client)).await.ok().and_then(Result::ok);
        Self(found.unwrap_or_default().into_iter().filter(Hook::is_broken).collect())
    }

    /// Returns the first broken webhook that a call on `object`, which has these labels, must pass.
    pub(crate) fn hit_labelled(
        &self,
        object: &ObjectRef,
        labels: &BTreeMap<String, String>,
        operations: &[&str],
    ) -> Option<&BrokenWebhook> {
        let hook = self.0.iter().find(|hook| {
            hook.objects.as_ref().is_none_or(|selector| selects(selector, labels))
                && hook.covers(object, operations)
        })?;
        Some(&hook.webhook)
    }
}

/// Returns the rejection of `call`, if webhooks explain its answer.
pub(crate) async fn refusal(client: &Client, call: &Call, answer: &Answer) -> Option<AdmissionRefusal> {
    let kind = blame(client, &call.object, call.verb.operations(), answer).await?;
    Some(AdmissionRefusal { object: call.object.clone(), kind, answer: answer.clone() })
}

/// Names the webhooks in the error of a call on an object, if they explain it. `operations` are those of the call in the
/// words of webhooks, such as `UPDATE`.
pub async fn name_webhooks(client: &Client, error: CallError, operations: &[&str]) -> CallError {
    let CallError { what, object, class } = error;
    let class = match (*class, &object) {
        (Class::ServerError(answer), Some(object)) => {
            match blame(client, object, operations, &answer).await {
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

/// Returns the webhook that a call on `object` must pass and that cannot answer, else all that it must pass. `None` if
/// the answer has another cause, or the search takes too long or is forbidden.
async fn blame(
    client: &Client,
    object: &ObjectRef,
    operations: &[&str],
    answer: &Answer,
) -> Option<RefusalKind> {
    // The API server's answer if a webhook fails.
    if answer.code != 500 || answer.reason != "InternalError" {
        return None;
    }
    let search = async { futures::join!(find(client), namespace_labels(client, object)) };
    let (hooks, labels) = tokio::time::timeout(PATIENCE, search).await.ok()?;
    let in_namespace = |hook: &Hook| match (&hook.namespaces, &labels) {
        (Some(selector), Some(labels)) => selects(selector, labels),
        (Some(_) | None, _) => true,
    };
    let mut passed: Vec<Hook> = hooks
        .ok()?
        .into_iter()
        .filter(|hook| hook.covers(object, operations) && in_namespace(hook))
        .collect();
    if let Some(broken) = passed.iter().position(Hook::is_broken) {
        return Some(RefusalKind::Webhook(passed.swap_remove(broken).webhook));
    }
    let suspects: Vec<BrokenWebhook> = passed.into_iter().map(|hook| hook.webhook).collect();
    (!suspects.is_empty()).then_some(RefusalKind::SuspectWebhooks(suspects))
}

/// Returns the labels of an object's namespace; `None` if it has no namespace or they cannot be read.
async fn namespace_labels(client: &Client, object: &ObjectRef) -> Option<BTreeMap<String, String>> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let live = namespaces.get_metadata(object.namespace.as_deref()?).await.ok()?;
    Some(live.labels().clone())
}

/// A webhook: the fields that validating and mutating webhooks have in common.
struct Webhook {
    configuration: ObjectRef,
    name: String,
    client: WebhookClientConfig,
    ignored: bool,
    rules: Vec<RuleWithOperations>,
    objects: Option<LabelSelector>,
    namespaces: Option<LabelSelector>,
}

/// Returns the webhooks that matching calls must pass.
async fn find(client: &Client) -> Result<Vec<Hook>, kube::Error> {
    let every = ListParams::default();
    let (validating, mutating): (Api<ValidatingWebhookConfiguration>, Api<MutatingWebhookConfiguration>) =
        (Api::all(client.clone()), Api::all(client.clone()));
    let (validating, mutating) = futures::try_join!(validating.list(&every), mutating.list(&every))?;
    let mut webhooks = Vec::new();
    for configuration in validating {
        let reference = reference("ValidatingWebhookConfiguration", &configuration.metadata);
        webhooks.extend(configuration.webhooks.into_iter().flatten().map(|one| Webhook {
            configuration: reference.clone(),
            name: one.name,
            client: one.client_config,
            ignored: one.failure_policy.as_deref() == Some("Ignore"),
            rules: one.rules.unwrap_or_default(),
            objects: one.object_selector,
            namespaces: one.namespace_selector,
        }));
    }
    for configuration in mutating {
        let reference = reference("MutatingWebhookConfiguration", &configuration.metadata);
        webhooks.extend(configuration.webhooks.into_iter().flatten().map(|one| Webhook {
            configuration: reference.clone(),
            name: one.name,
            client: one.client_config,
            ignored: one.failure_policy.as_deref() == Some("Ignore"),
            rules: one.rules.unwrap_or_default(),
            objects: one.object_selector,
            namespaces: one.namespace_selector,
        }));
    }
    let looks = webhooks.into_iter().filter(|webhook| !webhook.ignored).map(|webhook| hook(client, webhook));
    Ok(join_all(looks).await)
}

fn reference(kind: &str, metadata: &ObjectMeta) -> ObjectRef {
    ObjectRef::new(
        "admissionregistration.k8s.io/v1",
        kind,
        None,
        metadata.name.as_deref().unwrap_or_default(),
    )
}

/// Returns the webhook with the known or possible reason why it does not answer.
async fn hook(client: &Client, webhook: Webhook) -> Hook {
    let Webhook { configuration, name, client: reached, ignored: _, rules, objects, namespaces } = webhook;
    let fault = match reached.service {
        None => WebhookFault::MayNotAnswer(reached.url.unwrap_or_default()),
        Some(service) => {
            service_fault(client, ObjectRef::new("v1", "Service", Some(&service.namespace), &service.name))
                .await
        }
    };
    Hook { webhook: BrokenWebhook { configuration, webhook: name, fault }, rules, objects, namespaces }
}

async fn service_fault(client: &Client, service: ObjectRef) -> WebhookFault {
    let services: Api<Service> =
        Api::namespaced(client.clone(), service.namespace.as_deref().unwrap_or_default());
    let live = match services.get(&service.name).await {
        Ok(live) => live,
        Err(error) if absent(&error) => return WebhookFault::ServiceAbsent(service),
        Err(_) => return WebhookFault::MayNotAnswer(service.to_string()),
    };
    let elsewhere = live.spec.is_some_and(|spec| spec.type_.as_deref() == Some("ExternalName"));
    let ready = ready(client, &service).await;
    match ready {
        Ok(false) if !elsewhere => WebhookFault::NoEndpoints(service),
        Ok(_) | Err(_) => WebhookFault::MayNotAnswer(service.to_string()),
    }
}

/// Returns whether a Service has a ready pod.
async fn ready(client: &Client, service: &ObjectRef) -> Result<bool, kube::Error> {
    let namespace = service.namespace.as_deref().unwrap_or_default();
    let slices: Api<EndpointSlice> = Api::namespaced(client.clone(), namespace);
    let own = ListParams::default().labels(&format!("kubernetes.io/service-name={}", service.name));
    let slices = slices.list(&own).await?;
    Ok(slices
        .items
        .iter()
        .flat_map(|slice| &slice.endpoints)
        .any(|endpoint| endpoint.conditions.as_ref().and_then(|conditions| conditions.ready).unwrap_or(true)))
}

fn covers(rule: &RuleWithOperations, object: &ObjectRef, operations: &[&str]) -> bool {
    let (group, version) = object.group_version();
    let plural = object.resource().plural;
    let named =
        |list: &Option<Vec<String>>, name: &str| list.iter().flatten().any(|one| one == "*" || one == name);
    let resource = rule.resources.iter().flatten().any(|one| one == "*" || one == "*/*" || *one == plural);
    let scope = match rule.scope.as_deref() {
        Some("Namespaced") => object.namespace.is_some(),
        Some("Cluster") => object.namespace.is_none(),
        _ => true,
    };
    let operation = operations.iter().any(|operation| named(&rule.operations, operation));
    named(&rule.api_groups, group) && named(&rule.api_versions, version) && resource && scope && operation
}

fn selects(selector: &LabelSelector, labels: &BTreeMap<String, String>) -> bool {
    let equal = selector.match_labels.iter().flatten().all(|(key, value)| labels.get(key) == Some(value));
    let expressed = selector.match_expressions.iter().flatten().all(|expression| {
        let value = labels.get(&expression.key);
        let among = || value.is_some_and(|value| expression.values.iter().flatten().any(|one| one == value));
        match expression.operator.as_str() {
            "In" => among(),
            "NotIn" => !among(),
            "Exists" => value.is_some(),
            "DoesNotExist" => value.is_none(),
            _ => true,
        }
    });
    equal && expressed
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(value: serde_json::Value) -> RuleWithOperations {
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn rule_covers_an_object_by_group_resource_scope_and_operation() {
        let deployment = ObjectRef::new("apps/v1", "Deployment", Some("a"), "b");
        let every =
            json!({"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"], "operations": ["*"]});
        assert!(covers(&rule(every.clone()), &deployment, &["UPDATE"]));
        for (key, value, covered) in [
            ("apiGroups", json!(["apps"]), true),
            ("apiGroups", json!([""]), false),
            ("resources", json!(["deployments"]), true),
            ("resources", json!(["deployments/scale"]), false),
            ("operations", json!(["DELETE"]), false),
            ("operations", json!(["UPDATE"]), true),
            ("scope", json!("Cluster"), false),
            ("scope", json!("*"), true),
        ] {
            let mut changed = every.clone();
            changed[key] = value;
            assert_eq!(covers(&rule(changed.clone()), &deployment, &["UPDATE"]), covered, "{changed}");
        }
    }

    #[test]
    fn selector_selects_by_labels_and_expressions() {
        let labels = BTreeMap::from([("a".to_owned(), "1".to_owned())]);
        for (selector, selected) in [
            (json!({}), true),
            (json!({"matchLabels": {"a": "1"}}), true),
            (json!({"matchLabels": {"a": "2"}}), false),
            (json!({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["1"]}]}), false),
            (json!({"matchExpressions": [{"key": "b", "operator": "DoesNotExist"}]}), true),
        ] {
            let parsed: LabelSelector = serde_json::from_value(selector.clone()).unwrap();
            assert_eq!(selects(&parsed, &labels), selected, "{selector}");
        }
    }
}
