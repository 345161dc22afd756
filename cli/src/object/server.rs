//! A dev server as it is shown.

use devplat_api::{
    condition::{ConditionType, Reason},
    name,
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Condition, jiff::Timestamp};
use kube::{ResourceExt, api::DynamicObject};
use serde::Deserialize;

/// What is shown of a dev server.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Server {
    pub(crate) name: String,
    pub(crate) created: Option<Timestamp>,
    /// When its deletion was asked for.
    pub(crate) deleted: Option<Timestamp>,
    /// What it has, else what it asks for.
    pub(crate) flavor: Option<String>,
    pub(crate) image: Option<String>,
    pub(crate) command: Vec<String>,
    /// Size of the home that it asks for; the platform's where missing.
    pub(crate) home_size: Option<String>,
    /// Whether the home goes with it.
    pub(crate) home_goes: bool,
    /// Any value of the annotation that asks for a restart.
    pub(crate) restart: Option<String>,
    pub(crate) phase: String,
    /// Whether it can be used.
    pub(crate) ready: bool,
    pub(crate) pods: Vec<String>,
    /// When the present pod started.
    pub(crate) started: Option<Timestamp>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) seen: Seen,
}

/// What the operator has seen of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Seen {
    /// It has said nothing yet.
    #[default]
    Never,
    /// An older spec.
    BeforeAChange,
    /// The spec as it is now.
    AsItIs,
}

/// How it is with a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// It can be used.
    Ready,
    /// It is on its way, or may yet be.
    Coming,
    /// It won't come without a change by somebody.
    Failed,
    /// It is being deleted.
    Going,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    flavor: Option<String>,
    image: Option<String>,
    command: Vec<String>,
    persistent_home_size: Option<serde_json::Value>,
    home_retention: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Status {
    observed_generation: Option<i64>,
    phase: String,
    ready: bool,
    flavor: Option<String>,
    image: Option<String>,
    pod_names: Vec<String>,
    start_time: Option<Timestamp>,
    conditions: Vec<Condition>,
}

impl Server {
    /// What is known of `object`.
    pub(crate) fn of(object: &DynamicObject) -> Self {
        let spec: Spec = part(object, "spec");
        let status: Status = part(object, "status");
        let metadata = &object.metadata;
        let size = spec.persistent_home_size.as_ref();
        Self {
            name: object.name_any(),
            created: super::created(metadata),
            deleted: metadata.deletion_timestamp.as_ref().map(|time| time.0),
            flavor: status.flavor.or(spec.flavor),
            image: status.image.or(spec.image),
            command: spec.command,
            home_size: size.map(|size| size.as_str().map_or_else(|| size.to_string(), str::to_owned)),
            home_goes: spec.home_retention.as_deref() == Some("Delete"),
            restart: object.annotations().get(name::RESTART_ANNOTATION).cloned(),
            phase: status.phase,
            ready: status.ready,
            pods: status.pod_names,
            started: status.start_time,
            conditions: status.conditions,
            seen: match status.observed_generation {
                None => Seen::Never,
                Some(seen) if Some(seen) == metadata.generation => Seen::AsItIs,
                Some(_) => Seen::BeforeAChange,
            },
        }
    }

    /// How it is with it.
    pub(crate) fn state(&self) -> State {
        match self.phase.as_str() {
            _ if self.deleted.is_some() => State::Going,
            _ if self.ready => State::Ready,
            "Failed" => State::Failed,
            _ => State::Coming,
        }
    }

    /// Why it is so, in a word.
    pub(crate) fn reason(&self) -> &str {
        match self.state() {
            State::Going => Reason::Terminating.as_str(),
            State::Ready | State::Coming | State::Failed => {
                self.condition(ConditionType::Ready).map_or("Pending", |ready| &ready.reason)
            }
        }
    }

    /// Why it is not ready, in the cluster's words; empty where there are none.
    pub(crate) fn message(&self) -> &str {
        match self.condition(ConditionType::Ready) {
            Some(ready) => &ready.message,
            None if self.deleted.is_some() => "",
            None => "the operator has not looked at it yet",
        }
    }

