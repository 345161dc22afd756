//! What is kept of a pod: whether it is ready and, if not, why.

use devplat_api::name;
use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use kube::{Resource, api::ObjectMeta};
use serde::Deserialize;

use super::{Key, Observed, meta};

/// Init container that brings the agent.
pub(crate) const AGENT_CONTAINER: &str = devplat_api::agent::CONTAINER;

/// The container of the dev server. Policies of a cluster may add other containers to its pod.
pub(crate) const SERVER_CONTAINER: &str = "devserver";

/// A pod as it is read.
#[derive(Resource, Deserialize, Clone, Debug)]
#[resource(inherit = "Pod")]
pub(crate) struct RawPod {
    #[serde(deserialize_with = "meta::slim")]
    metadata: ObjectMeta,
    #[serde(default)]
    status: RawStatus,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase")]
struct RawStatus {
    start_time: Option<Time>,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    #[serde(default)]
    conditions: Vec<RawCondition>,
    #[serde(default)]
    init_container_statuses: Vec<RawContainer>,
    #[serde(default)]
    container_statuses: Vec<RawContainer>,
}

#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase")]
struct RawCondition {
    r#type: String,
    status: String,
    reason: Option<String>,
    message: Option<String>,
    last_transition_time: Option<Time>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase")]
struct RawContainer {
    name: String,
    #[serde(default)]
    image: String,
    #[serde(default)]
    restart_count: i32,
    #[serde(default)]
    state: RawState,
    #[serde(default)]
    last_state: RawState,
}

#[derive(Deserialize, Clone, Debug, Default)]
struct RawState {
    waiting: Option<Waiting>,
    running: Option<Running>,
    terminated: Option<Terminated>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase")]
struct Running {
    started_at: Option<Time>,
}

#[derive(Deserialize, Clone, Debug, Default)]
struct Waiting {
    reason: Option<String>,
    message: Option<String>,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase")]
struct Terminated {
    exit_code: i32,
    reason: Option<String>,
    message: Option<String>,
}

/// Whether the pod has a node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) enum Scheduling {
    /// Nobody looked yet.
    #[default]
    Unknown,
    /// It has one.
    Scheduled {
        /// Since when.
        since: Option<Timestamp>,
    },
    /// None takes it.
    Refused {
        /// The scheduler's words.
        message: String,
        /// Since when.
        since: Option<Timestamp>,
    },
}

/// Why a pod isn't getting ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// An image cannot be had.
    Image {
        /// The image.
        image: String,
        /// The kubelet's words.
        message: String,
    },
    /// The init container that brings the agent fails.
    Agent {
        /// What happened.
        message: String,
    },
    /// The container ends again and again.
    Crash {
        /// The name of the container, unless it is that of the dev server.
        other: Option<String>,
        /// How it last ended.
        exit_code: i32,
        /// How often it was started again.
        restarts: i32,
        /// The kubelet's reason, such as `OOMKilled`.
        reason: String,
    },
    /// The container cannot be made.
    Config {
        /// The kubelet's words.
        message: String,
    },
}

/// That the container was started again, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Restart {
    /// How it last ended.
    pub(crate) exit_code: i32,
    /// How often it was started again.
    pub(crate) count: i32,
    /// The kubelet's reason, such as `OOMKilled`.
    pub(crate) reason: String,
}

/// What is kept of a pod.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct PodFacts {
    /// Its name.
    pub(crate) name: String,
    /// The `ReplicaSet` that made it.
    pub(crate) replica_set: Option<String>,
    /// Hash of the template it was made from.
    pub(crate) template: Option<String>,
    /// Whether its deletion was asked for.
    pub(crate) deleting: bool,
    /// Whether it is ready by its own condition.
    pub(crate) ready: bool,
    /// Whether its container runs, ready or not: somebody may be working in it.
    pub(crate) running: bool,
    /// Since when it does.
    pub(crate) running_since: Option<Timestamp>,
    /// Whether it was started again in this pod.
    pub(crate) restart: Option<Restart>,
    /// Its address.
    pub(crate) ip: Option<String>,
    /// When it was made.
    pub(crate) created: Option<Timestamp>,
    /// When a node took it on.
    pub(crate) started: Option<Timestamp>,
    /// Whether it has a node.
    pub(crate) scheduling: Scheduling,
    /// Why it isn't getting ready.
    pub(crate) problem: Option<Problem>,
}

