//! The end of a server.

use std::sync::Arc;

use devplat_api::{
    condition::ConditionType,
    server::{HomeRetention, Phase},
};

use super::world::{actions, at, running, said, settle, spec_of, status};
use crate::{
    child::Child,
    server::{
        decide::decide,
        snapshot::{Decision, Snapshot},
    },
};

fn deleted() -> Snapshot {
    let mut snapshot = running();
    Arc::make_mut(&mut snapshot.server).deleting = Some(at(0));
    snapshot
}

#[test]
fn the_home_stays_unless_asked_otherwise() {
    let mut snapshot = deleted();
    assert_eq!(actions(&snapshot), ["delete Deployment", "delete Service", "delete mydev-abc then mydev-0"]);
    snapshot.pods.clear();
    settle(&mut snapshot);
    assert!(matches!(snapshot.home, Child::Ours(_)));
    assert!(snapshot.server.finalizers.is_empty());
}

#[test]
fn the_home_goes_when_asked_for() {
    let mut snapshot = deleted();
    spec_of(&mut snapshot).home_retention = HomeRetention::Delete;
    assert_eq!(
        actions(&snapshot),
        [
            "delete Deployment",
            "delete Service",
            "delete PersistentVolumeClaim",
            "delete mydev-abc then mydev-0"
        ]
    );
}

#[test]
fn somebody_elses_claim_stays_even_then() {
    let mut snapshot = deleted();
    spec_of(&mut snapshot).home_retention = HomeRetention::Delete;
    snapshot.home = Child::Foreign;
    assert_eq!(actions(&snapshot), ["delete Deployment", "delete Service", "delete mydev-abc then mydev-0"]);
}

#[test]
fn a_server_is_held_until_its_pods_are_gone() {
    let mut snapshot = deleted();
    settle(&mut snapshot);
    assert!(!snapshot.server.finalizers.is_empty());
    snapshot.pods.clear();
    assert_eq!(actions(&snapshot), ["delete Secret", "remove finalizer"]);
}

#[test]
fn a_deletion_that_takes_long_says_what_it_waits_for() {
    let mut snapshot = deleted();
    settle(&mut snapshot);
    assert_eq!(decide(&snapshot).status, None);
    assert_eq!(decide(&snapshot).recheck.unwrap().as_secs(), 30);
    snapshot.now = at(31);
    assert_eq!(
        said(&snapshot, ConditionType::Ready),
        "False Terminating: waiting for the end of pod mydev-0"
    );
    assert_eq!(status(&snapshot).phase, Phase::Terminating);
    assert_eq!(status(&snapshot).pod_ip, None);
}

#[test]
fn a_pod_that_only_looks_like_one_of_its_own_is_left_alone_and_not_waited_for() {
    let mut snapshot = deleted();
    Arc::make_mut(&mut snapshot.pods[0]).replica_set = None;
    assert_eq!(actions(&snapshot), ["delete Deployment", "delete Service"]);
    settle(&mut snapshot);
    assert!(snapshot.server.finalizers.is_empty());
}

#[test]
fn a_server_of_which_nothing_was_made_goes_at_once() {
    let mut snapshot = super::world::new_server(devplat_api::DevServerSpec::default());
    Arc::make_mut(&mut snapshot.server).deleting = Some(at(0));
    assert_eq!(decide(&snapshot), Decision::default());
}
