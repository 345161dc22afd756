//! A server with its surroundings, and a cluster that does as decided.

use std::{collections::BTreeMap, sync::Arc};

use devplat_api::{
    Amount, DevServerFlavorSpec, DevServerSpec, DevServerStatus, condition::ConditionType,
    flavor::FlavorResources, name,
};
use k8s_openapi::jiff::Timestamp;

use crate::{
    child::Child,
    config::Defaults,
    observed::{
        ClaimFacts, ClaimPhase, DeploymentFacts, FlavorFacts, Key, Owner, PodFacts, PolicyFacts, Scheduling,
        ServerFacts, ServiceFacts,
    },
    server::{
        decide::decide,
        snapshot::{Action, ChildKind, Decision, Snapshot},
    },
};

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

pub(super) fn flavor(name: &str, default: bool) -> Arc<FlavorFacts> {
    let amounts = |cpu: &str, memory: &str| {
        let amount = |text: &str| Amount::parse(text).unwrap();
        BTreeMap::from([("cpu".to_owned(), amount(cpu)), ("memory".to_owned(), amount(memory))])
    };
    let resources = FlavorResources { requests: amounts("500m", "512Mi"), limits: amounts("2", "2Gi") };
    Arc::new(FlavorFacts {
        name: name.into(),
        generation: Some(1),
        deleting: false,
        default,
        finalizers: vec![],
        spec: DevServerFlavorSpec { resources, ..DevServerFlavorSpec::default() },
        status: None,
    })
}

/// A server nobody has looked at, among two flavors of which one is the default.
pub(super) fn new_server(spec: DevServerSpec) -> Snapshot {
    let server = ServerFacts {
        key: Key::new("dev-alice", "mydev"),
        uid: "uid-1".into(),
        generation: Some(1),
        created: Some(at(0)),
        deleting: None,
        finalizers: vec![],
        restart: None,
        spec: DevServerSpec { enable_ssh: true, ..spec },
        status: None,
    };
    Snapshot {
        server: Arc::new(server),
        flavors: vec![flavor("cpu-small", true), flavor("cpu-large", false)],
        deployment: Child::Absent,
        home: Child::Absent,
        service: Child::Absent,
        network: None,
        pods: vec![],
        written_generation: None,
        keys_made: None,
        volume_made: None,
        failure: None,
        defaults: Defaults {
            agent_image: "devplat.local/devplat-agent@sha256:a1".into(),
            image: "devplat.local/devserver-base@sha256:b1".into(),
            home_size: Amount::parse("10Gi").unwrap(),
            storage_class: None,
            pod_security: None,
        },
        now: at(0),
    }
}

/// A server that runs, with nothing left to do.
pub(super) fn running() -> Snapshot {
    let mut snapshot = new_server(DevServerSpec::default());
    settle(&mut snapshot);
    add_pod(&mut snapshot, |pod| pod.ready = true);
    settle(&mut snapshot);
    snapshot
}

/// A server whose pod is there, as `change` makes it, and starting.
pub(super) fn starting(change: impl FnOnce(&mut PodFacts)) -> Snapshot {
    let mut snapshot = new_server(DevServerSpec::default());
    settle(&mut snapshot);
    add_pod(&mut snapshot, change);
    snapshot
}

pub(super) fn add_pod(snapshot: &mut Snapshot, change: impl FnOnce(&mut PodFacts)) {
    let mut pod = PodFacts {
        name: format!("mydev-{}", snapshot.pods.len()),
        template: snapshot.deployment.ours().unwrap().template.clone(),
        running: true,
        created: Some(snapshot.now),
        started: Some(snapshot.now),
        running_since: Some(snapshot.now),
        scheduling: Scheduling::Scheduled { since: Some(snapshot.now) },
        replica_set: Some("mydev-abc".into()),
        ..PodFacts::default()
    };
    change(&mut pod);
    if pod.running {
        pod.ip.get_or_insert_with(|| format!("10.0.0.{}", snapshot.pods.len()));
    }
    snapshot.pods.push(Arc::new(pod));
}

pub(super) fn spec_of(snapshot: &mut Snapshot) -> &mut DevServerSpec {
    let server = Arc::make_mut(&mut snapshot.server);
    server.generation = server.generation.map(|generation| generation + 1);
    &mut server.spec
}

/// Does as decided until nothing is decided any more.
pub(super) fn settle(snapshot: &mut Snapshot) {
    for _ in 0..5 {
        let Decision { status, actions, recheck: _ } = decide(snapshot);
        if status.is_none() && actions.is_empty() {
            return;
        }
        if status.is_some() {
            Arc::make_mut(&mut snapshot.server).status = status;
        }
        for action in actions {
            carry_out(snapshot, action);
        }
    }
    panic!("decisions never come to an end: {:#?}", decide(snapshot));
}

