//! What is said about whether a server can be used.

use std::sync::Arc;

use devplat_api::{
    DevServerSpec,
    condition::{ConditionType, Reason},
};

use super::world::{add_pod, at, new_server, running, said, settle, spec_of, starting, status};
use crate::{
    child::Child,
    observed::{ClaimFacts, ClaimPhase, PodFacts, Problem, Restart, Scheduling},
    server::{
        decide::decide,
        snapshot::{ChildKind, Failure, Snapshot},
    },
};

fn ready(snapshot: &Snapshot) -> String {
    said(snapshot, ConditionType::Ready)
}

#[test]
fn a_ready_pod_of_this_template_makes_it_ready() {
    let snapshot = running();
    assert_eq!(ready(&snapshot), "True PodReady: ");
    assert_eq!(status(&snapshot).pod_names, ["mydev-0"]);
    assert_eq!(status(&snapshot).pod_ip.as_deref(), Some("10.0.0.0"));
}

#[test]
fn the_address_is_told_from_when_the_pod_has_one_so_that_nobody_waits_for_the_kubelet_to_ask() {
    let mut snapshot = starting(|pod| (pod.running, pod.running_since, pod.ip) = (false, None, None));
    assert_eq!(decide(&snapshot).status, None, "nothing new");
    Arc::make_mut(&mut snapshot.pods[0]).ip = Some("10.0.0.9".into());
    assert!(!status(&snapshot).ready);
    assert_eq!(status(&snapshot).pod_ip.as_deref(), Some("10.0.0.9"));
    Arc::make_mut(&mut snapshot.pods[0]).ready = true;
    assert_eq!(status(&snapshot).pod_ip.as_deref(), Some("10.0.0.9"));
}

#[test]
fn no_address_is_told_of_a_pod_that_is_going_or_outdated_or_broken_or_has_no_ssh() {
    let mut going = starting(|_| ());
    assert!(status(&going).pod_ip.is_some());
    Arc::make_mut(&mut going.pods[0]).deleting = true;
    assert_eq!(status(&going).pod_ip, None);
    let changes: [fn(&mut PodFacts); 2] = [
        |pod| pod.template = Some("older".into()),
        |pod| pod.problem = Some(Problem::Config { message: "no".into() }),
    ];
    for change in changes {
        assert_eq!(status(&starting(change)).pod_ip, None);
    }
    let mut snapshot = new_server(DevServerSpec::default());
    spec_of(&mut snapshot).enable_ssh = false;
    settle(&mut snapshot);
    add_pod(&mut snapshot, |_| ());
    assert_eq!(status(&snapshot).pod_ip, None);
}

#[test]
fn an_agent_that_does_not_answer_is_told_after_a_while() {
    let mut snapshot = starting(|pod| pod.running_since = Some(at(2)));
    snapshot.now = at(11);
    assert!(ready(&snapshot).starts_with("False Starting"), "it may just be starting");
    assert_eq!(decide(&snapshot).recheck.unwrap().as_secs(), 1);
    snapshot.now = at(12);
    assert_eq!(ready(&snapshot), "False SshNotAnswering: the container runs, but SSH does not answer yet");
}

#[test]
fn a_container_that_was_started_again_is_told_with_its_end() {
    let mut snapshot = running();
    let restart = |count, reason: &str| Some(Restart { exit_code: 137, count, reason: reason.into() });
    Arc::make_mut(&mut snapshot.pods[0]).restart = restart(1, "Error");
    let said = "the container was restarted once; it last ended with exit status 137 (Error)";
    assert_eq!(ready(&snapshot), format!("True PodReady: {said}"));
    Arc::make_mut(&mut snapshot.pods[0]).ready = false;
    assert_eq!(
        ready(&snapshot),
        format!("False PodNotReady: pod mydev-0 runs, but SSH does not answer; {said}")
    );
    Arc::make_mut(&mut snapshot.pods[0]).restart = restart(3, "");
    assert!(ready(&snapshot).ends_with("was restarted 3 times; it last ended with exit status 137"));
}

#[test]
fn a_ready_pod_of_an_older_template_does_not() {
    let snapshot = starting(|pod| (pod.ready, pod.template) = (true, Some("older".into())));
    assert!(ready(&snapshot).starts_with("False Restarting"));
}

#[test]
fn a_pod_on_its_way_out_does_not() {
    let mut snapshot = running();
    Arc::make_mut(&mut snapshot.pods[0]).deleting = true;
    assert_eq!(ready(&snapshot), "False PodGone: pod mydev-0 is going; the next one follows");
}

#[test]
fn a_server_whose_pod_vanished_is_not_ready_any_more() {
    let mut snapshot = running();
    snapshot.pods.clear();
    assert_eq!(ready(&snapshot), "False PodGone: the pod is gone; the next one follows");
    assert!(!status(&snapshot).ready);
    settle(&mut snapshot);
    assert_eq!(ready(&snapshot), "False PodGone: the pod is gone; the next one follows");
    add_pod(&mut snapshot, |_| {});
    assert!(ready(&snapshot).starts_with("False Starting"), "the next one has not been ready yet");
}

