//! Finds webhooks that cannot answer, by their configurations and the Services that these name, not by the text of an
//! error.

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;
use k8s_openapi::{
    api::{
        admissionregistration::v1::{
            MutatingWebhookConfiguration, RuleWithOperations, ValidatingWebhookConfiguration,
            WebhookClientConfig,
        },
        core::v1::Service,
        discovery::v1::EndpointSlice,
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use kube::{
    Api, Client,
    api::{ListParams, ObjectMeta},
};

use super::{AdmissionRefusal, BrokenWebhook, RefusalKind, WebhookFault};
use crate::{
    ObjectRef,
    call::{Answer, Call, absent},
};

/// How long the search may take: it only explains a failure that is already known.
const PATIENCE: Duration = Duration::from_secs(3);

/// The calls that a webhook receives.
struct Hook {
    broken: BrokenWebhook,
    rules: Vec<RuleWithOperations>,
    objects: Option<LabelSelector>,
}

/// The broken webhooks of a cluster.
pub(crate) struct Broken(Vec<Hook>);

impl Broken {
    /// Searches for broken webhooks. Returns none if the search takes too long or is forbidden.
    pub(crate) async fn find(client: &Client) -> Self {
        Self(tokio::time::timeout(PATIENCE, find(client)).await.ok().and_then(Result::ok).unwrap_or_default())
    }

    /// Returns the first broken webhook that a call on `object` must pass.
    pub(crate) fn hit(&self, object: &ObjectRef, operations: &[&str]) -> Option<&BrokenWebhook> {
        let hook =
            self.0.iter().find(|hook| hook.rules.iter().any(|rule| covers(rule, object, operations)))?;
        Some(&hook.broken)
    }

    /// The same, also by the object's labels.
    pub(crate) fn hit_labelled(
        &self,
        object: &ObjectRef,
        labels: &BTreeMap<String, String>,
        operations: &[&str],
    ) -> Option<&BrokenWebhook> {
        let hook = self.0.iter().find(|hook| {
            hook.objects.as_ref().is_none_or(|selector| selects(selector, labels))
                && hook.rules.iter().any(|rule| covers(rule, object, operations))
        })?;
        Some(&hook.broken)
    }
}

/// Returns the rejection of `call`, if a broken webhook explains its answer.
pub(crate) async fn refusal(client: &Client, call: &Call, answer: &Answer) -> Option<AdmissionRefusal> {
    let broken = Broken::find(client).await;
    let webhook = broken.hit(&call.object, call.verb.operations())?;
    Some(AdmissionRefusal {
        object: call.object.clone(),
        kind: RefusalKind::Webhook(webhook.clone()),
        answer: answer.clone(),
    })
}

/// A webhook: the fields that validating and mutating webhooks have in common.
struct Webhook {
    configuration: ObjectRef,
    name: String,
    client: WebhookClientConfig,
    ignored: bool,
    rules: Vec<RuleWithOperations>,
    objects: Option<LabelSelector>,
}

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
        }));
    }
    let looks = webhooks.into_iter().filter(|webhook| !webhook.ignored).map(|webhook| hook(client, webhook));
    let hooks: Result<Vec<Option<Hook>>, kube::Error> = join_all(looks).await.into_iter().collect();
    Ok(hooks?.into_iter().flatten().collect())
}

fn reference(kind: &str, metadata: &ObjectMeta) -> ObjectRef {
    ObjectRef::new(
        "admissionregistration.k8s.io/v1",
        kind,
        None,
        metadata.name.as_deref().unwrap_or_default(),
    )
}

/// Returns the webhook if it cannot answer.
async fn hook(client: &Client, webhook: Webhook) -> Result<Option<Hook>, kube::Error> {
    let Webhook { configuration, name, client: reached, ignored: _, rules, objects } = webhook;
    let Some(service) = reached.service else { return Ok(None) };
    let found = ObjectRef::new("v1", "Service", Some(&service.namespace), &service.name);
    let services: Api<Service> = Api::namespaced(client.clone(), &service.namespace);
    let fault = match services.get(&service.name).await {
        Ok(live) if live.spec.as_ref().and_then(|spec| spec.type_.as_deref()) == Some("ExternalName") => {
            return Ok(None);
        }
        Ok(_) if ready(client, &found).await? => return Ok(None),
        Ok(_) => WebhookFault::NoEndpoints(found),
        Err(error) if absent(&error) => WebhookFault::ServiceAbsent(found),
        Err(error) => return Err(error),
    };
    let broken = BrokenWebhook { configuration, webhook: name, fault };
    Ok(Some(Hook { broken, rules, objects }))
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