fn carry_out(snapshot: &mut Snapshot, action: Action) {
    match action {
        Action::AddFinalizer => {
            Arc::make_mut(&mut snapshot.server).finalizers.push(name::SERVER_FINALIZER.into());
        }
        Action::RemoveFinalizer => Arc::make_mut(&mut snapshot.server).finalizers.clear(),
        Action::Make(ChildKind::Deployment, body) | Action::Apply(ChildKind::Deployment, body) => {
            let annotation = |key: &str| body["metadata"]["annotations"][key].as_str().map(str::to_owned);
            let before = snapshot.deployment.ours().and_then(|facts| facts.generation).unwrap_or(0);
            snapshot.written_generation = Some(before + 1);
            snapshot.deployment = Child::Ours(Arc::new(DeploymentFacts {
                owner: body["metadata"]["ownerReferences"][0]["uid"].as_str().map(str::to_owned),
                choice: annotation(name::CHOICE_ANNOTATION),
                template: annotation(name::TEMPLATE_ANNOTATION),
                generation: Some(before + 1),
                ..DeploymentFacts::default()
            }));
        }
        Action::Make(ChildKind::Home, body) | Action::Apply(ChildKind::Home, body) => {
            let size = body["spec"]["resources"]["requests"]["storage"].as_str().unwrap();
            snapshot.home = Child::Ours(Arc::new(ClaimFacts {
                server: Some("mydev".into()),
                size: Some(Amount::parse(size).unwrap()),
                phase: ClaimPhase::Bound,
                ..ClaimFacts::default()
            }));
        }
        Action::Make(ChildKind::Service, body) | Action::Apply(ChildKind::Service, body) => {
            snapshot.service = Child::Ours(Arc::new(ServiceFacts {
                owner: body["metadata"]["ownerReferences"][0]["uid"].as_str().map(str::to_owned),
                selects: body["spec"]["selector"][name::SERVER_LABEL].as_str().map(str::to_owned),
                leads_to_agent: body["spec"]["ports"][0]["targetPort"] == name::SSH_TARGET_PORT,
                deleting: false,
            }));
        }
        Action::Make(ChildKind::Network, body) | Action::Apply(ChildKind::Network, body) => {
            let owners = body["metadata"]["ownerReferences"].as_array().unwrap();
            let text = |owner: &serde_json::Value, field: &str| owner[field].as_str().unwrap().to_owned();
            let owner =
                |owner: &serde_json::Value| Owner { name: text(owner, "name"), uid: text(owner, "uid") };
            let servers = owners.iter().map(owner).collect();
            let facts = PolicyFacts { servers, right: true, user: None };
            snapshot.network.as_mut().unwrap().policy = Child::Ours(Arc::new(facts));
        }
        Action::Delete(ChildKind::Network) => panic!("it is not one server's"),
        Action::Make(ChildKind::Keys, _) => snapshot.keys_made = Some(snapshot.now),
        Action::Apply(ChildKind::Keys, _) => panic!("they are never changed"),
        Action::Delete(ChildKind::Keys) => snapshot.keys_made = None,
        Action::Delete(ChildKind::Deployment) => snapshot.deployment = Child::Absent,
        Action::Delete(ChildKind::Home) => snapshot.home = Child::Absent,
        Action::Delete(ChildKind::Service) => snapshot.service = Child::Absent,
        Action::DeletePods { replica_sets: _, pods: _ } => {
            snapshot.pods.iter_mut().for_each(|pod| Arc::make_mut(pod).deleting = true);
        }
    }
}

/// Actions in short: what, and to which child.
pub(super) fn actions(snapshot: &Snapshot) -> Vec<String> {
    let name = |action: Action| match action {
        Action::AddFinalizer => "add finalizer".to_owned(),
        Action::RemoveFinalizer => "remove finalizer".to_owned(),
        Action::Make(kind, _) => format!("make {}", kind.as_str()),
        Action::Apply(kind, _) => format!("apply {}", kind.as_str()),
        Action::Delete(kind) => format!("delete {}", kind.as_str()),
        Action::DeletePods { replica_sets, pods } => {
            format!("delete {} then {}", replica_sets.join(" "), pods.join(" "))
        }
    };
    decide(snapshot).actions.into_iter().map(name).collect()
}

/// What is said after the decision, whether that is new or not.
pub(super) fn status(snapshot: &Snapshot) -> DevServerStatus {
    decide(snapshot).status.or_else(|| snapshot.server.status.clone()).unwrap()
}

/// A condition in short: `Status Reason: message`.
pub(super) fn said(snapshot: &Snapshot, kind: ConditionType) -> String {
    let status = status(snapshot);
    let found = status.conditions.iter().find(|condition| condition.type_ == kind.as_str());
    found.map_or("nothing".into(), |condition| {
        format!("{} {}: {}", condition.status, condition.reason, condition.message)
    })
}
