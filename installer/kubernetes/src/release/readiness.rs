//! Whether what was applied works, and if not, why: what Kubernetes says, in words.

use std::time::{Duration, Instant};

use k8s_openapi::{
    api::{apps::v1::Deployment, core::v1::Pod},
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client,
    api::{DynamicObject, ListParams},
};
use serde::de::DeserializeOwned;

use super::{Release, ReleaseError};
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
    match reference.kind.as_str() {
        "Deployment" => {
            let Some(deployment) = typed::<Deployment>(live) else { return Ok(None) };
            let Some(progress) = replicas(&deployment) else { return Ok(None) };
            let reason = reason(client, reference, &deployment).await?;
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
    let containers =
        status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten());
    for container in containers {
        let state = container.state.clone().unwrap_or_default();
        if let Some(waiting) = state.waiting {
            let message = waiting.message.unwrap_or_default();
            match waiting.reason.as_deref() {
                Some("ErrImagePull" | "ImagePullBackOff" | "ErrImageNeverPull" | "InvalidImageName") => {
                    return Some(format!("image pull: {message}"));
                }
                Some("CrashLoopBackOff") => {
                    let last = container.last_state.clone().and_then(|state| state.terminated);
                    let code = last.map_or(0, |last| last.exit_code);
                    return Some(format!(
                        "container {} ends with status {code} again and again",
                        container.name
                    ));
                }
                Some("CreateContainerConfigError" | "CreateContainerError" | "RunContainerError") => {
                    return Some(format!("container {} cannot start: {message}", container.name));
                }
                _ => {}
            }
        }
    }
    None
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
    fn reasons_are_in_words_that_people_use() {
        let waiting = |reason: &str| {
            pod(json!({"containerStatuses": [{
                "name": "operator", "image": "", "imageID": "", "ready": false, "restartCount": 3,
                "state": {"waiting": {"reason": reason, "message": "no such host"}},
                "lastState": {"terminated": {"exitCode": 101}}
            }]}))
        };
        assert_eq!(trouble(&waiting("ImagePullBackOff")).unwrap(), "image pull: no such host");
        assert_eq!(
            trouble(&waiting("CrashLoopBackOff")).unwrap(),
            "container operator ends with status 101 again and again"
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
