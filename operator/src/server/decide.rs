//! The decision about one server. Pure: no client, no clock, no environment.

use std::time::Duration;

use devplat_api::{
    DevServerStatus,
    condition::{ConditionType, Reason},
    name::{self, ServerName},
    server::Phase,
};
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

use super::{
    acceptance::{Refusal, Resolved, accept, resolve},
    conditions::{Conditions, Truth},
    deletion,
    manifest::{self, Manifests, manifests},
    network,
    parts::{say_flavor, say_scheduling, say_storage},
    readiness::{self, Before, Readiness, age, judge},
    snapshot::{Action, ChildKind, Decision, Network, Snapshot},
};
use crate::{
    child::Child,
    observed::{ClaimPhase, PodFacts, Scheduling},
};

/// How long a young pod's details stay unsaid while nothing is wrong: they change too often to write.
const YOUNG: Duration = Duration::from_secs(30);

/// How long a new server may be without a pod before that is said: with many at once, controllers take a minute.
const WITHOUT_POD: Duration = Duration::from_mins(2);

/// How long a pod that found its node late may take to be ready before anything is said of it.
const SETTLING: Duration = Duration::from_secs(10);

/// How often is looked whether somebody else's object still has a name that is needed.
const FOREIGN: Duration = Duration::from_secs(5);

/// What to do about a server.
pub(crate) fn decide(snapshot: &Snapshot) -> Decision {
    if let Some(since) = snapshot.server.deleting {
        return deletion::decide(snapshot, since);
    }
    let accepted = accept(&snapshot.server);
    let resolved = resolve(&snapshot.server, &snapshot.flavors, &snapshot.defaults);
    let wanted = match (&accepted, &resolved) {
        (Ok(name), Ok(resolved)) => {
            Some((name, manifests(&snapshot.server, name, resolved, &snapshot.defaults)))
        }
        _ => None,
    };
    let taken = accepted.as_ref().ok().and_then(|name| taken(snapshot, name));
    let plan = match &wanted {
        Some((name, manifests)) if taken.is_none() => plan(snapshot, name, manifests),
        _ => Plan::nothing(snapshot),
    };
    report(snapshot, &accepted, &resolved, taken, plan)
}

/// What gets done, and what the pods have to look like then.
struct Plan {
    actions: Vec<Action>,
    /// Template that a pod must be made from to count.
    template: Option<String>,
    /// Whether a change waits for a restart.
    pending: bool,
    /// Generation that the Deployment has if nobody else changed it.
    generation: Option<i64>,
}

impl Plan {
    fn nothing(snapshot: &Snapshot) -> Self {
        let deployment = snapshot.deployment.ours();
        Self {
            actions: Vec::new(),
            template: deployment.and_then(|deployment| deployment.template.clone()),
            pending: false,
            generation: None,
        }
    }
}

fn plan(snapshot: &Snapshot, name: &ServerName, manifests: &Manifests) -> Plan {
    let mut plan = plan_deployment(snapshot, manifests);
    let machine = std::mem::take(&mut plan.actions);
    if !snapshot.server.finalizers.iter().any(|finalizer| finalizer == name::SERVER_FINALIZER) {
        plan.actions.push(Action::AddFinalizer);
    }
    plan.actions.extend(plan_network(snapshot));
    plan.actions.extend(plan_keys(snapshot, manifests, &machine));
    plan.actions.extend(plan_home(snapshot, name, manifests));
    plan.actions.extend(plan_service(snapshot, manifests));
    plan.actions.extend(machine);
    plan
}

fn plan_deployment(snapshot: &Snapshot, manifests: &Manifests) -> Plan {
    let Manifests { deployment: body, template, choice, home: _, service: _, keys: _ } = manifests;
    let so = |actions| Plan { actions, template: Some(template.clone()), pending: false, generation: None };
    let Some(facts) = snapshot.deployment.ours() else {
        return so(vec![Action::Make(ChildKind::Deployment, body.clone())]);
    };
    let apply = || vec![Action::Apply(ChildKind::Deployment, body.clone())];
    if facts.deleting {
        return so(Vec::new());
    }
    let chosen = facts.choice.as_ref() == Some(choice);
    let running = snapshot.pods.iter().any(|pod| pod.running && !pod.deleting);
    if facts.template.as_ref() != Some(template) {
        // Nobody but its user restarts a running server: not an upgrade of the operator, not a changed flavor.
        let keep = chosen && running;
        return if keep {
            Plan { actions: Vec::new(), template: facts.template.clone(), pending: true, generation: None }
        } else {
            so(apply())
        };
    }
    let said = snapshot.server.status.as_ref().and_then(|status| status.deployment_generation);
    let expected = snapshot.written_generation.or(said).or(facts.generation);
    let same = chosen && expected == facts.generation;
    let actions = if same { Vec::new() } else { apply() };
    Plan { generation: expected, ..so(actions) }
}

