//! Whether what was applied works, and if not, why: what Kubernetes says, in words.

use std::time::{Duration, Instant};

use k8s_openapi::{
    api::{
        apps::v1::Deployment,
        core::v1::{ContainerStateTerminated, ContainerStatus, Pod},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DynamicObject, ListParams},
};
use serde::de::DeserializeOwned;

use super::{Release, ReleaseError, observe::leaving};
use crate::{
    Error, ObjectRef, Waiting,
    call::{if_there, retried},
    waiting::Tell,
};

/// Something was not ready in time.
#[derive(Debug, thiserror::Error)]
#[error("gave up after {} s {waiting}", .after.as_secs())]
pub struct NotReady {
    /// How long it was waited for.
    pub after: Duration,
    /// What for, and the last reason.
    pub waiting: Waiting,
}

/// How often is looked.
const PERIOD: Duration = Duration::from_millis(250);

/// Waits until every object of `release` works, and tells what is waited for each time that changes.
pub async fn wait_ready(
    client: &Client,
    release: &Release,
    patience: Duration,
    tell: Tell<'_>,
) -> Result<(), ReleaseError> {
    let start = Instant::now();
    for object in &release.objects {
        let reference = ObjectRef::of(object);
        let api = reference.api(client);
        let mut told = None;
        loop {
            let live = retried(
                || format!("read {reference}"),
                || async { if_there(api.get(&reference.name).await) },
            )
            .await?;
            let waiting = match live {
                Some(live) => of(client, &reference, &live).await?,
                None => {
                    Some(Waiting { object: reference.clone(), progress: "absent".to_owned(), reason: None })
                }
            };
            let Some(waiting) = waiting else { break };
            if start.elapsed() > patience {
                return Err(NotReady { after: start.elapsed(), waiting }.into());
            }
            if told.as_ref() != Some(&waiting) {
                tell(&waiting);
                told = Some(waiting);
            }
            tokio::time::sleep(PERIOD).await;
        }
    }
    Ok(())
}

/// What keeps `live` from working; nothing where it works, or is of a kind that just is.
pub(crate) async fn of(
    client: &Client,
    reference: &ObjectRef,
    live: &DynamicObject,
) -> Result<Option<Waiting>, Error> {
    if live.metadata.deletion_timestamp.is_some() {
        return Ok(Some(leaving(reference.clone(), live.finalizers())));
    }
    match reference.kind.as_str() {
        "Deployment" => {
            let Some(deployment) = typed::<Deployment>(live) else { return Ok(None) };
            let Some(progress) = replicas(&deployment) else { return Ok(None) };
            let reason = match refused(&deployment) {
                Some(reason) => Some(reason),
                None => reason(client, reference, &deployment).await?,
            };
            Ok(Some(Waiting { object: reference.clone(), progress, reason }))
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
            Ok((!established).then(waiting))
        }
        _ => Ok(None),
    }
}

fn typed<K: DeserializeOwned>(object: &DynamicObject) -> Option<K> {
    serde_json::from_value(serde_json::to_value(object).ok()?).ok()
}

/// How many are ready of how many, where not all are, or not all of them of the newest template.
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

/// Why no pod gets made, where that is so: a quota, a policy, an admission webhook.
fn refused(deployment: &Deployment) -> Option<String> {
    let conditions = deployment.status.as_ref()?.conditions.as_deref()?;
    let failure = conditions
        .iter()
        .find(|condition| condition.type_ == "ReplicaFailure" && condition.status == "True")?;
    Some(format!("pods refused: {}", failure.message.as_deref().unwrap_or("no reason given")))
}

async fn reason(
    client: &Client,
    reference: &ObjectRef,
    deployment: &Deployment,
) -> Result<Option<String>, Error> {
    let selector = deployment
        .spec
        .as_ref()
        .and_then(|spec| spec.selector.match_labels.as_ref())
        .map(|labels| {
            labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
        })
        .unwrap_or_default();
    let namespace = reference.namespace.as_deref().unwrap_or("default");
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let pods = retried(
        || format!("list pods of {reference}"),
        || async { api.list(&ListParams::default().labels(&selector)).await },
    )
    .await?;
    Ok(pods.items.iter().find_map(trouble))
}

/// What keeps a pod from being ready, in words; nothing where it is ready or on its way.
pub(crate) fn trouble(pod: &Pod) -> Option<String> {
    let status = pod.status.as_ref()?;
    let conditions = status.conditions.as_deref().unwrap_or_default();
    if let Some(condition) =
        conditions.iter().find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")
    {
        let message = condition.message.as_deref().unwrap_or("no node fits");
        return Some(format!("unschedulable: {message}"));
    }
    let mut containers =
        status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten());
    containers.find_map(container_trouble)
}

