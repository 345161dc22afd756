//! The policy behind the rejection of a pod.

use k8s_openapi::api::core::v1::{LimitRange, Pod, ResourceQuota};
use kube::{Api, api::ListParams};

use super::{
    RefusalKind,
    attempt::{TrialAnswer, attempt},
    hardened, limits,
};
use crate::call::{ApiServer, Error, ErrorAnswer};

/// Returns the policy that rejected `pod` with `answer`, by facts of its namespace.
pub(super) async fn explain(
    server: ApiServer<'_>,
    pod: &Pod,
    answer: &ErrorAnswer,
) -> Result<RefusalKind, Error> {
    // Only admission plugins of the API server set `Status.details.kind`; webhooks and policies do not.
    if answer.resource.is_none() {
        return Ok(RefusalKind::WebhookDenied);
    }
    if answer.code == 403 {
        // If a hardened pod gets another answer, the first answer was about the security context.
        let secure = attempt(server, &hardened(pod)).await?;
        let same = matches!(&secure, TrialAnswer::Rejected(other) if other == answer);
        if !same {
            return Ok(RefusalKind::PodSecurity);
        }
    }
    let namespace = pod.metadata.namespace.clone().unwrap_or_default();
    let quotas: Api<ResourceQuota> = Api::namespaced(server.client.clone(), &namespace);
    let ranges: Api<LimitRange> = Api::namespaced(server.client.clone(), &namespace);
    let every = ListParams::default();
    // A user without the right to read quotas and ranges gets only the API server's message.
    let (quotas, ranges) = tokio::join!(quotas.list(&every), ranges.list(&every));
    let unread = |error: &kube::Error| tracing::debug!(%error, "limits were not read");
    let (quotas, ranges) = (quotas.inspect_err(unread), ranges.inspect_err(unread));
    let range = ranges.ok().and_then(|ranges| limits::range(pod, &ranges.items));
    let quota = || quotas.ok().and_then(|quotas| limits::quota(pod, &quotas.items));
    Ok(range.or_else(quota).unwrap_or(RefusalKind::Other))
}