/// The keys, wherever a pod comes that needs them. Nobody watches them, nor may the operator read them, so they are made
/// again where a pod hangs: somebody may have deleted them. That is tried ever less often, since most pods that take long
/// pull an image; once is not enough, since keys may go after that and before the kubelet asks for them.
fn plan_keys(snapshot: &Snapshot, manifests: &Manifests, machine: &[Action]) -> Option<Action> {
    let body = manifests.keys.as_ref()?;
    let made_since = |time: Timestamp| snapshot.keys_made.is_some_and(|made| made >= time);
    let hangs = |pod: &PodFacts| {
        let step = last_step(pod, None).filter(|_| waits_for_kubelet(pod));
        let doubt = |step: Timestamp| doubts(age(step, snapshot.now)).0.map(|after| (step, after));
        step.and_then(doubt)
            .is_some_and(|(step, after)| !made_since(step.saturating_add(after).unwrap_or(step)))
    };
    let needed = !machine.is_empty() || snapshot.pods.iter().any(|pod| hangs(pod));
    needed.then(|| Action::Make(ChildKind::Keys, body.clone()))
}

/// Who reaches the servers in a namespace of no user: as in every user's, and before anything runs there.
fn plan_network(snapshot: &Snapshot) -> Option<Action> {
    let Network { policy, servers } = snapshot.network.as_ref()?;
    let right = match policy {
        Child::Absent => false,
        Child::Foreign => return None,
        Child::Ours(facts) => facts.right && network::holds(facts, servers),
    };
    let body = || network::policy(&snapshot.server.key.namespace, servers);
    (!right).then(|| Action::Apply(ChildKind::Network, body()))
}

fn plan_home(snapshot: &Snapshot, name: &ServerName, manifests: &Manifests) -> Option<Action> {
    let facts = match &snapshot.home {
        Child::Absent => return Some(Action::Make(ChildKind::Home, manifests.home.clone())),
        Child::Foreign => return None,
        Child::Ours(facts) => facts,
    };
    let wanted = snapshot.server.spec.persistent_home_size.as_ref()?;
    let size = facts.size.as_ref()?;
    let grows = wanted.value().ok()? > size.value().ok()?;
    let body = manifest::home(&snapshot.server, name, wanted, facts.storage_class.as_deref());
    (grows && !facts.deleting).then_some(Action::Apply(ChildKind::Home, body))
}

fn plan_service(snapshot: &Snapshot, manifests: &Manifests) -> Option<Action> {
    match (&manifests.service, &snapshot.service) {
        (Some(body), Child::Absent) => Some(Action::Make(ChildKind::Service, body.clone())),
        (Some(body), Child::Ours(facts)) => {
            let right = facts.leads_to_agent && facts.selects.as_deref() == Some(&*snapshot.server.key.name);
            (!right && !facts.deleting).then(|| Action::Apply(ChildKind::Service, body.clone()))
        }
        (None, Child::Ours(facts)) => (!facts.deleting).then_some(Action::Delete(ChildKind::Service)),
        (Some(_) | None, Child::Foreign) | (None, Child::Absent) => None,
    }
}

/// Whether a name that the server needs is somebody else's.
fn taken(snapshot: &Snapshot, name: &ServerName) -> Option<Refusal> {
    let children = [
        (matches!(snapshot.deployment, Child::Foreign), ChildKind::Deployment, name.as_str().to_owned()),
        (matches!(snapshot.home, Child::Foreign), ChildKind::Home, name.home()),
        (
            snapshot.server.spec.enable_ssh && matches!(snapshot.service, Child::Foreign),
            ChildKind::Service,
            name.service(),
        ),
    ];
    let (_, kind, name) = children.into_iter().find(|(foreign, ..)| *foreign)?;
    let message = format!(
        "{} {name:?} exists and is not this server's; it is left alone: remove it, or choose another name for the server",
        kind.as_str(),
    );
    Some(Refusal::new(Reason::NameTaken, message))
}

