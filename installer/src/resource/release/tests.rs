//! Comparisons of releases, and their order.

use devplat_kubernetes::{ObjectRef, Waiting};

use super::*;
use crate::platform_context::testing::context;

fn leaving(kind: &str, name: &str) -> Waiting {
    let object = ObjectRef {
        api_version: "v1".to_owned(),
        kind: kind.to_owned(),
        namespace: None,
        name: name.to_owned(),
    };
    Waiting { object, progress: "being deleted".to_owned(), reason: None }
}

fn present(leaving: Vec<Waiting>) -> ReleaseState {
    ReleaseState::Present {
        missing: Vec::new(),
        drifted: Vec::new(),
        unknown: Vec::new(),
        surplus: Vec::new(),
        going: Vec::new(),
        recorded: true,
        leaving,
        not_ready: Vec::new(),
    }
}

#[test]
fn release_whose_objects_are_being_deleted_is_degraded() {
    let folder = tempfile::tempdir().unwrap();
    let state = |state: ReleaseState| {
        let fields = Fields::Compared(Box::new(state));
        seen("bastion", fields, &context(folder.path())).state
    };
    let waiting = leaving("Namespace", "devserver-bastion");
    let fault = "waiting for Namespace devserver-bastion: being deleted";
    let degraded = State::Degraded(vec![fault.to_owned()]);
    assert_eq!(state(ReleaseState::Leaving(vec![waiting.clone()])), degraded);
    assert_eq!(state(present(vec![waiting])), degraded);
    assert_eq!(state(present(Vec::new())), State::Ready);
}

#[test]
fn objects_of_leaving_crds_do_not_count_as_wanted() {
    let as_wanted = || Fields::Compared(Box::new(present(Vec::new())));
    for name in ReleaseName::ALL {
        let fields = as_wanted().without_crds(name);
        let goes = matches!(fields, Fields::LeavesWithCrds);
        assert_eq!(goes, matches!(name, ReleaseName::Flavors | ReleaseName::Users), "{name}");
    }
    let foreign = Fields::Compared(Box::new(ReleaseState::Foreign { objects: Vec::new(), platform: None }))
        .without_crds(ReleaseName::Users);
    assert!(matches!(foreign, Fields::Compared(_)), "{foreign:?}");
}

/// A found release.
fn found(name: ReleaseName, state: ReleaseState, folder: &std::path::Path) -> (Id, Vec<Found>) {
    let fields = Fields::Compared(Box::new(state));
    let seen = seen(name.as_str(), fields, &context(folder));
    (seen.id.clone(), vec![crate::resource::kind::erase(seen)])
}

#[test]
fn order_follows_the_found_releases() {
    let folder = tempfile::tempdir().unwrap();
    let crd = leaving("CustomResourceDefinition", "devusers.apps.devservers.io");
    let order = |crds: Vec<Waiting>| {
        let crds = found(ReleaseName::Crds, present(crds), folder.path());
        let flavors = found(ReleaseName::Flavors, present(Vec::new()), folder.path());
        order_of(&Graph::empty(), &BTreeMap::from([crds, flavors]))
    };
    assert_eq!(order(vec![crd]), Order::OperatorFirst);
    assert_eq!(order(Vec::new()), Order::CrdsFirst);
    assert_eq!(order_of(&Graph::empty(), &BTreeMap::new()), Order::CrdsFirst);
}

#[test]
fn foreign_release_does_not_hide_the_kept_one() {
    let folder = tempfile::tempdir().unwrap();
    let crd = leaving("CustomResourceDefinition", "devusers.apps.devservers.io");
    let (id, mut all) = found(ReleaseName::Crds, present(vec![crd]), folder.path());
    let foreign = ReleaseState::Foreign { objects: Vec::new(), platform: None };
    all.extend(found(ReleaseName::Crds, foreign, folder.path()).1);
    assert_eq!(order_of(&Graph::empty(), &BTreeMap::from([(id, all)])), Order::OperatorFirst);
}
