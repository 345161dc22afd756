//! Waits until a release is ready. A wait ends early if a failure is permanent.

use std::{collections::BTreeMap, time::Duration};

use kube::{Client, api::DynamicObject};
use tokio::time::Instant;

use super::{
    NotReady, Release, ReleaseError,
    look::leaving_namespaces,
    readiness::{self, Earlier, UnreadyObject},
};
use crate::{
    Error, ObjectRef, Pace, Waiting,
    admission::{AdmissionRefusal, PodTrial, RefusalKind, try_pods},
    call::ApiServer,
    pace::Reporter,
};

/// The period between two checks of an object.
const PERIOD: Duration = Duration::from_millis(250);
/// The period between two checks of a CRD, which all other objects wait for.
const CRD_PERIOD: Duration = Duration::from_millis(50);
/// How long pods may be rejected before the wait ends: a quota has room again when other pods end.
const REFUSED: Duration = Duration::from_secs(5);
/// How long they may be rejected if no trial confirms it: the `ReplicaSet` controller retries with growing pauses.
const UNCONFIRMED: Duration = Duration::from_secs(20);

/// Waits until every object of `release` is ready.
pub async fn wait_ready(
    client: &Client,
    release: &Release,
    patience: Duration,
    pace: &dyn Pace,
) -> Result<(), ReleaseError> {
    let server = ApiServer { client, pace };
    let start = Instant::now();
    let mut reporter = Reporter::new(pace);
    for object in &release.objects {
        let reference = ObjectRef::of(object);
        let mut rejection = Rejection::default();
        let mut standing = PermanentSince::default();
        let mut earlier = Earlier::default();
        let period = if reference.kind == "CustomResourceDefinition" { CRD_PERIOD } else { PERIOD };
        loop {
            let live = server.read(&reference).await?;
            let unready = match &live {
                Some(live) => readiness::of(server, &reference, live, &mut earlier).await?,
                None => Some(UnreadyObject::waiting(Waiting::absent(reference.clone()))),
            };
            let Some(UnreadyObject { waiting, rejected, may_last, obstacles }) = unready else { break };
            reporter.report(waiting.clone());
            match (rejected, &live) {
                (Some(message), Some(live)) => {
                    Box::pin(rejection.judge(server, &reference, live, message)).await?;
                }
                (Some(_) | None, _) => rejection = Rejection::default(),
            }
            let stands = standing.lasts(may_last);
            if stands || start.elapsed() > patience {
                return Err(NotReady { after: start.elapsed(), waiting, holder: None, obstacles }.into());
            }
            pace.pause(period).await?;
        }
    }
    // A ready object in a namespace that is being deleted will be deleted as well.
    match leaving_namespaces(server, &release.objects).await?.pop() {
        Some(namespace) => {
            let waiting = Waiting::deletion(namespace, &[]);
            Err(NotReady { after: start.elapsed(), waiting, holder: None, obstacles: Vec::new() }.into())
        }
        None => Ok(()),
    }
}

/// The time since which there is a permanent reason.
#[derive(Default)]
pub(super) struct PermanentSince(Option<Instant>);

impl PermanentSince {
    /// Returns whether it has lasted as long as it may.
    pub(super) fn lasts(&mut self, may_last: Option<Duration>) -> bool {
        let Some(may_last) = may_last else {
            self.0 = None;
            return false;
        };
        self.0.get_or_insert_with(Instant::now).elapsed() > may_last
    }
}

/// Rejected pods, and the time of the first rejection.
#[derive(Default)]
struct Rejection {
    since: Option<Instant>,
    tried: bool,
    refusal: Option<AdmissionRefusal>,
}

impl Rejection {
    /// Fails if the rejection is permanent. Pod Security and absent webhooks do not change by themselves.
    async fn judge(
        &mut self,
        server: ApiServer<'_>,
        object: &ObjectRef,
        live: &DynamicObject,
        message: String,
    ) -> Result<(), ReleaseError> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if !self.tried {
            self.refusal = confirm(server, live).await?;
            self.tried = true;
        }
        let patience = match self.refusal.as_ref().map(|refusal| &refusal.kind) {
            Some(RefusalKind::PodSecurity) => Duration::ZERO,
            Some(
                RefusalKind::ResourceQuota { .. }
                | RefusalKind::LimitRange { .. }
                | RefusalKind::Webhook(_)
                | RefusalKind::SuspectWebhooks(_)
                | RefusalKind::WebhookDenied
                | RefusalKind::Other,
            ) => REFUSED,
            None => UNCONFIRMED,
        };
        if since.elapsed() < patience {
            return Ok(());
        }
        let refusal = self.refusal.take();
        let message = refusal.as_ref().map_or(message, ToString::to_string);
        Err(ReleaseError::Refused { object: object.clone(), message, refusal: refusal.map(Box::new) })
    }
}