fn report(
    snapshot: &Snapshot,
    accepted: &Result<ServerName, Refusal>,
    resolved: &Result<Resolved, Refusal>,
    taken: Option<Refusal>,
    plan: Plan,
) -> Decision {
    let Snapshot { server, deployment, home, pods, volume_made, failure, now, .. } = snapshot;
    let before = server.status.clone().unwrap_or_default();
    let Plan { actions, template, pending, generation } = plan;

    let there = deployment.ours();
    let taken_by_others = taken.is_some();
    let mut readiness = judge(snapshot, template.as_deref(), Before::of(&before));
    // With a pod that serves, what fails elsewhere is told elsewhere; without one, the first cause counts.
    let first = accepted.as_ref().err().or(resolved.as_ref().err()).cloned();
    let blocked = first.filter(|_| there.is_none()).or(taken.clone());
    let failed = failure.as_ref().map(|failure| Refusal::new(failure.reason, failure.message.clone()));
    let service_failed = failure.as_ref().is_some_and(|failure| failure.child == ChildKind::Service);
    if let Some(Refusal { reason, message }) = blocked {
        readiness = Readiness::Failing { reason, message };
    } else if let Some(Refusal { reason, message }) = failed
        && (service_failed || !matches!(readiness, Readiness::Ready(_)))
    {
        readiness = Readiness::Failing { reason, message };
    }

    let mut conditions = Conditions::after(&before.conditions, server.generation, *now);
    match accepted.as_ref().err().cloned().or(taken) {
        None => conditions.set(ConditionType::Accepted, Truth::True, Reason::Valid, ""),
        Some(Refusal { reason, message }) => {
            conditions.set(ConditionType::Accepted, Truth::False, reason, message);
        }
    }
    say_flavor(&mut conditions, resolved, there.is_some());
    let pod = pods.iter().filter(|pod| !pod.deleting).max_by_key(|pod| pod.created);
    let grown = pod.and_then(|pod| last_step(pod, *volume_made)).map(|step| age(step, *now));
    let young = matches!(readiness, Readiness::Coming { .. }) && grown.is_none_or(|grown| grown < YOUNG);
    let settling = waited_for_node(&before) && grown.is_none_or(|grown| grown < SETTLING);
    // The scheduler has yet to notice that the volume came: told together with that, not before.
    let noticing = matches!(readiness, Readiness::Failing { reason: Reason::VolumePending, .. })
        && home.ours().is_some_and(|facts| facts.phase == ClaimPhase::Bound);
    let home_failure = failure.as_ref().filter(|failure| failure.child == ChildKind::Home);
    say_storage(&mut conditions, home, home_failure, young || noticing);
    say_scheduling(&mut conditions, pod.map(|pod| &**pod), young);

    // What is somebody else's is not watched, so nobody tells when it goes.
    let mut recheck = taken_by_others.then_some(FOREIGN);
    let (phase, ready_pod) = match &readiness {
        Readiness::Ready(pod) => {
            let message = pod.restart.as_ref().map(readiness::restarted).unwrap_or_default();
            conditions.set(ConditionType::Ready, Truth::True, Reason::PodReady, message);
            (Phase::Running, Some(pod))
        }
        Readiness::Coming { reason, message, recheck: at } => {
            // Without a pod, time alone changes nothing.
            recheck = recheck
                .or(*at)
                .or(grown.and_then(|grown| rest(if settling { SETTLING } else { YOUNG }, grown)))
                .or(grown
                    .filter(|_| pod.is_some_and(|pod| waits_for_kubelet(pod)))
                    .and_then(|grown| rest(doubts(grown).1, grown)));
            if *reason == Reason::Starting && settling {
                // It has its node now and will be ready in a moment: one write, not two.
                conditions.keep_or(ConditionType::Ready, Truth::False, *reason, message);
            } else {
                conditions.set(ConditionType::Ready, Truth::False, *reason, message.clone());
            }
            (Phase::Pending, None)
        }
        Readiness::Failing { reason, message } => {
            conditions.set(ConditionType::Ready, Truth::False, *reason, message.clone());
            let hopeless = there.is_none() || matches!(reason, Reason::CrashLoop | Reason::VolumeLost);
            (if hopeless { Phase::Failed } else { Phase::Pending }, None)
        }
    };
    if pending {
        let message = "flavor, agent or template changed; the change takes effect at the next restart";
        conditions.set(ConditionType::RestartPending, Truth::True, Reason::TemplateChanged, message);
    }

    // The bastion lets somebody in who waits as soon as SSH answers there, which is before the kubelet says so.
    let comes = pod
        .filter(|pod| server.spec.enable_ssh && pod.template == template)
        .filter(|_| matches!(readiness, Readiness::Coming { .. }));
    let address = ready_pod.or(comes).and_then(|pod| pod.ip.as_ref());
    let serves = accepted.as_ref().ok().filter(|_| server.spec.enable_ssh);
    // Not remembered of a server that isn't made: it uses nothing.
    let found = accepted.as_ref().ok().and(resolved.as_ref().ok());
    let status = DevServerStatus {
        observed_generation: server.generation,
        phase,
        ready: ready_pod.is_some(),
        flavor: found.map(|found| found.flavor.clone()).or(before.flavor.clone()),
        image: found.map(|found| found.image.clone()).or(before.image.clone()),
        service_name: serves.map(ServerName::service),
        ssh_endpoint: serves
            .map(|name| format!("{}.{}.svc:{}", name.service(), server.key.namespace, name::SSH_PORT)),
        pod_ip: address.cloned(),
        pod_names: ready_pod.map(|pod| pod.name.clone()).into_iter().collect(),
        start_time: ready_pod.and_then(|pod| pod.started).map(Time),
        last_idle_time: None,
        // Goes along with the word that it is ready, or a server would cost one write more.
        deployment_generation: if ready_pod.is_some() { generation } else { before.deployment_generation },
        conditions: conditions.finish(),
    };
    // A flavor that was chosen for it is written down first: from then on it is this server's.
    let named = server.spec.flavor.is_some();
    let well = found.is_some() && failure.is_none() && matches!(readiness, Readiness::Coming { .. });
    let new = before.observed_generation.is_none();
    let silence =
        silence(snapshot, pod.map(|pod| &**pod), young).filter(|_| new && named && well && address.is_none());
    if let Some(left) = silence {
        return Decision { status: None, actions, recheck: Some(recheck.map_or(left, |at| at.min(left))) };
    }
    Decision { status: (server.status.as_ref() != Some(&status)).then_some(status), actions, recheck }
}

