//! What is made of what a user asks for.

use std::{sync::Arc, time::Duration};

use devplat_api::{
    Amount, DevServerSpec,
    condition::{ConditionType, Reason},
    server::{Distributed, Lifecycle, Mode, Phase},
};

use super::world::{actions, add_pod, at, flavor, new_server, running, said, settle, spec_of, status};
use crate::{
    child::Child,
    observed::{ClaimFacts, PodFacts, Problem, Scheduling},
    server::{
        decide::decide,
        snapshot::{ChildKind, Decision, Failure, Snapshot},
    },
};

#[test]
fn a_new_server_is_held_before_anything_is_made() {
    let snapshot = new_server(DevServerSpec::default());
    assert_eq!(
        actions(&snapshot),
        ["add finalizer", "make Secret", "make PersistentVolumeClaim", "make Service", "make Deployment"]
    );
    assert_eq!(said(&snapshot, ConditionType::Ready), "False Starting: waiting for the pod to start");
}

#[test]
fn a_running_server_needs_nothing() {
    let Decision { status, actions, recheck } = decide(&running());
    assert_eq!((status, actions, recheck), (None, vec![], None));
}

/// How often the status of a server is written until it is ready. Its pod has an address `early`, as from a kubelet, or
/// when it is ready.
fn writes_until_ready(mut snapshot: Snapshot, early: bool) -> u32 {
    let mut writes = 0;
    let mut step = |snapshot: &mut Snapshot| {
        writes += u32::from(decide(snapshot).status.is_some());
        settle(snapshot);
    };
    step(&mut snapshot);
    add_pod(&mut snapshot, |pod| {
        (pod.running, pod.scheduling) = (false, Scheduling::Unknown);
    });
    step(&mut snapshot);
    Arc::make_mut(&mut snapshot.pods[0]).scheduling = Scheduling::Scheduled { since: None };
    step(&mut snapshot);
    Arc::make_mut(&mut snapshot.pods[0]).ip = early.then(|| "10.0.0.9".into());
    step(&mut snapshot);
    Arc::make_mut(&mut snapshot.pods[0]).running = true;
    step(&mut snapshot);
    Arc::make_mut(&mut snapshot.pods[0]).ip = Some("10.0.0.9".into());
    Arc::make_mut(&mut snapshot.pods[0]).ready = true;
    step(&mut snapshot);
    assert!(snapshot.server.status.as_ref().unwrap().ready);
    writes
}

fn of_flavor(flavor: &str) -> Snapshot {
    new_server(DevServerSpec { flavor: Some(flavor.into()), ..DevServerSpec::default() })
}

#[test]
fn from_new_to_ready_the_status_is_written_with_the_address_and_that_it_is_ready() {
    assert_eq!(writes_until_ready(of_flavor("cpu-small"), true), 2);
    assert_eq!(writes_until_ready(of_flavor("cpu-small"), false), 1);
}

#[test]
fn the_default_flavor_is_written_down_before_it_is_used() {
    let snapshot = new_server(DevServerSpec::default());
    assert_eq!(decide(&snapshot).status.unwrap().flavor.as_deref(), Some("cpu-small"));
    assert_eq!(writes_until_ready(snapshot, true), 3);
}

#[test]
fn a_new_server_that_is_slow_is_told_of_after_a_while() {
    let mut snapshot = of_flavor("cpu-small");
    settle(&mut snapshot);
    assert_eq!(decide(&snapshot).recheck.unwrap().as_secs(), 120);
    snapshot.now = at(100);
    add_pod(&mut snapshot, |pod| pod.running = false);
    assert_eq!(snapshot.server.status, None);
    snapshot.now = at(129);
    assert_eq!((decide(&snapshot).status, decide(&snapshot).recheck.unwrap().as_secs()), (None, 1));
    snapshot.now = at(130);
    assert!(said(&snapshot, ConditionType::PodScheduled).starts_with("True"));
}

#[test]
fn a_new_server_that_gets_no_pod_is_told_of() {
    let mut snapshot = of_flavor("cpu-small");
    settle(&mut snapshot);
    snapshot.now = at(120);
    assert_eq!(said(&snapshot, ConditionType::Ready), "False Starting: waiting for the pod to start");
}

