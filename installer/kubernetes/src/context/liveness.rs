//! Signs of life of an API server and of kubelets.

use std::time::{Duration, SystemTime};

use futures::future::try_join;
use http::Request;
use k8s_openapi::api::{
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
    coordination::v1::Lease,
    core::v1::Node,
};
use kube::{Api, Client, api::PostParams};

use crate::{
    CallError, ObjectRef,
    call::{Call, CallVerb, ConnectionCause, ConnectionError, bounded, call_error},
};

/// How long a call may take.
pub(super) const PATIENCE: Duration = devplat_connect::SILENCE;

/// Asks an API server once whether it is ready. `/readyz` includes RBAC.
pub async fn answer(client: &Client) -> Result<(), CallError> {
    let failed = |error| call_error("ask the API server whether it is ready", None, error);
    let question = Request::get("/readyz").body(Vec::new()).expect("a path makes a request");
    match tokio::time::timeout(PATIENCE, client.request_text(question)).await {
        Ok(answer) => answer.map(drop).map_err(failed),
        Err(_) => Err(failed(kube::Error::Service(Box::new(slow())))),
    }
}

/// Returns whether the user may do everything. In a new cluster, the API server answers before the user has its rights.
pub async fn may_do_everything(client: &Client) -> Result<bool, CallError> {
    let all = || Some("*".to_owned());
    let attributes =
        ResourceAttributes { verb: all(), group: all(), resource: all(), ..ResourceAttributes::default() };
    let spec = SelfSubjectAccessReviewSpec {
        resource_attributes: Some(attributes),
        ..SelfSubjectAccessReviewSpec::default()
    };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let kind = ObjectRef::all("authorization.k8s.io/v1", "SelfSubjectAccessReview", None);
    let reviews: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let asked = async { reviews.create(&PostParams::default(), &review).await };
    let answer = bounded(&Call::new(CallVerb::Review, &kind), PATIENCE, asked).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

pub(super) fn slow() -> ConnectionError {
    ConnectionError { server: None, proxy: None, cause: ConnectionCause::Slow(PATIENCE) }
}

/// Returns whether the kubelet of `node` has reported since `started`. Until then, the status of the pods on this node is
/// outdated. A kubelet reports with the status of its node and with a lease; that of a new cluster creates its lease only
/// about 10 s after its node.
pub async fn kubelet_spoke(client: &Client, node: &str, started: SystemTime) -> Result<bool, CallError> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), "kube-node-lease");
    let lease = ObjectRef::new("coordination.k8s.io/v1", "Lease", Some("kube-node-lease"), node);
    let lease = Call::new(CallVerb::Read, &lease);
    let nodes: Api<Node> = Api::all(client.clone());
    let object = Call::new(CallVerb::Read, &ObjectRef::new("v1", "Node", None, node));
    let (lease, node) = try_join(
        bounded(&lease, PATIENCE, leases.get_opt(node)),
        bounded(&object, PATIENCE, nodes.get_opt(node)),
    )
    .await?;
    let renewed = lease.and_then(|lease| lease.spec?.renew_time).map(|time| time.0);
    let conditions = node.and_then(|node| node.status?.conditions).unwrap_or_default();
    // The node controller writes `Unknown` for a kubelet that does not report.
    let ready =
        conditions.into_iter().find(|condition| condition.type_ == "Ready" && condition.status != "Unknown");
    let heartbeat = ready.and_then(|ready| Some(ready.last_heartbeat_time?.0));
    Ok([renewed, heartbeat].into_iter().flatten().any(|reported| SystemTime::from(reported) > started))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::call::tests::client;

    /// Asks for a node that was started 30 s after the epoch.
    async fn spoke(lease: Option<Value>, node: Option<Value>) -> bool {
        let client = client(move |request| {
            let found = if request.uri().path().contains("/leases/") { &lease } else { &node };
            let absent =
                || (404, json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": ""}));
            found.clone().map_or_else(absent, |found| (200, found))
        });
        kubelet_spoke(&client, "a", SystemTime::UNIX_EPOCH + Duration::from_secs(30)).await.unwrap()
    }

    #[tokio::test]
    async fn user_without_a_rule_may_not_do_everything() {
        for allowed in [true, false] {
            let client = client(move |request| {
                assert_eq!(request.uri().path(), "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
                (201, json!({"spec": {}, "status": {"allowed": allowed}}))
            });
            assert_eq!(may_do_everything(&client).await.unwrap(), allowed);
        }
    }

    #[tokio::test]
    async fn kubelet_reports_with_a_lease_or_the_status_of_its_node() {
        let lease = |time: &str| Some(json!({"metadata": {"name": "a"}, "spec": {"renewTime": time}}));
        let node = |status: &str, time: &str| {
            let condition = json!({"type": "Ready", "status": status, "lastHeartbeatTime": time});
            Some(json!({"metadata": {"name": "a"}, "status": {"conditions": [condition]}}))
        };
        assert!(!spoke(None, None).await);
        assert!(!spoke(lease("1970-01-01T00:00:29.000000Z"), node("True", "1970-01-01T00:00:20Z")).await);
        assert!(spoke(lease("1970-01-01T00:00:31.000000Z"), None).await);
        assert!(spoke(None, node("False", "1970-01-01T00:00:31Z")).await);
        assert!(!spoke(None, node("Unknown", "1970-01-01T00:00:31Z")).await);
        assert!(!spoke(None, Some(json!({"metadata": {"name": "a"}}))).await);
    }
}