#[test]
fn a_running_pod_that_stops_being_ready_is_told_as_such() {
    let mut snapshot = running();
    Arc::make_mut(&mut snapshot.pods[0]).ready = false;
    assert!(ready(&snapshot).starts_with("False PodNotReady"));
    settle(&mut snapshot);
    assert!(ready(&snapshot).starts_with("False PodNotReady"), "it is said as long as it is so");
}

#[test]
fn the_newest_pod_counts() {
    let mut snapshot = starting(|pod| pod.problem = Some(Problem::Config { message: "old".into() }));
    snapshot.now = at(5);
    add_pod(&mut snapshot, |pod| pod.problem = Some(Problem::Config { message: "new".into() }));
    assert_eq!(ready(&snapshot), "False ContainerConfig: new");
}

#[test]
fn a_scheduler_that_just_refused_is_given_a_moment() {
    let message = "0/1 nodes are available: 1 Insufficient cpu.";
    let refused = Scheduling::Refused { message: message.into(), since: Some(at(0)) };
    let mut snapshot = starting(|pod| (pod.running, pod.scheduling) = (false, refused));
    snapshot.now = at(1);
    assert!(ready(&snapshot).starts_with("False Starting"));
    assert_eq!(decide(&snapshot).recheck.unwrap().as_secs(), 7);
    snapshot.now = at(9);
    assert_eq!(ready(&snapshot), format!("False Unschedulable: {message}"));
    assert_eq!(said(&snapshot, ConditionType::PodScheduled), format!("False Unschedulable: {message}"));
}

#[test]
fn a_volume_nobody_makes_is_told_as_such() {
    let message = "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.";
    let refused = Scheduling::Refused { message: message.into(), since: Some(at(0)) };
    let mut snapshot = starting(|pod| (pod.running, pod.scheduling) = (false, refused));
    let Child::Ours(home) = &mut snapshot.home else { panic!("it was made") };
    Arc::make_mut(home).phase = ClaimPhase::Pending;
    snapshot.now = at(29);
    assert!(ready(&snapshot).starts_with("False Starting"), "a disk may take as long");
    snapshot.now = at(31);
    assert_eq!(ready(&snapshot), format!("False VolumePending: {message}"));
    assert!(said(&snapshot, ConditionType::StorageReady).starts_with("False VolumePending"));
}

#[test]
fn a_pod_that_the_scheduler_holds_for_its_volume_is_told_as_such() {
    let mut snapshot = starting(|pod| (pod.running, pod.scheduling) = (false, Scheduling::Unknown));
    let Child::Ours(home) = &mut snapshot.home else { panic!("it was made") };
    let home = Arc::make_mut(home);
    (home.phase, home.storage_class) = (ClaimPhase::Pending, Some("fast".into()));
    let created = snapshot.pods[0].created.unwrap();
    snapshot.now = created + std::time::Duration::from_secs(3);
    assert!(ready(&snapshot).starts_with("False Starting"));
    assert_eq!(decide(&snapshot).recheck.unwrap().as_secs(), 27);
    snapshot.now = created + std::time::Duration::from_secs(31);
    let said_so = "False VolumePending: the home has no volume yet: StorageClass fast has not made one";
    assert!(ready(&snapshot).starts_with(said_so), "{}", ready(&snapshot));
}

#[test]
fn a_class_that_makes_volumes_for_others_is_given_time() {
    let mut snapshot = starting(|pod| (pod.running, pod.scheduling) = (false, Scheduling::Unknown));
    let Child::Ours(home) = &mut snapshot.home else { panic!("it was made") };
    Arc::make_mut(home).phase = ClaimPhase::Pending;
    snapshot.now = at(60);
    snapshot.volume_made = Some(at(50));
    assert!(ready(&snapshot).starts_with("False Starting"), "{}", ready(&snapshot));
    assert_eq!(decide(&snapshot).status, None);
    assert_eq!(decide(&snapshot).recheck.unwrap().as_secs(), 20);
    snapshot.now = at(80);
    assert!(ready(&snapshot).starts_with("False VolumePending"));
}

#[test]
fn a_volume_that_came_costs_no_write_before_the_scheduler_noticed() {
    let message = "pod has unbound immediate PersistentVolumeClaims";
    let refused = Scheduling::Refused { message: message.into(), since: Some(at(0)) };
    let mut snapshot = starting(|pod| (pod.running, pod.scheduling) = (false, refused));
    let claim = |phase| {
        Child::Ours(Arc::new(ClaimFacts { server: Some("mydev".into()), phase, ..ClaimFacts::default() }))
    };
    snapshot.home = claim(ClaimPhase::Pending);
    snapshot.now = at(31);
    settle(&mut snapshot);
    snapshot.home = claim(ClaimPhase::Bound);
    assert_eq!(decide(&snapshot).status, None);
}

