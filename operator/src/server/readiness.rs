//! Whether a server can be used right now and, if not, why: from its pods, not from its Deployment.
//!
//! A Deployment's status lags behind its pods by as much as its controller is busy.

use std::{sync::Arc, time::Duration};

use devplat_api::{
    DevServerStatus,
    condition::{ConditionType, Reason},
};
use k8s_openapi::jiff::Timestamp;

use super::snapshot::Snapshot;
use crate::observed::{ClaimFacts, ClaimPhase, PodFacts, Problem, Restart, Scheduling};

/// How long the scheduler may refuse a pod before anybody is told: room comes as others go.
const PATIENCE: Duration = Duration::from_secs(8);

/// How long a volume may take before anybody is told: a cloud's disk takes 5 to 20 s, and many at once take turns.
const VOLUME_PATIENCE: Duration = Duration::from_secs(30);

/// How long a container may run without SSH before anybody is told: the agent answers within a second of its start.
const SSH_PATIENCE: Duration = Duration::from_secs(10);

/// Whether it can be used.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Readiness {
    /// It can.
    Ready(Arc<PodFacts>),
    /// Not yet, and nothing is wrong so far.
    Coming {
        /// `Starting`, `Restarting`, …
        reason: Reason,
        /// What is waited for.
        message: String,
        /// When patience ends, if it does.
        recheck: Option<Duration>,
    },
    /// Not, and here is why.
    Failing {
        /// In a word.
        reason: Reason,
        /// In the cluster's words.
        message: String,
    },
}

/// What was last said, as far as it counts now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Before {
    /// It could be used.
    Ready,
    /// Its pod ran, and was not ready any more.
    NotReady,
    /// Its pod was gone.
    Gone,
    /// Anything else.
    Coming,
}

impl Before {
    /// As `status` has it.
    pub(crate) fn of(status: &DevServerStatus) -> Self {
        let said = status.conditions.iter().find(|said| said.type_ == ConditionType::Ready.as_str());
        let reason = said.map_or("", |said| &said.reason);
        match reason {
            _ if status.ready => Self::Ready,
            _ if reason == Reason::PodNotReady.as_str() => Self::NotReady,
            _ if reason == Reason::PodGone.as_str() => Self::Gone,
            _ => Self::Coming,
        }
    }
}

/// Judges pods by `template`, the hash that the pods should have been made from.
pub(crate) fn judge(snapshot: &Snapshot, template: Option<&str>, before: Before) -> Readiness {
    let Snapshot { deployment, pods, home, server, volume_made, now, .. } = snapshot;
    let (deployment, home) = (deployment.ours(), Home { claim: home.ours(), volume_made: *volume_made });
    let mut current: Vec<_> =
        pods.iter().filter(|pod| !pod.deleting && pod.template.as_deref() == template).collect();
    current.sort_by_key(|pod| std::cmp::Reverse(pod.created));
    if let Some(ready) = current.iter().find(|pod| pod.ready) {
        return Readiness::Ready((**ready).clone());
    }
    if let Some(pod) = current.first() {
        return judge_pod(pod, home, server.spec.enable_ssh, before, *now);
    }
    if let Some(message) = deployment.and_then(|deployment| deployment.failure.clone()) {
        return Readiness::Failing { reason: Reason::Forbidden, message };
    }
    let coming = |reason, message: String| Readiness::Coming { reason, message, recheck: None };
    match pods.first() {
        Some(old) if old.template.as_deref() == template => {
            coming(Reason::PodGone, format!("pod {} is going; the next one follows", old.name))
        }
        Some(old) => coming(Reason::Restarting, format!("pod {} gives way to a changed one", old.name)),
        // Said again as long as it is so, or it would be taken back at the next look.
        None if before != Before::Coming => {
            coming(Reason::PodGone, "the pod is gone; the next one follows".into())
        }
        None => coming(Reason::Starting, "waiting for the pod to start".into()),
    }
}

/// Where the data of a pod is to be.
#[derive(Clone, Copy)]
struct Home<'a> {
    claim: Option<&'a ClaimFacts>,
    volume_made: Option<Timestamp>,
}

