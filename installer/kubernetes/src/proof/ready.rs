//! Waits until the operator reports that the proof's user or dev server has reached a stage, or has permanently failed.

use std::time::Duration;

use devplat_api::condition::Reason;
use serde_json::Value;
use tokio::time::Instant;

use super::{ProofError, steps::ProofRun};
use crate::{
    ObjectRef, Waiting,
    call::{Call, CallVerb},
    pace::Reporter,
};

/// The period between two checks.
const PERIOD: Duration = Duration::from_millis(200);
/// How long a permanent reason must persist before the wait ends: the operator's cache may lag behind objects that were
/// just created.
const FINAL: Duration = Duration::from_secs(5);
/// How long a failure that the kubelet retries must persist before the wait ends.
const STUBBORN: Duration = Duration::from_mins(1);

/// How long the proof waits for an object.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until the operator first reports a condition.
    pub seen: Duration,
    /// Until the object is ready; pulling an image takes minutes.
    pub ready: Duration,
}

/// A stage in the start of a user or a dev server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// The pod of the dev server has an address. SSH may answer there before the dev server is ready.
    Address,
    /// The object is ready.
    Ready,
}

impl ProofRun<'_> {
    /// Waits until `object`, which the proof created at `start`, has reached `stage`.
    pub(super) async fn reached(
        &self,
        object: &ObjectRef,
        stage: Stage,
        patience: Patience,
        start: Instant,
    ) -> Result<(), ProofError> {
        let mut reporter = Reporter::new(self.server.pace);
        let mut standing: Option<(Reason, Instant)> = None;
        let api = object.api(self.server.client);
        loop {
            let call = Call::new(CallVerb::Read, object);
            let live = self.server.call(&call, || async { api.get(&object.name).await }).await?;
            let status = &live.data["status"];
            if has_reached(stage, status) {
                return Ok(());
            }
            let ready = ready(status);
            let text = |key: &str| ready.and_then(|ready| ready[key].as_str()).map(str::to_owned);
            let waiting = Waiting {
                object: object.clone(),
                progress: text("reason").unwrap_or_else(|| "not seen by the operator yet".to_owned()),
                reason: text("message").filter(|message| !message.is_empty()),
            };
            let reason = Reason::ALL.iter().copied().find(|reason| waiting.progress == reason.as_str());
            if let Some((reason, end)) = reason.and_then(|reason| Some((reason, limit(reason)?))) {
                let since = match standing {
                    Some((before, since)) if before == reason => since,
                    _ => Instant::now(),
                };
                standing = Some((reason, since));
                if since.elapsed() >= end {
                    let message = waiting.reason.unwrap_or_default();
                    return Err(ProofError::Hopeless { object: object.clone(), reason, message });
                }
            } else {
                standing = None;
            }
            let patience = if ready.is_some() { patience.ready } else { patience.seen };
            if start.elapsed() > patience {
                return Err(ProofError::NotReady { after: start.elapsed(), last: waiting });
            }
            reporter.report(waiting);
            self.server.pace.pause(PERIOD).await?;
        }
    }
}

/// Returns the condition `Ready` in the status of an object.
fn ready(status: &Value) -> Option<&Value> {
    status["conditions"].as_array()?.iter().find(|condition| condition["type"] == "Ready")
}

fn has_reached(stage: Stage, status: &Value) -> bool {
    let is_ready = ready(status).is_some_and(|ready| ready["status"] == "True");
    match stage {
        Stage::Address => is_ready || status["podIP"].is_string(),
        Stage::Ready => is_ready,
    }
}

/// Returns how long the wait goes on with a reason; `None` for temporary reasons.
fn limit(reason: Reason) -> Option<Duration> {
    match reason {
        Reason::NotSupportedYet
        | Reason::InvalidName
        | Reason::InvalidSpec
        | Reason::FlavorNotFound
        | Reason::FlavorDeleting
        | Reason::FlavorNotAccepted
        | Reason::NoDefaultFlavor
        | Reason::SeveralDefaultFlavors
        | Reason::NameTaken
        | Reason::VolumeLost
        | Reason::Forbidden
        | Reason::ApplyFailed => Some(FINAL),
        Reason::ImagePull | Reason::AgentInstall | Reason::CrashLoop | Reason::ContainerConfig => {
            Some(STUBBORN)
        }
        // A node or a volume may still come; the other reasons are not failures.
        Reason::Valid
        | Reason::Found
        | Reason::FlavorGone
        | Reason::Starting
        | Reason::PodReady
        | Reason::PodNotReady
        | Reason::SshNotAnswering
        | Reason::PodGone
        | Reason::Restarting
        | Reason::Unschedulable
        | Reason::VolumePending
        | Reason::Bound
        | Reason::Terminating
        | Reason::Used
        | Reason::Unused
        | Reason::TemplateChanged
        | Reason::AccessGranted
        | Reason::Kept => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn address_of_the_pod_comes_before_the_dev_server_is_ready() {
        let reached = |status: &Value| [Stage::Address, Stage::Ready].map(|stage| has_reached(stage, status));
        let condition = |status: &str| json!([{"type": "Ready", "status": status}]);
        assert_eq!(reached(&Value::Null), [false, false]);
        assert_eq!(reached(&json!({"conditions": condition("False")})), [false, false]);
        let starting = json!({"conditions": condition("False"), "podIP": "10.1.2.3"});
        assert_eq!(reached(&starting), [true, false]);
        assert_eq!(reached(&json!({"conditions": condition("True"), "podIP": "10.1.2.3"})), [true, true]);
        assert_eq!(reached(&json!({"conditions": condition("True")})), [true, true]);
    }
}
