//! Comparisons of releases, and rejections of their pods.

use devplat_kubernetes::{ObjectRef, Waiting, call::Answer};

use super::*;
use crate::context::testing::context;

fn refusal(namespace: &str, kind: RefusalKind) -> AdmissionRefusal {
    let object = ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        namespace: Some(namespace.to_owned()),
        name: "devplat-trial".to_owned(),
    };
    let answer =
        Answer { code: 403, reason: "Forbidden".to_owned(), message: "no".to_owned(), resource: None };
    AdmissionRefusal { object, kind, answer }
}

#[test]
fn every_rejection_is_a_cause_with_its_remedy() {
    let quota = RefusalKind::ResourceQuota { name: "team".to_owned(), resource: "limits.cpu".to_owned() };
    let Judged { remarks, failure } = judge(vec![
        refusal("a", quota),
        refusal("b", RefusalKind::PodSecurity),
        refusal("b", RefusalKind::PodSecurity),
    ]);
    assert_eq!(remarks, [""; 0]);
    let failure = failure.unwrap();
    assert_eq!(failure.exit, Exit::Missing);
    assert_eq!(failure.causes.len(), 3);
    assert!(failure.causes[0].starts_with("ResourceQuota team rejects Pod a/devplat-trial for limits.cpu"));
    assert!(failure.causes[1].starts_with("Pod Security rejects Pod b/devplat-trial"));
    assert_eq!(failure.hints.len(), 2, "{:?}", failure.hints);
    assert!(failure.hints[0].contains("operator.resources"), "{:?}", failure.hints);
}

fn leaving(kind: &str, name: &str) -> Waiting {
    let object = ObjectRef {
        api_version: "v1".to_owned(),
        kind: kind.to_owned(),
        namespace: None,
        name: name.to_owned(),
    };
    Waiting { object, progress: "being deleted".to_owned(), reason: None }
}

fn present(leaving: Vec<Waiting>) -> State {
    State::Present {
        missing: Vec::new(),
        drifted: Vec::new(),
        unknown: Vec::new(),
        surplus: Vec::new(),
        recorded: true,
        leaving,
        not_ready: Vec::new(),
    }
}

#[test]
fn release_whose_objects_are_being_deleted_is_degraded() {
    let folder = tempfile::tempdir().unwrap();
    let state = |state: State| {
        let fields = Fields::Compared(Box::new(state));
        seen("bastion", fields, &context(folder.path())).state
    };
    let waiting = leaving("Namespace", "devserver-bastion");
    let fault = "waiting for Namespace devserver-bastion: being deleted";
    let degraded = Condition::Degraded(vec![fault.to_owned()]);
    assert_eq!(state(State::Leaving(vec![waiting.clone()])), degraded);
    assert_eq!(state(present(vec![waiting])), degraded);
    assert_eq!(state(present(Vec::new())), Condition::Ready);
}

#[test]
fn objects_of_leaving_crds_do_not_count_as_wanted() {
    let as_wanted = || Fields::Compared(Box::new(present(Vec::new())));
    for name in ReleaseName::ALL {
        let fields = as_wanted().without_crds(name);
        let goes = matches!(fields, Fields::LeavesWithCrds);
        assert_eq!(goes, matches!(name, ReleaseName::Flavors | ReleaseName::Users), "{name}");
    }
    let foreign = Fields::Compared(Box::new(State::Foreign(Vec::new()))).without_crds(ReleaseName::Users);
    assert!(matches!(foreign, Fields::Compared(_)), "{foreign:?}");
}

/// A found release.
fn found(name: ReleaseName, state: State, folder: &std::path::Path) -> (Id, Vec<Found>) {
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
        order_of(&BTreeMap::from([crds, flavors]))
    };
    assert_eq!(order(vec![crd]), Order::OperatorFirst);
    assert_eq!(order(Vec::new()), Order::CrdsFirst);
    assert_eq!(order_of(&BTreeMap::new()), Order::CrdsFirst);
}

#[test]
fn denial_of_a_trial_by_a_webhook_is_only_a_remark() {
    let Judged { remarks, failure } = judge(vec![refusal("a", RefusalKind::WebhookDenied)]);
    assert_eq!(failure, None);
    let text = "in a dry run, an admission webhook rejects Pod a/devplat-trial: the API server answered 403 \
                Forbidden: no";
    assert_eq!(remarks, [text]);
    let both = judge(vec![refusal("a", RefusalKind::WebhookDenied), refusal("a", RefusalKind::Other)]);
    assert_eq!((both.remarks.len(), both.failure.map(|failure| failure.causes.len())), (1, Some(1)));
}
