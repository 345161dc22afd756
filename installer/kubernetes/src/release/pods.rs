//! The reason why a pod is not ready, as the scheduler and the kubelet report it.

use std::time::Duration;

use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};

/// How long pulls of an image may fail: a registry may be restarting.
const PULL: Duration = Duration::from_mins(1);
/// How long a pull may fail for an invalid name or a pull policy, which retries do not change.
const NEVER: Duration = Duration::from_secs(5);

/// How long the kubelet may pause before it starts a container again: 80 s after the fourth failure, which is the first
/// pause above this, about 2 min 30 s after the start.
const CRASHES: Duration = Duration::from_secs(45);
/// How long a container may lack its configuration, such as a Secret that the operator is about to create.
const CONFIG: Duration = Duration::from_mins(1);

/// The reason why a pod is not ready.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) why: String,
    /// How long it may last before the wait ends; `None` if that is unknown.
    pub(super) may_last: Option<Duration>,
    /// The restarts so far, if the container ends again and again.
    pub(super) restarts: Option<i32>,
    /// Whether the scheduler finds no node. Its message does not name the taints of the nodes.
    pub(super) no_node: bool,
}

impl Trouble {
    fn bounded(why: String, may_last: Duration) -> Self {
        Self { may_last: Some(may_last), ..why.into() }
    }
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Self { why, may_last: None, restarts: None, no_node: false }
    }
}

/// Returns why a pod is not ready; `None` if it is ready, or starting without a failure.
pub(super) fn trouble(pod: &Pod) -> Option<Trouble> {
    let status = pod.status.as_ref()?;
    let conditions = status.conditions.as_deref().unwrap_or_default();
    if let Some(condition) =
        conditions.iter().find(|condition| condition.type_ == "PodScheduled" && condition.status == "False")
    {
        let message = condition.message.as_deref().unwrap_or("no node fits");
        return Some(Trouble { no_node: true, ..format!("unschedulable: {message}").into() });
    }
    let mut containers =
        status.init_container_statuses.iter().flatten().chain(status.container_statuses.iter().flatten());
    containers.find_map(container_trouble)
}

fn container_trouble(status: &ContainerStatus) -> Option<Trouble> {
    let state = status.state.as_ref()?;
    let name = &status.name;
    if let Some(waiting) = &state.waiting {
        let message = waiting.message.as_deref().unwrap_or_default();
        return match waiting.reason.as_deref()? {
            "ErrImagePull" | "ImagePullBackOff" => {
                Some(Trouble::bounded(format!("image pull: {message}"), PULL))
            }
            "ErrImageNeverPull" | "InvalidImageName" => {
                Some(Trouble::bounded(format!("image pull: {message}"), NEVER))
            }
            "CrashLoopBackOff" => {
                let last = status.last_state.as_ref().and_then(|last| last.terminated.as_ref());
                let why = match last {
                    Some(last) => format!("{} repeatedly", ended(name, last)),
                    None => format!("container {name} ends repeatedly"),
                };
                Some(Trouble { restarts: Some(status.restart_count), ..Trouble::bounded(why, CRASHES) })
            }
            "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => {
                Some(Trouble::bounded(format!("container {name} cannot start: {message}"), CONFIG))
            }
            _ => None,
        };
    }
    if let Some(terminated) = &state.terminated {
        return (terminated.exit_code != 0).then(|| ended(name, terminated).into());
    }
    let starting = status.started == Some(false);
    (state.running.is_some() && !status.ready && !starting)
        .then(|| format!("container {name} is running and not ready yet").into())
}

/// Returns how a container ended, with its last line of output if the kubelet kept it.
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

    #[test]
    fn running_container_that_is_not_ready_is_reported_after_its_start() {
        let running = |ready: bool, started: bool| {
            pod(json!({"containerStatuses": [{
                "name": "operator", "image": "", "imageID": "", "restartCount": 0,
                "ready": ready, "started": started, "state": {"running": {}}
            }]}))
        };
        assert_eq!(trouble(&running(true, true)), None);
        assert_eq!(trouble(&running(false, false)), None);
        assert_eq!(
            trouble(&running(false, true)).unwrap().why,
            "container operator is running and not ready yet"
        );
    }

    #[test]
    fn reasons_name_image_exit_status_and_scheduler() {
        let waiting = |reason: &str| {
            pod(json!({"containerStatuses": [{
                "name": "operator", "image": "", "imageID": "", "ready": false, "restartCount": 3,
                "state": {"waiting": {"reason": reason, "message": "no such host"}},
                "lastState": {"terminated": {"exitCode": 101, "message": "starting\nno lease\n"}}
            }]}))
        };
        let pull = trouble(&waiting("ImagePullBackOff")).unwrap();
        assert_eq!(pull, Trouble::bounded("image pull: no such host".to_owned(), PULL));
        assert_eq!(trouble(&waiting("InvalidImageName")).unwrap().may_last, Some(NEVER));
        let crashes = trouble(&waiting("CrashLoopBackOff")).unwrap();
        assert_eq!(crashes.why, "container operator ends with status 101 (no lease) repeatedly");
        assert_eq!(crashes.may_last, Some(CRASHES));
        assert_eq!(trouble(&waiting("CreateContainerConfigError")).unwrap().may_last, Some(CONFIG));
        assert_eq!(trouble(&waiting("ContainerCreating")), None);
        let unschedulable = pod(json!({"conditions": [
            {"type": "PodScheduled", "status": "False", "message": "0/1 nodes are available: 1 Insufficient cpu."}
        ]}));
        let unschedulable = trouble(&unschedulable).unwrap();
        assert_eq!(unschedulable.why, "unschedulable: 0/1 nodes are available: 1 Insufficient cpu.");
        assert!(unschedulable.no_node);
    }
}