#[test]
fn what_is_wrong_with_a_new_server_is_told_at_once() {
    let mut snapshot = of_flavor("cpu-small");
    let message = "secrets is forbidden".to_owned();
    snapshot.failure = Some(Failure { child: ChildKind::Keys, reason: Reason::Forbidden, message });
    assert!(said(&snapshot, ConditionType::Ready).starts_with("False Forbidden"));
    snapshot.failure = None;
    settle(&mut snapshot);
    let problem = Problem::Image { image: "nope:1".into(), message: "not found".into() };
    add_pod(&mut snapshot, |pod| (pod.running, pod.problem) = (false, Some(problem)));
    assert!(said(&snapshot, ConditionType::Ready).starts_with("False ImagePull"));
}

#[test]
fn an_unknown_flavor_is_told_with_the_nearest_one() {
    let snapshot = new_server(DevServerSpec { flavor: Some("cpu-smal".into()), ..DevServerSpec::default() });
    assert!(actions(&snapshot).is_empty());
    assert_eq!(
        said(&snapshot, ConditionType::Ready),
        "False FlavorNotFound: there is no flavor \"cpu-smal\"; did you mean \"cpu-small\"? flavors: cpu-large, cpu-small"
    );
    assert_eq!(status(&snapshot).phase, Phase::Failed);
}

#[test]
fn no_flavor_and_no_default_is_told() {
    let mut snapshot = new_server(DevServerSpec::default());
    snapshot.flavors = vec![flavor("cpu-small", false)];
    assert_eq!(
        said(&snapshot, ConditionType::FlavorResolved),
        "False NoDefaultFlavor: spec.flavor is not set and no flavor is the default; set it; flavors: cpu-small"
    );
}

#[test]
fn two_default_flavors_are_told_instead_of_one_being_guessed() {
    let mut snapshot = new_server(DevServerSpec::default());
    snapshot.flavors = vec![flavor("b", true), flavor("a", true)];
    assert!(said(&snapshot, ConditionType::FlavorResolved).starts_with("False SeveralDefaultFlavors"));
}

#[test]
fn a_changed_default_flavor_leaves_servers_as_they_are() {
    let mut snapshot = running();
    snapshot.flavors = vec![flavor("cpu-small", false), flavor("cpu-large", true)];
    snapshot.defaults.image = "other".into();
    assert_eq!(decide(&snapshot), Decision::default());
}

#[test]
fn a_vanished_flavor_is_told_and_the_server_goes_on() {
    let mut snapshot = running();
    snapshot.flavors = vec![flavor("cpu-large", false)];
    assert!(actions(&snapshot).is_empty());
    assert!(said(&snapshot, ConditionType::FlavorResolved).starts_with("False FlavorGone"));
    assert!(said(&snapshot, ConditionType::Ready).starts_with("True"));
}

#[test]
fn a_flavor_being_deleted_takes_no_new_servers() {
    let mut snapshot =
        new_server(DevServerSpec { flavor: Some("cpu-large".into()), ..DevServerSpec::default() });
    Arc::make_mut(&mut snapshot.flavors[1]).deleting = true;
    assert!(actions(&snapshot).is_empty());
    assert!(said(&snapshot, ConditionType::Ready).starts_with("False FlavorDeleting"));
}

#[test]
fn a_changed_flavor_restarts_no_running_server() {
    let mut snapshot = running();
    let bigger = Amount::parse("8").unwrap();
    Arc::make_mut(&mut snapshot.flavors[0]).spec.resources.limits.insert("cpu".into(), bigger);
    assert!(actions(&snapshot).is_empty());
    assert!(said(&snapshot, ConditionType::RestartPending).starts_with("True TemplateChanged"));
    assert!(said(&snapshot, ConditionType::Ready).starts_with("True"));
}

#[test]
fn an_upgraded_agent_restarts_no_running_server() {
    let mut snapshot = running();
    snapshot.defaults.agent_image = "devplat.local/devplat-agent@sha256:a2".into();
    assert!(actions(&snapshot).is_empty());
    assert!(said(&snapshot, ConditionType::RestartPending).starts_with("True"));
}