#[test]
fn problems_of_pods_are_told_in_the_clusters_words() {
    let image = Problem::Image { image: "nope:1".into(), message: "Back-off pulling image".into() };
    let agent = Problem::Agent { message: "exit status 1: no space left on device".into() };
    let crash = |other: Option<&str>| Problem::Crash {
        other: other.map(str::to_owned),
        exit_code: 137,
        restarts: 4,
        reason: "OOMKilled".into(),
    };
    for (problem, wanted) in [
        (image, "False ImagePull: image nope:1: Back-off pulling image"),
        (agent, "False AgentInstall: installing the agent: exit status 1: no space left on device"),
        (
            crash(None),
            "False CrashLoop: the container ended with exit status 137 (OOMKilled), 4 restarts so far",
        ),
        (
            crash(Some("a-proxy")),
            "False CrashLoop: container \"a-proxy\" ended with exit status 137 (OOMKilled), 4 restarts so far",
        ),
    ] {
        let snapshot = starting(|pod| (pod.running, pod.problem) = (false, Some(problem)));
        assert_eq!(ready(&snapshot), wanted);
    }
}

#[test]
fn a_quota_that_forbids_pods_is_told() {
    let mut snapshot = running();
    snapshot.pods.clear();
    let Child::Ours(deployment) = &mut snapshot.deployment else { panic!("it runs") };
    Arc::make_mut(deployment).failure = Some("pods \"mydev-1\" is forbidden: exceeded quota: small".into());
    assert_eq!(ready(&snapshot), "False Forbidden: pods \"mydev-1\" is forbidden: exceeded quota: small");
}

#[test]
fn a_home_that_may_not_be_made_is_told_until_it_is() {
    let mut snapshot = starting(|pod| (pod.running, pod.scheduling) = (false, Scheduling::Unknown));
    let message = "persistentvolumeclaims \"mydev-home\" is forbidden: exceeded quota";
    snapshot.failure =
        Some(Failure { child: ChildKind::Home, reason: Reason::Forbidden, message: message.into() });
    assert_eq!(ready(&snapshot), format!("False Forbidden: {message}"));
    assert_eq!(said(&snapshot, ConditionType::StorageReady), format!("False Forbidden: {message}"));
    settle(&mut snapshot);
    snapshot.failure = None;
    assert!(ready(&snapshot).starts_with("False Starting"));
}

#[test]
fn a_home_that_cannot_grow_makes_no_running_server_unready() {
    let mut snapshot = running();
    let message = "only dynamically provisioned pvc can be resized".to_owned();
    snapshot.failure = Some(Failure { child: ChildKind::Home, reason: Reason::ApplyFailed, message });
    assert!(ready(&snapshot).starts_with("True"));
    assert!(said(&snapshot, ConditionType::StorageReady).starts_with("False ApplyFailed"));
}

#[test]
fn the_time_of_a_change_stays_until_the_next_change() {
    let mut snapshot = running();
    let since = |snapshot: &Snapshot| {
        let status = status(snapshot);
        status.conditions.iter().find(|condition| condition.type_ == "Ready").unwrap().last_transition_time.0
    };
    let before = since(&snapshot);
    snapshot.now = at(100);
    snapshot.flavors.clear();
    settle(&mut snapshot);
    assert_eq!(since(&snapshot), before);
    snapshot.pods.clear();
    assert_eq!(since(&snapshot), at(100));
}

#[test]
fn a_slow_start_is_told_in_detail_after_a_while() {
    let mut snapshot = starting(|pod| pod.running = false);
    assert_eq!(said(&snapshot, ConditionType::PodScheduled), "Unknown Starting: waiting for the pod");
    assert_eq!(decide(&snapshot).recheck.unwrap().as_secs(), 30);
    snapshot.now = at(31);
    assert!(said(&snapshot, ConditionType::PodScheduled).starts_with("True"));
    assert!(said(&snapshot, ConditionType::StorageReady).starts_with("True Bound"));
}

#[test]
fn a_pod_that_found_its_node_late_costs_no_write_before_it_is_ready() {
    let refused = Scheduling::Refused { message: "no room".into(), since: Some(at(0)) };
    let mut snapshot = starting(|pod| (pod.running, pod.scheduling) = (false, refused));
    snapshot.now = at(60);
    settle(&mut snapshot);
    assert_eq!(ready(&snapshot), "False Unschedulable: no room");
    Arc::make_mut(&mut snapshot.pods[0]).scheduling = Scheduling::Scheduled { since: Some(at(60)) };
    snapshot.now = at(61);
    assert_eq!(decide(&snapshot).status, None);
    snapshot.now = at(71);
    assert!(ready(&snapshot).starts_with("False Starting"));
}