    /// Why it cannot be used, in a line; nothing where it can.
    pub(crate) fn trouble(&self) -> Option<String> {
        if self.state() == State::Ready {
            return None;
        }
        Some(match self.message() {
            "" => self.reason().to_owned(),
            message => format!("{}: {message}", self.reason()),
        })
    }

    /// A change that waits for a restart.
    pub(crate) fn pending(&self) -> Option<&str> {
        let pending = self.condition(ConditionType::RestartPending)?;
        (pending.status == "True").then_some(&pending.message)
    }

    fn condition(&self, kind: ConditionType) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == kind.as_str())
    }
}

/// A part of an object. Of one that cannot be read, nothing is known.
fn part<T: for<'de> Deserialize<'de> + Default>(object: &DynamicObject, name: &str) -> T {
    object.data.get(name).and_then(|part| T::deserialize(part).ok()).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// A server as the API server gives it, with `status`.
    #[expect(clippy::needless_pass_by_value, reason = "called with what json! makes")]
    pub(crate) fn object(name: &str, spec: Value, status: Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "apps.devservers.io/v1",
            "kind": "DevServer",
            "metadata": {
                "name": name, "namespace": "dev-alice", "generation": 1,
                "creationTimestamp": "2026-11-24T10:00:00Z",
                "managedFields": [{"manager": "devctl"}],
            },
            "spec": spec,
            "status": status,
        }))
        .unwrap()
    }

    /// The status of one that is ready.
    pub(crate) fn ready() -> Value {
        json!({
            "observedGeneration": 1, "phase": "Running", "ready": true, "flavor": "cpu-small",
            "image": "devplat.local/base@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
            "podNames": ["mydev-6d4cf56db6-x2x7k"], "startTime": "2026-11-24T10:00:04Z",
            "conditions": [said("Ready", "True", "PodReady", "")],
        })
    }

    /// The status of one that is not.
    pub(crate) fn waiting(phase: &str, reason: &str, message: &str) -> Value {
        json!({
            "observedGeneration": 1, "phase": phase, "ready": false, "flavor": "cpu-small",
            "conditions": [said("Accepted", "True", "Valid", ""), said("Ready", "False", reason, message)],
        })
    }

    fn said(kind: &str, status: &str, reason: &str, message: &str) -> Value {
        json!({
            "type": kind, "status": status, "reason": reason, "message": message,
            "lastTransitionTime": "2026-11-24T10:00:05Z",
        })
    }

    #[test]
    fn ready_server_has_no_trouble() {
        let server = Server::of(&object("mydev", json!({}), ready()));
        assert_eq!((server.state(), server.reason(), server.trouble()), (State::Ready, "PodReady", None));
    }

    #[test]
    fn trouble_is_the_reason_with_the_words_of_the_cluster() {
        let status = waiting("Pending", "Unschedulable", "0/1 nodes are available");
        let server = Server::of(&object("mydev", json!({"flavor": "huge"}), status));
        assert_eq!(server.state(), State::Coming);
        assert_eq!(server.trouble().as_deref(), Some("Unschedulable: 0/1 nodes are available"));
    }

    #[test]
    fn server_that_nobody_looked_at_says_so() {
        let server = Server::of(&object("mydev", json!({"flavor": "cpu-small"}), Value::Null));
        assert_eq!(server.flavor.as_deref(), Some("cpu-small"));
        assert_eq!(server.trouble().as_deref(), Some("Pending: the operator has not looked at it yet"));
    }

    #[test]
    fn words_of_a_later_version_are_taken_as_they_are() {
        let mut status = ready();
        status["phase"] = json!("Hibernating");
        status["ready"] = json!(false);
        let spec = json!({"mode": "swarm", "homeRetention": "Archive", "persistentHomeSize": 5, "new": {}});
        let server = Server::of(&object("mydev", spec, status));
        assert_eq!((server.phase.as_str(), server.state()), ("Hibernating", State::Coming));
        assert_eq!(server.home_size.as_deref(), Some("5"));
        assert!(!server.home_goes);
    }

    #[test]
    fn server_that_goes_is_terminating_whatever_else_it_says() {
        let mut object = object("mydev", json!({}), ready());
        object.metadata.deletion_timestamp = object.metadata.creation_timestamp.clone();
        let server = Server::of(&object);
        assert_eq!((server.state(), server.reason()), (State::Going, "Terminating"));
    }
}