#[test]
fn a_pending_change_is_made_when_nothing_runs_any_more() {
    let mut snapshot = running();
    snapshot.defaults.agent_image = "devplat.local/devplat-agent@sha256:a2".into();
    settle(&mut snapshot);
    snapshot.pods.clear();
    assert_eq!(actions(&snapshot), ["make Secret", "apply Deployment"]);
    settle(&mut snapshot);
    assert_eq!(said(&snapshot, ConditionType::RestartPending), "nothing");
}

#[test]
fn a_user_who_changes_the_image_gets_a_restart() {
    let mut snapshot = running();
    spec_of(&mut snapshot).image = Some("other".into());
    assert_eq!(actions(&snapshot), ["make Secret", "apply Deployment"]);
    settle(&mut snapshot);
    assert_eq!(
        said(&snapshot, ConditionType::Ready),
        "False Restarting: pod mydev-0 gives way to a changed one"
    );
}

#[test]
fn a_user_who_asks_for_a_restart_gets_it_with_what_was_pending() {
    let mut snapshot = running();
    snapshot.defaults.agent_image = "devplat.local/devplat-agent@sha256:a2".into();
    settle(&mut snapshot);
    Arc::make_mut(&mut snapshot.server).restart = Some("now".into());
    assert_eq!(actions(&snapshot), ["make Secret", "apply Deployment"]);
}

#[test]
fn a_restart_alone_makes_another_pod_once() {
    let mut snapshot = running();
    let before = snapshot.deployment.ours().unwrap().template.clone();
    Arc::make_mut(&mut snapshot.server).restart = Some("now".into());
    assert_eq!(actions(&snapshot), ["make Secret", "apply Deployment"]);
    settle(&mut snapshot);
    assert_ne!(snapshot.deployment.ours().unwrap().template, before);
    assert!(said(&snapshot, ConditionType::Ready).starts_with("False Restarting"));
}

#[test]
fn a_deployment_changed_by_somebody_else_is_put_right_once() {
    let mut snapshot = running();
    let Child::Ours(facts) = &mut snapshot.deployment else { panic!("it runs") };
    Arc::make_mut(facts).generation = Some(7);
    assert_eq!(actions(&snapshot), ["make Secret", "apply Deployment"]);
    settle(&mut snapshot);
    assert!(actions(&snapshot).is_empty());
}

#[test]
fn a_deleted_service_is_made_again() {
    let mut snapshot = running();
    snapshot.service = Child::Absent;
    assert_eq!(actions(&snapshot), ["make Service"]);
}

#[test]
fn a_server_without_ssh_has_no_service_and_another_pod() {
    let mut snapshot = running();
    spec_of(&mut snapshot).enable_ssh = false;
    assert_eq!(actions(&snapshot), ["delete Service", "apply Deployment"]);
    settle(&mut snapshot);
    assert_eq!(status(&snapshot).ssh_endpoint, None);
    assert!(said(&snapshot, ConditionType::Ready).starts_with("False Restarting"));
}

#[test]
fn keys_of_a_pod_that_hangs_are_made_again_and_ever_less_often() {
    let mut snapshot = super::world::starting(|pod| pod.running = false);
    snapshot.now = at(29);
    assert!(actions(&snapshot).is_empty());
    snapshot.now = at(30);
    assert_eq!(actions(&snapshot), ["make Secret"]);
    settle(&mut snapshot);
    // They may have gone after that: nobody says so.
    for (quiet, doubted) in [(59, 60), (119, 120), (239, 240)] {
        snapshot.now = at(quiet);
        settle(&mut snapshot);
        assert_eq!(decide(&snapshot).recheck, Some(Duration::from_secs(1)), "{quiet}");
        snapshot.now = at(doubted);
        assert_eq!(actions(&snapshot), ["make Secret"], "{doubted}");
        settle(&mut snapshot);
    }
}

#[test]
fn keys_are_not_made_again_for_a_pod_that_hangs_for_another_reason() {
    for change in [
        |pod: &mut PodFacts| pod.running = true,
        |pod: &mut PodFacts| pod.problem = Some(Problem::Config { message: "no".into() }),
        |pod: &mut PodFacts| (pod.running, pod.scheduling) = (false, Scheduling::Unknown),
    ] {
        let mut snapshot = super::world::starting(change);
        snapshot.now = at(60);
        assert!(actions(&snapshot).is_empty());
    }
}

