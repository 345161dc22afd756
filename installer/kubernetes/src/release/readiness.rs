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

use super::{
    obstacle::Obstacle,
    pods::{Trouble, trouble},
    taints::Taints,
    warnings::Warnings,
};
use crate::{
    Error, ObjectRef, Waiting,
    call::{ApiServer, Call, CallVerb},
};

/// How long no node may take pods because of taints that last.
const LASTING_TAINTS: Duration = Duration::from_mins(1);

/// An object that is not ready yet.
pub(super) struct UnreadyObject {
    pub(super) waiting: Waiting,
    /// The message of the `ReplicaSet` controller, if admission rejects the pods.
    pub(super) rejected: Option<String>,
    /// How long this reason may last before the wait ends, if that is known.
    pub(super) may_last: Option<Duration>,
    /// The taints of nodes, if no node takes the pods.
    pub(super) obstacles: Vec<Obstacle>,
}

impl UnreadyObject {
    pub(super) fn waiting(waiting: Waiting) -> Self {
        Self { waiting, rejected: None, may_last: None, obstacles: Vec::new() }
    }
}

/// The results of earlier looks in the same wait.
#[derive(Default)]
pub(super) struct Earlier {
    crashes: CrashesBefore,
    taints: Taints,
    warnings: Warnings,
}

/// Returns why `live` is not ready yet; `None` if it is ready or its kind has no readiness.
pub(super) async fn of(
    server: ApiServer<'_>,
    reference: &ObjectRef,
    live: &DynamicObject,
    earlier: &mut Earlier,
) -> Result<Option<UnreadyObject>, Error> {
    if live.metadata.deletion_timestamp.is_some() {
        return Ok(Some(UnreadyObject::waiting(Waiting::deletion(reference.clone(), live.finalizers()))));
    }
    match reference.kind.as_str() {
        "Deployment" => {
            let Some(deployment) = typed::<Deployment>(live) else { return Ok(None) };
            let Some(progress) = replicas(&deployment) else { return Ok(None) };
            let rejected = rejected(&deployment);
            let mut obstacles = Vec::new();
            let trouble = match &rejected {
                Some(message) => Some(format!("pods rejected: {message}").into()),
                None => {
                    let pods = pods_of(server, reference, &deployment).await?;
                    let newest = pods.iter().max_by_key(|pod| pod.creation_timestamp()).cloned();
                    let mut found = earlier.crashes.reason(pods);
                    if let (None, Some(pod)) = (&found, newest) {
                        found = earlier.warnings.about(server, &pod).await?.map(Trouble::from);
                    }
                    if let Some(trouble) = found.as_mut().filter(|trouble| trouble.no_node) {
                        let found = earlier.taints.of_nodes(server).await?;
                        trouble.why.push_str(&found.text());
                        trouble.may_last = found.last.then_some(LASTING_TAINTS);
                        obstacles.clone_from(&found.all);
                    }
                    found
                }
            };
            let may_last = trouble.as_ref().and_then(|trouble| trouble.may_last);
            let reason = trouble.map(|trouble| trouble.why);
            let waiting = Waiting { object: reference.clone(), progress, reason };
            Ok(Some(UnreadyObject { waiting, rejected, may_last, obstacles }))
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
            Ok((!established).then(|| UnreadyObject::waiting(waiting())))
        }
        _ => Ok(None),
    }
}

/// Returns the object as its own type.
pub(super) fn typed<K: DeserializeOwned>(object: &DynamicObject) -> Option<K> {
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

/// The crash loops, by pod and number of restarts, that a wait began with. The kubelet pauses for up to 5 min between two
/// starts, so such a crash may be older than the change that is waited for.
#[derive(Default)]
struct CrashesBefore(Option<BTreeSet<(String, i32)>>);

impl CrashesBefore {
    /// Returns the trouble of the newest pod in trouble. Only that of the newest pod of all can end the wait, because pods
    /// of the former template stay until a new one is ready.
    fn reason(&mut self, mut pods: Vec<Pod>) -> Option<Trouble> {
        pods.sort_by_key(|pod| std::cmp::Reverse(pod.creation_timestamp()));
        let crash = |pod: &Pod| Some((pod.uid()?, trouble(pod)?.restarts?));
        let before = self.0.get_or_insert_with(|| pods.iter().filter_map(crash).collect());
        let (place, found) = pods.iter().enumerate().find_map(|(place, pod)| Some((place, trouble(pod)?)))?;
        let known = crash(&pods[place]).is_some_and(|crash| before.contains(&crash));
        // The others, which are of a former template or crashed before, never end it.
        Some(if place > 0 || known { Trouble { may_last: None, ..found } } else { found })
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
    let call = Call::new(CallVerb::List, &ObjectRef::all("v1", "Pod", Some(namespace)));
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
    fn earlier_crash_or_one_of_an_older_pod_is_ignored() {
        let pod = |uid: &str, second: u8, restarts: i32| -> Pod {
            let created = format!("2001-02-03T12:00:{second:02}Z");
            let waiting = json!({"waiting": {"reason": "CrashLoopBackOff"}});
            serde_json::from_value(json!({
                "metadata": {"uid": uid, "creationTimestamp": created},
                "status": {"containerStatuses": [{
                    "name": uid, "image": "", "imageID": "", "ready": false, "restartCount": restarts, "state": waiting
                }]}
            }))
            .unwrap()
        };
        let mut before = CrashesBefore::default();
        let first = before.reason(vec![pod("old", 1, 7)]).unwrap();
        assert!(first.why.contains("old") && first.may_last.is_none(), "{first:?}");
        let again = before.reason(vec![pod("old", 1, 8)]).unwrap();
        assert!(again.may_last.is_some(), "{again:?}");
        let newer = before.reason(vec![pod("old", 1, 8), pod("new", 2, 3)]).unwrap();
        assert!(newer.why.contains("new") && newer.may_last.is_some(), "{newer:?}");
        let starting: Pod = serde_json::from_value(json!({
            "metadata": {"uid": "new", "creationTimestamp": "2001-02-03T12:00:02Z"}, "status": {}
        }))
        .unwrap();
        let older = before.reason(vec![pod("old", 1, 8), starting]).unwrap();
        assert!(older.why.contains("old") && older.may_last.is_none(), "{older:?}");
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
