//! The end of a server: everything goes but the home, which goes only where that was asked for.

use std::{collections::BTreeSet, time::Duration};

use devplat_api::{
    condition::{ConditionType, Reason},
    name,
    server::{HomeRetention, Phase},
};
use k8s_openapi::jiff::Timestamp;

use super::{
    conditions::{Conditions, Truth},
    readiness::age,
    snapshot::{Action, ChildKind, Decision, Snapshot},
};
use crate::child::Child;

/// How long a deletion may take before the status says what it waits for: nobody reads it sooner.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to do about a server whose deletion was asked for at `since`.
pub(crate) fn decide(snapshot: &Snapshot, since: Timestamp) -> Decision {
    let Snapshot { server, deployment, home, service, pods, now, .. } = snapshot;
    if !server.finalizers.iter().any(|finalizer| finalizer == name::SERVER_FINALIZER) {
        return Decision::default();
    }
    let mut actions = Vec::new();
    let mut waits = Vec::new();
    let mut remove = |kind: ChildKind, there: bool, deleting: bool| {
        if there {
            waits.push(kind.as_str().to_owned());
            if !deleting {
                actions.push(Action::Delete(kind));
            }
        }
    };
    let facts = deployment.ours();
    remove(ChildKind::Deployment, facts.is_some(), facts.is_some_and(|facts| facts.deleting));
    let facts = service.ours();
    remove(ChildKind::Service, facts.is_some(), facts.is_some_and(|facts| facts.deleting));
    match (server.spec.home_retention, home) {
        (HomeRetention::Delete, Child::Ours(facts)) => remove(ChildKind::Home, true, facts.deleting),
        (HomeRetention::Delete, Child::Absent | Child::Foreign) | (HomeRetention::Retain, _) => {}
    }
    // Pods that only look like ours are nobody to wait for.
    let made: Vec<_> =
        pods.iter().filter(|pod| pod.replica_set.is_some() && pod.template.is_some()).collect();
    waits.extend(made.iter().map(|pod| format!("pod {}", pod.name)));
    // Kubernetes' garbage collector would do it too, at a few objects a second for the whole cluster.
    let (mut replica_sets, mut going) = (BTreeSet::new(), Vec::new());
    for pod in made.iter().filter(|pod| !pod.deleting) {
        replica_sets.extend(pod.replica_set.clone());
        going.push(pod.name.clone());
    }
    if !going.is_empty() {
        actions.push(Action::DeletePods { replica_sets: replica_sets.into_iter().collect(), pods: going });
    }
    if waits.is_empty() {
        // Whether there are keys is not known.
        let actions = vec![Action::Delete(ChildKind::Keys), Action::RemoveFinalizer];
        return Decision { actions, ..Decision::default() };
    }

    let waited = age(since, *now);
    if waited < PATIENCE {
        return Decision { actions, recheck: Some(PATIENCE.saturating_sub(waited)), status: None };
    }
    let before = server.status.clone().unwrap_or_default();
    let mut conditions = Conditions::after(&before.conditions, server.generation, *now);
    let message = format!("waiting for the end of {}", waits.join(", "));
    conditions.set(ConditionType::Ready, Truth::False, Reason::Terminating, message);
    let mut status = before.clone();
    status.phase = Phase::Terminating;
    status.ready = false;
    status.pod_ip = None;
    status.conditions = conditions.finish();
    Decision { actions, status: (status != before).then_some(status), recheck: None }
}