/// Tries a pod of the Deployment now, because its condition may be outdated.
async fn confirm(server: ApiServer<'_>, live: &DynamicObject) -> Result<Option<AdmissionRefusal>, Error> {
    let Some(Ok(trial)) = PodTrial::of(live, BTreeMap::new()) else { return Ok(None) };
    match try_pods(server.client, &[trial], server.pace).await {
        Ok(refusals) => Ok(refusals.into_iter().next()),
        // Without a trial, use the condition's message.
        Err(Error::Call(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use super::*;
    use crate::{call::tests::client, pace::Steady};

    fn release(object: DynamicObject) -> Release {
        Release {
            platform: "devplat".to_owned(),
            name: "operator".to_owned(),
            account: None,
            objects: vec![object],
            digest: String::new(),
        }
    }

    /// Returns how long the wait for a Deployment takes whose only pod waits for `reason`.
    async fn waited_for(reason: &'static str) -> (Duration, String) {
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "namespace": "n", "generation": 1},
            "spec": {"replicas": 1, "selector": {"matchLabels": {"app": "a"}}, "template": {}},
            "status": {"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1}
        });
        let object: DynamicObject = serde_json::from_value(deployment.clone()).unwrap();
        let client = client(move |request| {
            if request.uri().path().ends_with("/pods") {
                let waiting = json!({"waiting": {"reason": reason, "message": "no such host"}});
                let container = json!({
                    "name": "a", "image": "", "imageID": "", "ready": false, "restartCount": 0, "state": waiting
                });
                let pod = json!({"metadata": {"name": "a"}, "status": {"containerStatuses": [container]}});
                return (200, json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": [pod]}));
            }
            (200, deployment.clone())
        });
        let begun = Instant::now();
        let error = wait_ready(&client, &release(object), Duration::from_mins(5), &Steady).await.unwrap_err();
        (begun.elapsed(), error.to_string())
    }

    #[tokio::test(start_paused = true)]
    async fn release_in_a_namespace_that_is_being_deleted_is_not_ready() {
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "n"},
            "spec": {"replicas": 0, "selector": {}, "template": {}}, "status": {}
        });
        let object: DynamicObject = serde_json::from_value(deployment.clone()).unwrap();
        let client = client(move |request| match request.uri().path() {
            "/api/v1/namespaces/n" => {
                (200, json!({"metadata": {"name": "n", "deletionTimestamp": "2001-02-03T12:00:00Z"}}))
            }
            _ => (200, deployment.clone()),
        });
        let outcome = wait_ready(&client, &release(object), Duration::from_mins(5), &Steady).await;
        let text = outcome.unwrap_err().to_string();
        assert!(text.contains("Namespace n: being deleted"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn established_crd_is_found_after_50_ms() {
        let crd = |established: &str| {
            json!({
                "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
                "metadata": {"name": "as.example.com"},
                "spec": {
                    "group": "example.com", "scope": "Cluster", "names": {"kind": "A", "plural": "as"}, "versions": []
                },
                "status": {"conditions": [{"type": "Established", "status": established}]}
            })
        };
        let reads = AtomicUsize::new(0);
        let client = client(move |_| match reads.fetch_add(1, Ordering::Relaxed) {
            0 => (200, crd("False")),
            _ => (200, crd("True")),
        });
        let begun = Instant::now();
        let wanted = release(serde_json::from_value(crd("False")).unwrap());
        wait_ready(&client, &wanted, Duration::from_mins(1), &Steady).await.unwrap();
        let took = begun.elapsed().as_millis();
        assert!((50..100).contains(&took), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn node_with_a_full_disk_is_named_within_about_a_minute() {
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "a", "namespace": "n"},
            "spec": {"replicas": 1, "selector": {}, "template": {}}
        });
        let object: DynamicObject = serde_json::from_value(deployment.clone()).unwrap();
        let client = client(move |request| {
            let list =
                |kind: &str, item| json!({"apiVersion": "v1", "kind": kind, "metadata": {}, "items": [item]});
            match request.uri().path() {
                path if path.ends_with("/pods") => {
                    let condition =
                        json!({"type": "PodScheduled", "status": "False", "message": "0/1 nodes"});
                    let status = json!({"conditions": [condition]});
                    (200, list("PodList", json!({"metadata": {"name": "a"}, "status": status})))
                }
                "/api/v1/nodes" => {
                    let taint = json!({"key": "node.kubernetes.io/disk-pressure", "effect": "NoSchedule"});
                    (200, list("NodeList", json!({"metadata": {"name": "b"}, "spec": {"taints": [taint]}})))
                }
                _ => (200, deployment.clone()),
            }
        });
        let begun = Instant::now();
        let error = wait_ready(&client, &release(object), Duration::from_mins(5), &Steady).await.unwrap_err();
        assert!((60..70).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
        let text = error.to_string();
        assert!(text.contains("0/1 nodes; node b reports that its disk is nearly full (taint "), "{text}");
        let hints = error.hints(&crate::CommandLines::example());
        assert!(hints[0].starts_with("free space on the disk of node b"), "{hints:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn image_that_does_not_come_is_not_waited_for_to_the_end() {
        for (reason, from, to) in
            [("ImagePullBackOff", 60, 90), ("InvalidImageName", 5, 20), ("ContainerCreating", 300, 330)]
        {
            let (waited, error) = waited_for(reason).await;
            assert!((from..to).contains(&waited.as_secs()), "{reason}: {waited:?}");
            assert_eq!(error.contains("image pull: no such host"), reason != "ContainerCreating", "{error}");
        }
    }
}