fn judge_pod(pod: &PodFacts, home: Home<'_>, ssh: bool, before: Before, now: Timestamp) -> Readiness {
    if let Some(problem) = &pod.problem {
        let (reason, message) = explain(problem);
        return Readiness::Failing { reason, message };
    }
    let coming = |reason, message: String| Readiness::Coming { reason, message, recheck: None };
    match &pod.scheduling {
        Scheduling::Refused { message, since } => {
            // Claims are named in the message, and then the volume is what to look at.
            let volume = message.contains("unbound immediate PersistentVolumeClaims");
            let (since, patience) =
                if volume { ((*since).max(home.volume_made), VOLUME_PATIENCE) } else { (*since, PATIENCE) };
            if let Some(coming) = in_time(since, patience, now) {
                return coming;
            }
            let reason = if volume { Reason::VolumePending } else { Reason::Unschedulable };
            Readiness::Failing { reason, message: message.clone() }
        }
        Scheduling::Scheduled { since: _ }
            if pod.running && matches!(before, Before::Ready | Before::NotReady) =>
        {
            let what = if ssh { "runs, but SSH does not answer" } else { "runs but is not ready" };
            coming(Reason::PodNotReady, format!("pod {} {what}{}", pod.name, after_restart(pod)))
        }
        Scheduling::Scheduled { since: _ } if pod.running && ssh => {
            in_time(pod.running_since, SSH_PATIENCE, now).unwrap_or_else(|| {
                let message =
                    format!("the container runs, but SSH does not answer yet{}", after_restart(pod));
                coming(Reason::SshNotAnswering, message)
            })
        }
        // The scheduler holds a pod without a word until its volumes are there.
        Scheduling::Unknown if home.claim.is_some_and(|claim| claim.phase == ClaimPhase::Pending) => {
            // Whose class makes volumes for others waits for its turn.
            if let Some(coming) = in_time(pod.created.max(home.volume_made), VOLUME_PATIENCE, now) {
                return coming;
            }
            let class = home
                .claim
                .and_then(|claim| claim.storage_class.as_deref())
                .unwrap_or("of the cluster's default");
            let message = format!(
                "the home has no volume yet: StorageClass {class} has not made one; the events of the PersistentVolumeClaim say why"
            );
            Readiness::Failing { reason: Reason::VolumePending, message }
        }
        Scheduling::Scheduled { since: _ } | Scheduling::Unknown => {
            coming(Reason::Starting, "waiting for the pod to start".into())
        }
    }
}

/// Nothing wrong yet with what began at `since` and may take as long as `patience`.
fn in_time(since: Option<Timestamp>, patience: Duration, now: Timestamp) -> Option<Readiness> {
    let rest = patience.checked_sub(age(since?, now)).filter(|rest| !rest.is_zero())?;
    Some(Readiness::Coming {
        reason: Reason::Starting,
        message: "waiting for the pod to start".into(),
        recheck: Some(rest),
    })
}

/// How old something is that began at `since`.
pub(crate) fn age(since: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default()
}

/// What is said of a container that was started again.
pub(crate) fn restarted(Restart { exit_code, count, reason }: &Restart) -> String {
    let times = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
    let reason = if reason.is_empty() { String::new() } else { format!(" ({reason})") };
    format!("the container was restarted {times}; it last ended with exit status {exit_code}{reason}")
}

fn after_restart(pod: &PodFacts) -> String {
    pod.restart.as_ref().map(|restart| format!("; {}", restarted(restart))).unwrap_or_default()
}

fn explain(problem: &Problem) -> (Reason, String) {
    match problem {
        Problem::Image { image, message } => (Reason::ImagePull, format!("image {image}: {message}")),
        Problem::Agent { message } => (Reason::AgentInstall, format!("installing the agent: {message}")),
        Problem::Crash { other, exit_code, restarts, reason } => {
            let container = other
                .as_ref()
                .map_or_else(|| "the container".to_owned(), |name| format!("container {name:?}"));
            let message = format!(
                "{container} ended with exit status {exit_code} ({reason}), {restarts} restarts so far"
            );
            (Reason::CrashLoop, message)
        }
        Problem::Config { message } => (Reason::ContainerConfig, message.clone()),
    }
}