fn container_trouble(status: &ContainerStatus) -> Option<String> {
    let state = status.state.as_ref()?;
    let name = &status.name;
    if let Some(waiting) = &state.waiting {
        let message = waiting.message.as_deref().unwrap_or_default();
        return match waiting.reason.as_deref()? {
            "ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "InvalidImageName" => {
                Some(format!("image pull: {message}"))
            }
            "CrashLoopBackOff" => {
                let last = status.last_state.as_ref().and_then(|last| last.terminated.as_ref());
                Some(match last {
                    Some(last) => format!("{} again and again", ended(name, last)),
                    None => format!("container {name} ends again and again"),
                })
            }
            "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
                Some(format!("container {name} cannot start: {message}"))
            }
            _ => None,
        };
    }
    if let Some(terminated) = &state.terminated {
        return (terminated.exit_code != 0).then(|| ended(name, terminated));
    }
    let starting = status.started == Some(false);
    (state.running.is_some() && !status.ready && !starting)
        .then(|| format!("container {name} runs, and does not say yet that it is ready"))
}

/// How a container ended, with its last words where the kubelet kept them.
fn ended(name: &str, last: &ContainerStateTerminated) -> String {
    let words = last.message.as_deref().unwrap_or_default().trim();
    let words = words.lines().last().map(|line| format!(" ({line})")).unwrap_or_default();
    match last.reason.as_deref() {
        Some("OOMKilled") => format!("container {name} needs more memory than its limit, and ends"),
        _ => format!("container {name} ends with status {}{words}", last.exit_code),
    }
}

#[cfg(test)]
#[expect(clippy::needless_pass_by_value, reason = "the calls read better with a value")]
mod tests {
    use serde_json::json;

    use super::*;

    fn pod(status: serde_json::Value) -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "a"}, "status": status})).unwrap()
    }

    fn deployment(generation: i64, status: serde_json::Value) -> Deployment {
        serde_json::from_value(json!({
            "metadata": {"name": "a", "generation": generation},
            "spec": {"replicas": 2, "selector": {}, "template": {}},
            "status": status
        }))
        .unwrap()
    }

    #[test]
    fn deployment_is_ready_when_all_of_its_newest_template_are() {
        let ready =
            json!({"observedGeneration": 2, "replicas": 2, "updatedReplicas": 2, "availableReplicas": 2});
        assert_eq!(replicas(&deployment(2, ready.clone())), None);
        assert_eq!(replicas(&deployment(3, ready)), Some("0 of 2 ready".to_owned()));
        let old =
            json!({"observedGeneration": 2, "replicas": 3, "updatedReplicas": 1, "availableReplicas": 3});
        assert_eq!(replicas(&deployment(2, old)), Some("1 of 2 ready".to_owned()));
    }

    #[test]
    fn pods_that_are_refused_are_told() {
        let refusal = json!({"conditions": [
            {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: pods"}
        ]});
        assert_eq!(refused(&deployment(1, refusal)).unwrap(), "pods refused: exceeded quota: pods");
        assert_eq!(refused(&deployment(1, json!({"conditions": []}))), None);
    }

    #[test]
    fn container_that_runs_and_is_not_ready_is_told_after_its_start() {
        let running = |ready: bool, started: bool| {
            pod(json!({"containerStatuses": [{
                "name": "operator", "image": "", "imageID": "", "restartCount": 0,
                "ready": ready, "started": started, "state": {"running": {}}
            }]}))
        };
        assert_eq!(trouble(&running(true, true)), None);
        assert_eq!(trouble(&running(false, false)), None);
        assert_eq!(
            trouble(&running(false, true)).unwrap(),
            "container operator runs, and does not say yet that it is ready"
        );
    }

    #[test]
    fn reasons_are_in_words_that_people_use() {
        let waiting = |reason: &str| {
            pod(json!({"containerStatuses": [{
                "name": "operator", "image": "", "imageID": "", "ready": false, "restartCount": 3,
                "state": {"waiting": {"reason": reason, "message": "no such host"}},
                "lastState": {"terminated": {"exitCode": 101, "message": "starting\nno lease\n"}}
            }]}))
        };
        assert_eq!(trouble(&waiting("ImagePullBackOff")).unwrap(), "image pull: no such host");
        assert_eq!(
            trouble(&waiting("CrashLoopBackOff")).unwrap(),
            "container operator ends with status 101 (no lease) again and again"
        );
        assert_eq!(trouble(&waiting("ContainerCreating")), None);
        let unschedulable = pod(json!({"conditions": [
            {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 Insufficient cpu."}
        ]}));
        assert_eq!(
            trouble(&unschedulable).unwrap(),
            "unschedulable: 0/1 nodes are available: 1 Insufficient cpu."
        );
    }
}
