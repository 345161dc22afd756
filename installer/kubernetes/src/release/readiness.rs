//! The readiness of an applied object, and the reason if it is not ready.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::{
    api::{apps::v1::Deployment, core::v1::Pod},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, ResourceExt,
    api::{DynamicObject, ListParams},
};
use serde::de::DeserializeOwned;

use super::pods::{Trouble, trouble};
use crate::{
    Error, ObjectRef, Waiting,
    call::{ApiServer, Call, Verb},
};

/// An object that is not ready yet.
pub(super) struct Unready {
    pub(super) waiting: Waiting,
    /// The message of the `ReplicaSet` controller, if admission rejects the pods.
    pub(super) rejected: Option<String>,
    /// How long this reason may last before the wait ends, if that is known.
    pub(super) may_last: Option<Duration>,
}

impl Unready {
    pub(super) fn waiting(waiting: Waiting) -> Self {
        Self { waiting, rejected: None, may_last: None }
    }
}

/// Returns why `live` is not ready yet; `None` if it is ready or its kind has no readiness.
pub(super) async fn of(
    server: ApiServer<'_>,
    reference: &ObjectRef,
    live: &DynamicObject,
    before: &mut TroubledBefore,
) -> Result<Option<Unready>, Error> {
    if live.metadata.deletion_timestamp.is_some() {
        return Ok(Some(Unready::waiting(Waiting::deletion(reference.clone(), live.finalizers()))));
    }
    match reference.kind.as_str() {
        "Deployment" => {
            let Some(deployment) = typed::<Deployment>(live) else { return Ok(None) };
            let Some(progress) = replicas(&deployment) else { return Ok(None) };
            let rejected = rejected(&deployment);
            let trouble = match &rejected {
                Some(message) => Some(format!("pods rejected: {message}").into()),
                None => before.reason(pods_of(server, reference, &deployment).await?.iter()),
            };
            let may_last = trouble.as_ref().and_then(|trouble| trouble.may_last);
            let reason = trouble.map(|trouble| trouble.why);
            let waiting = Waiting { object: reference.clone(), progress, reason };
            Ok(Some(Unready { waiting, rejected, may_last }))
        }
        "CustomResourceDefinition" => {
            let established = typed::<CustomResourceDefinition>(live).is_some_and(|crd| {
                let conditions = crd.status.and_then(|status| status.conditions).unwrap_or_default();
                conditions
                    .iter()
                    .any(|condition| condition.type_ == "Established" && condition.status == "True")
            });
            let waiting = || Waiting {
                object: reference.clone(),
                progress: "not established".to_owned(),
                reason: None,
            };
            Ok((!established).then(|| Unready::waiting(waiting())))
        }
        _ => Ok(None),
    }
}

fn typed<K: DeserializeOwned>(object: &DynamicObject) -> Option<K> {
    serde_json::from_value(serde_json::to_value(object).ok()?).ok()
}

/// Returns the number of ready replicas, unless all replicas of the newest template are ready.
fn replicas(deployment: &Deployment) -> Option<String> {
    let wanted = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let status = deployment.status.clone().unwrap_or_default();
    let seen = status.observed_generation == deployment.metadata.generation;
    let updated = status.updated_replicas.unwrap_or_default();
    let ready = status.available_replicas.unwrap_or_default().min(updated);
    let all = status.replicas.unwrap_or_default();
    (!(seen && ready == wanted && all == wanted))
        .then(|| format!("{} of {wanted} ready", if seen { ready } else { 0 }))
}

/// Returns why no pod is created, if so: a quota, a policy, an admission webhook.
fn rejected(deployment: &Deployment) -> Option<String> {
    let conditions = deployment.status.as_ref()?.conditions.as_deref()?;
    let failure = conditions
        .iter()
        .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")?;
    Some(failure.message.clone().unwrap_or_else(|| "no reason given".to_owned()))
}

/// The pods that were in trouble when a wait began. Their trouble does not end the wait, because it may be older than the
/// change that is waited for: a pod of the former template stays until a new one is ready.
#[derive(Default)]
pub(super) struct TroubledBefore(Option<BTreeSet<String>>);

impl TroubledBefore {
    /// Returns the trouble of the first pod that was not in trouble before, else of the first other one.
    fn reason<'a>(&mut self, pods: impl Iterator<Item = &'a Pod>) -> Option<Trouble> {
        let troubled: Vec<(String, Trouble)> =
            pods.filter_map(|pod| Some((pod.uid()?, trouble(pod)?))).collect();
        let before = self.0.get_or_insert_with(|| troubled.iter().map(|(uid, _)| uid.clone()).collect());
        let (old, mut new): (Vec<_>, Vec<_>) =
            troubled.into_iter().partition(|(uid, _)| before.contains(uid));
        if new.is_empty() {
            return old.into_iter().next().map(|(_, Trouble { why, may_last: _ })| why.into());
        }
        Some(new.swap_remove(0).1)
    }
}

async fn pods_of(
    server: ApiServer<'_>,
    reference: &ObjectRef,
    deployment: &Deployment,
) -> Result<Vec<Pod>, Error> {
    let labels = deployment.spec.as_ref().and_then(|spec| spec.selector.match_labels.as_ref());
    let selector: Vec<String> =
        labels.into_iter().flatten().map(|(key, value)| format!("{key}={value}")).collect();
    let own = ListParams::default().labels(&selector.join(","));
    let namespace = reference.namespace.as_deref().unwrap_or("default");
    let api: Api<Pod> = Api::namespaced(server.client.clone(), namespace);
    let call = Call::new(Verb::List, &ObjectRef::all("v1", "Pod", Some(namespace)));
    Ok(server.call(&call, || async { api.list(&own).await }).await?.items)
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "the calls read better with a value")]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(generation: i64, status: serde_json::Value) -> Deployment {
        serde_json::from_value(json!({
            "metadata": {"name": "a", "generation": generation},
            "spec": {"replicas": 2, "selector": {}, "template": {}},
            "status": status
        }))
        .unwrap()
    }

    #[test]
    fn trouble_from_before_the_wait_does_not_end_it() {
        let pod = |uid: &str| -> Pod {
            serde_json::from_value(json!({"metadata": {"uid": uid}, "status": {"containerStatuses": [{
                "name": uid, "image": "", "imageID": "", "ready": false, "restartCount": 3,
                "state": {"waiting": {"reason": "CrashLoopBackOff"}}
            }]}}))
            .unwrap()
        };
        let mut before = TroubledBefore::default();
        let (old, new) = (pod("old"), pod("new"));
        let first = before.reason([&old].into_iter()).unwrap();
        assert!(first.why.contains("old") && first.may_last.is_none(), "{first:?}");
        let later = before.reason([&old, &new].into_iter()).unwrap();
        assert!(later.why.contains("new") && later.may_last.is_some(), "{later:?}");
    }

    #[test]
    fn deployment_is_ready_when_all_pods_of_its_newest_template_are() {
        let ready =
            json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2});
        assert_eq!(replicas(&deployment(2, ready.clone())), None);
        assert_eq!(replicas(&deployment(3, ready)), Some("0 of 2 ready".to_owned()));
        let old =
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1, "availableReplicas": 3});
        assert_eq!(replicas(&deployment(2, old)), Some("1 of 2 ready".to_owned()));
    }

    #[test]
    fn rejected_pods_are_reported() {
        let refusal = json!({"conditions": [
            {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: pods"}
        ]});
        assert_eq!(rejected(&deployment(1, refusal)).unwrap(), "exceeded quota: pods");
        assert_eq!(rejected(&deployment(1, json!({"conditions": []}))), None);
    }
}