/// How much longer nothing is said of a server that is coming, and of which nothing was said so far but what every
/// new one has in its status by itself: it is likely to be ready by then, and that is one write, not two.
fn silence(snapshot: &Snapshot, pod: Option<&PodFacts>, young: bool) -> Option<Duration> {
    match pod {
        Some(pod) if young => rest(YOUNG, age(last_step(pod, snapshot.volume_made)?, snapshot.now)),
        Some(_) => None,
        None => rest(WITHOUT_POD, age(snapshot.server.created?, snapshot.now)),
    }
}

/// What is left of `bound`.
fn rest(bound: Duration, passed: Duration) -> Option<Duration> {
    bound.checked_sub(passed).filter(|rest| !rest.is_zero())
}

/// Whether it is the kubelet's turn, which nothing is known of.
fn waits_for_kubelet(pod: &PodFacts) -> bool {
    let placed = matches!(pod.scheduling, Scheduling::Scheduled { since: _ });
    placed && !pod.running && !pod.deleting && pod.problem.is_none()
}

/// When the keys of a pod are doubted that has hung for so long: the last time so far, and the next.
fn doubts(hung: Duration) -> (Option<Duration>, Duration) {
    let (mut last, mut next) = (None, YOUNG);
    while next <= hung {
        last = Some(next);
        next = next.saturating_mul(2);
    }
    (last, next)
}

/// When the pod last got further, or the queue for volumes that it may be in.
fn last_step(pod: &PodFacts, volume_made: Option<Timestamp>) -> Option<Timestamp> {
    let step = match pod.scheduling {
        Scheduling::Scheduled { since } => since,
        Scheduling::Unknown | Scheduling::Refused { .. } => volume_made,
    };
    pod.created.max(step)
}

/// Whether the last word on a server was that no node took it.
fn waited_for_node(before: &DevServerStatus) -> bool {
    let reasons = [Reason::Unschedulable.as_str(), Reason::VolumePending.as_str()];
    let said = before.conditions.iter().find(|condition| condition.type_ == ConditionType::Ready.as_str());
    said.is_some_and(|ready| reasons.contains(&&*ready.reason))
}
