//! The webhooks of a cluster, and the Services that they call.

use k8s_openapi::api::{
    admissionregistration::v1::{
        MutatingWebhook, MutatingWebhookConfiguration, ValidatingWebhook, ValidatingWebhookConfiguration,
        WebhookClientConfig,
    },
    core::v1::Service,
    discovery::v1::EndpointSlice,
};
use kube::{
    Api, Client,
    api::{ListParams, ObjectMeta},
};

use super::{BrokenWebhook, Called, WebhookFault, matching::Selection};
use crate::{ObjectRef, call::absent};

/// A webhook that fails the calls that it does not answer.
pub(super) struct Hook {
    configuration: ObjectRef,
    name: String,
    client: WebhookClientConfig,
    pub(super) selection: Selection,
}

/// Returns every webhook with `failurePolicy: Fail`, the default.
pub(super) async fn hooks(client: &Client) -> Result<Vec<Hook>, kube::Error> {
    let every = ListParams::default();
    let (validating, mutating): (Api<ValidatingWebhookConfiguration>, Api<MutatingWebhookConfiguration>) =
        (Api::all(client.clone()), Api::all(client.clone()));
    let (validating, mutating) = futures::try_join!(validating.list(&every), mutating.list(&every))?;
    let mut hooks = Vec::new();
    for configuration in validating {
        let reference = reference("ValidatingWebhookConfiguration", &configuration.metadata);
        let webhooks = configuration.webhooks.into_iter().flatten();
        hooks.extend(webhooks.filter_map(|webhook| hook(&reference, webhook)));
    }
    for configuration in mutating {
        let reference = reference("MutatingWebhookConfiguration", &configuration.metadata);
        let webhooks = configuration.webhooks.into_iter().flatten().map(as_validating);
        hooks.extend(webhooks.filter_map(|webhook| hook(&reference, webhook)));
    }
    Ok(hooks)
}

fn reference(kind: &str, metadata: &ObjectMeta) -> ObjectRef {
    ObjectRef::new(
        "admissionregistration.k8s.io/v1",
        kind,
        None,
        metadata.name.as_deref().unwrap_or_default(),
    )
}

fn hook(configuration: &ObjectRef, webhook: ValidatingWebhook) -> Option<Hook> {
    if webhook.failure_policy.as_deref() == Some("Ignore") {
        return None;
    }
    let selection = Selection::of(&webhook);
    let ValidatingWebhook { name, client_config, .. } = webhook;
    Some(Hook { configuration: configuration.clone(), name, client: client_config, selection })
}

/// Returns the fields that validating and mutating webhooks have in common.
fn as_validating(webhook: MutatingWebhook) -> ValidatingWebhook {
    let MutatingWebhook {
        admission_review_versions,
        client_config,
        failure_policy,
        match_conditions,
        match_policy,
        name,
        namespace_selector,
        object_selector,
        reinvocation_policy: _,
        rules,
        side_effects,
        timeout_seconds,
    } = webhook;
    ValidatingWebhook {
        admission_review_versions,
        client_config,
        failure_policy,
        match_conditions,
        match_policy,
        name,
        namespace_selector,
        object_selector,
        rules,
        side_effects,
        timeout_seconds,
    }
}

/// Returns the webhook with the known or possible reason why it does not answer.
pub(super) async fn look(client: &Client, hook: Hook, called: Called) -> (Selection, BrokenWebhook) {
    let Hook { configuration, name, client: reached, selection } = hook;
    let fault = match reached.service {
        None => WebhookFault::MayNotAnswer(reached.url.unwrap_or_default()),
        Some(service) => {
            service_fault(client, ObjectRef::new("v1", "Service", Some(&service.namespace), &service.name))
                .await
        }
    };
    (selection, BrokenWebhook { configuration, webhook: name, called, fault })
}

async fn service_fault(client: &Client, service: ObjectRef) -> WebhookFault {
    let services: Api<Service> =
        Api::namespaced(client.clone(), service.namespace.as_deref().unwrap_or_default());
    let live = match services.get(&service.name).await {
        Ok(live) => live,
        Err(error) if absent(&error) => return WebhookFault::ServiceAbsent(service),
        Err(error) => {
            tracing::debug!(%error, %service, "the Service of a webhook was not read");
            return WebhookFault::MayNotAnswer(service.to_string());
        }
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