impl Observed for PodFacts {
    type Raw = RawPod;

    fn from_raw(raw: RawPod) -> Self {
        let RawPod { metadata, status } = raw;
        let ready = status.conditions.iter().any(|c| c.r#type == "Ready" && c.status == "True");
        Self {
            template: meta::annotation(&metadata, name::TEMPLATE_ANNOTATION),
            replica_set: meta::controller(&metadata).map(|owner| owner.name.clone()),
            name: metadata.name.unwrap_or_default(),
            deleting: metadata.deletion_timestamp.is_some(),
            running: running(&status).is_some(),
            running_since: running(&status).and_then(|since| since.started_at.as_ref()).map(|time| time.0),
            restart: server_container(&status).and_then(restart),
            created: metadata.creation_timestamp.map(|time| time.0),
            started: status.start_time.as_ref().map(|time| time.0),
            scheduling: scheduling(&status.conditions),
            problem: if ready { None } else { problem(&status) },
            ip: status.pod_ip,
            ready,
        }
    }

    fn group(raw: &RawPod) -> Key {
        let namespace = raw.metadata.namespace.as_deref().unwrap_or_default();
        Key::new(namespace, &meta::label(&raw.metadata, name::SERVER_LABEL).unwrap_or_default())
    }
}

fn server_container(status: &RawStatus) -> Option<&RawContainer> {
    status.container_statuses.iter().find(|container| container.name == SERVER_CONTAINER)
}

fn running(status: &RawStatus) -> Option<&Running> {
    server_container(status)?.state.running.as_ref()
}

fn restart(container: &RawContainer) -> Option<Restart> {
    let ended = container.last_state.terminated.as_ref().filter(|_| container.restart_count > 0)?;
    Some(Restart {
        exit_code: ended.exit_code,
        count: container.restart_count,
        reason: ended.reason.clone().unwrap_or_default(),
    })
}

fn scheduling(conditions: &[RawCondition]) -> Scheduling {
    match conditions.iter().find(|c| c.r#type == "PodScheduled") {
        Some(c) if c.status == "True" => {
            Scheduling::Scheduled { since: c.last_transition_time.as_ref().map(|time| time.0) }
        }
        Some(c) if c.reason.as_deref() == Some("Unschedulable") => Scheduling::Refused {
            message: c.message.clone().unwrap_or_default(),
            since: c.last_transition_time.as_ref().map(|time| time.0),
        },
        _ => Scheduling::Unknown,
    }
}

fn problem(status: &RawStatus) -> Option<Problem> {
    let init = status.init_container_statuses.iter();
    init.chain(&status.container_statuses).find_map(container_problem)
}

fn container_problem(container: &RawContainer) -> Option<Problem> {
    let installs = container.name == AGENT_CONTAINER;
    let ended = container.state.terminated.as_ref().or(container.last_state.terminated.as_ref());
    let waiting = container.state.waiting.as_ref();
    let reason = waiting.and_then(|w| w.reason.as_deref()).unwrap_or_default();
    let message = || waiting.and_then(|w| w.message.clone()).unwrap_or_else(|| reason.to_owned());
    match reason {
        "ErrImagePull"
        | "ImagePullBackOff"
        | "InvalidImageName"
        | "ErrImageNeverPull"
        | "RegistryUnavailable"
        | "ImageInspectError" => Some(Problem::Image { image: container.image.clone(), message: message() }),
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => Some(if installs {
            Problem::Agent { message: message() }
        } else {
            Problem::Config { message: message() }
        }),
        _ => {
            let failed = ended.filter(|end| end.exit_code != 0 || reason == "CrashLoopBackOff")?;
            let why = failed.reason.clone().unwrap_or_default();
            if installs {
                let said = failed.message.clone().unwrap_or(why);
                return Some(Problem::Agent { message: format!("exit status {}: {said}", failed.exit_code) });
            }
            let now_running = container.state.running.is_some();
            (!now_running).then(|| Problem::Crash {
                other: (container.name != SERVER_CONTAINER).then(|| container.name.clone()),
                exit_code: failed.exit_code,
                restarts: container.restart_count,
                reason: why,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn facts(status: &Value) -> PodFacts {
        let pod = json!({"metadata": {"name": "mydev-1", "managedFields": [{"manager": "kubelet"}]}, "status": status});
        PodFacts::from_raw(serde_json::from_value(pod).unwrap())
    }

    #[test]
    fn readiness_is_the_pods_own_condition() {
        assert!(facts(&json!({"conditions": [{"type": "Ready", "status": "True"}]})).ready);
        assert!(
            !facts(&json!({"phase": "Running", "conditions": [{"type": "Ready", "status": "False"}]})).ready
        );
    }

    #[test]
    fn the_schedulers_words_are_kept() {
        let status = json!({"conditions": [{
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "no room",
        }]});
        assert_eq!(facts(&status).scheduling, Scheduling::Refused { message: "no room".into(), since: None });
    }

    #[test]
    fn an_image_that_cannot_be_pulled_is_a_problem() {
        let status = json!({"containerStatuses": [{
            "name": "devserver", "image": "nope:1",
            "state": {"waiting": {"reason": "ImagePullBackOff", "message": "back-off"}},
        }]});
        assert_eq!(
            facts(&status).problem,
            Some(Problem::Image { image: "nope:1".into(), message: "back-off".into() })
        );
    }

    #[test]
    fn a_failing_agent_is_told_apart_from_a_failing_machine() {
        let ended = json!({"exitCode": 1, "reason": "Error", "message": "no space"});
        let agent =
            json!({"initContainerStatuses": [{"name": AGENT_CONTAINER, "state": {"terminated": ended}}]});
        assert_eq!(facts(&agent).problem, Some(Problem::Agent { message: "exit status 1: no space".into() }));

        let machine = json!({"containerStatuses": [{
            "name": "devserver", "restartCount": 3,
            "state": {"waiting": {"reason": "CrashLoopBackOff"}}, "lastState": {"terminated": ended},
        }]});
        let crash = Problem::Crash { other: None, exit_code: 1, restarts: 3, reason: "Error".into() };
        assert_eq!(facts(&machine).problem, Some(crash));
    }

    #[test]
    fn sidecar_of_a_policy_is_not_the_dev_servers_container() {
        let ended = json!({"terminated": {"exitCode": 1, "reason": "Error"}});
        let pulling = json!({"name": "devserver", "state": {"waiting": {"reason": "ContainerCreating"}}});
        let restarted =
            json!({"name": "a-proxy", "restartCount": 1, "state": {"running": {}}, "lastState": ended});
        let pod = facts(&json!({"containerStatuses": [restarted, pulling]}));
        assert_eq!((pod.running, pod.restart, pod.problem), (false, None, None));

        let crashed = json!({"name": "a-proxy", "restartCount": 2, "state": ended});
        let pod =
            facts(&json!({"containerStatuses": [crashed, {"name": "devserver", "state": {"running": {}}}]}));
        let other = Some("a-proxy".to_owned());
        let crash = Problem::Crash { other, exit_code: 1, restarts: 2, reason: "Error".into() };
        assert_eq!((pod.running, pod.problem), (true, Some(crash)));
    }

    #[test]
    fn a_container_that_runs_again_after_a_crash_is_no_problem() {
        let status = json!({"containerStatuses": [{
            "name": "devserver", "restartCount": 1,
            "state": {"running": {}}, "lastState": {"terminated": {"exitCode": 137}},
        }]});
        let facts = facts(&status);
        assert_eq!(facts.problem, None);
        assert!(facts.running);
        assert_eq!(facts.restart, Some(Restart { exit_code: 137, count: 1, reason: String::new() }));
    }

    #[test]
    fn an_agent_that_installed_itself_is_no_problem() {
        let status = json!({"initContainerStatuses": [{"name": AGENT_CONTAINER, "state": {"terminated": {"exitCode": 0}}}]});
        assert_eq!(facts(&status).problem, None);
    }

    #[test]
    fn a_container_still_being_made_is_no_problem() {
        let status = json!({"containerStatuses": [{"name": "devserver", "state": {"waiting": {"reason": "ContainerCreating"}}}]});
        assert_eq!(facts(&status).problem, None);
    }
}