#[test]
fn a_home_that_is_there_is_used_whatever_its_size() {
    let mut snapshot = new_server(DevServerSpec::default());
    let size = Some(Amount::parse("500Gi").unwrap());
    snapshot.home =
        Child::Ours(Arc::new(ClaimFacts { server: Some("mydev".into()), size, ..ClaimFacts::default() }));
    assert!(!actions(&snapshot).contains(&"apply PersistentVolumeClaim".to_owned()));
}

#[test]
fn a_home_grows_when_asked_for() {
    let mut snapshot = running();
    spec_of(&mut snapshot).persistent_home_size = Some(Amount::parse("20Gi").unwrap());
    assert_eq!(actions(&snapshot), ["apply PersistentVolumeClaim"]);
    spec_of(&mut snapshot).persistent_home_size = Some(Amount::parse("5Gi").unwrap());
    assert!(actions(&snapshot).is_empty());
}

#[test]
fn names_taken_by_others_are_told_and_nothing_is_touched() {
    for (taken, message) in [
        (0, "Deployment \"mydev\" exists"),
        (1, "PersistentVolumeClaim \"mydev-home\" exists"),
        (2, "Service \"mydev-ssh\" exists"),
    ] {
        let mut snapshot = new_server(DevServerSpec::default());
        match taken {
            0 => snapshot.deployment = Child::Foreign,
            1 => snapshot.home = Child::Foreign,
            _ => snapshot.service = Child::Foreign,
        }
        assert!(actions(&snapshot).is_empty());
        let said = said(&snapshot, ConditionType::Ready);
        assert!(said.starts_with("False NameTaken") && said.contains(message), "{said}");
        assert!(decide(&snapshot).recheck.is_some(), "nobody tells when it goes");
    }
}

#[test]
fn what_does_not_exist_yet_is_refused_by_field() {
    let distributed = Distributed {
        world_size: 2,
        nprocs_per_node: 1,
        backend: devplat_api::server::Backend::Nccl,
        nccl_settings: std::collections::BTreeMap::new(),
    };
    let lifecycle =
        Lifecycle { idle_timeout: None, auto_shutdown: None, time_to_live: None, expiration_time: None };
    let with = |lifecycle| DevServerSpec { lifecycle: Some(lifecycle), ..DevServerSpec::default() };
    let cases = [
        (DevServerSpec { mode: Mode::Distributed, ..DevServerSpec::default() }, "spec.mode: distributed"),
        (DevServerSpec { distributed: Some(distributed), ..DevServerSpec::default() }, "spec.distributed"),
        (with(Lifecycle { idle_timeout: Some(60), ..lifecycle.clone() }), "spec.lifecycle.idleTimeout"),
        (with(Lifecycle { auto_shutdown: Some(true), ..lifecycle.clone() }), "spec.lifecycle.autoShutdown"),
        (with(Lifecycle { time_to_live: Some("8h".into()), ..lifecycle }), "spec.lifecycle.timeToLive"),
    ];
    for (spec, field) in cases {
        let snapshot = new_server(spec);
        assert!(actions(&snapshot).is_empty());
        let wanted = format!("False NotSupportedYet: {field} is not supported yet; remove it from the spec");
        assert_eq!(said(&snapshot, ConditionType::Accepted), wanted);
        assert_eq!(status(&snapshot).flavor, None, "a refused server uses no flavor");
    }
}

#[test]
fn a_field_that_does_not_exist_yet_stops_no_running_server() {
    let mut snapshot = running();
    spec_of(&mut snapshot).lifecycle = Some(Lifecycle {
        idle_timeout: Some(60),
        auto_shutdown: None,
        time_to_live: None,
        expiration_time: None,
    });
    assert!(actions(&snapshot).is_empty());
    assert!(said(&snapshot, ConditionType::Accepted).starts_with("False NotSupportedYet"));
    assert!(said(&snapshot, ConditionType::Ready).starts_with("True"));
}

#[test]
fn a_name_too_long_for_its_children_is_told() {
    let mut snapshot = new_server(DevServerSpec::default());
    Arc::make_mut(&mut snapshot.server).key.name = "a".repeat(60).into();
    assert!(said(&snapshot, ConditionType::Accepted).starts_with("False InvalidName"));
    assert!(actions(&snapshot).is_empty());
}
