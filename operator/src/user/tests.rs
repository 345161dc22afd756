//! What is decided about users.

use std::sync::Arc;

use devplat_api::name;
use k8s_openapi::jiff::Timestamp;

use super::decide::{Action, Decision, FOREIGN, Held, LEAVING, Part, Snapshot, decide};
use crate::{
    child::Child,
    digest::hash,
    observed::{Bound, KeysFacts, NamespaceFacts, PolicyFacts, UserFacts},
};

const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII6l2XCScHQ+kLqncIsU+a6w/OVqApjWlsuQ7QY4t32U alice\n";

fn new_user() -> Snapshot {
    let user = UserFacts {
        name: "alice".into(),
        uid: "1".into(),
        generation: Some(1),
        deleting: false,
        deleting_since: None,
        finalizers: vec![],
        keys: KEY.into(),
        limited: false,
        status: None,
    };
    Snapshot {
        user: Arc::new(user),
        namespace: Child::Absent,
        account: Child::Absent,
        binding: Child::Absent,
        flavor_reader: Child::Absent,
        bastion_token: Child::Absent,
        keys: Child::Absent,
        policy: Child::Absent,
        holds: None,
        pod_security: Some("baseline".into()),
        now: Timestamp::UNIX_EPOCH,
    }
}

fn granted() -> Snapshot {
    let bound_to = |account: &str, role: &str| {
        let accounts = vec![account.to_owned()];
        Child::Ours(Arc::new(Bound { user: Some("alice".into()), role: role.into(), accounts }))
    };
    let bound = |role: &str| bound_to("dev-alice/user-alice", role);
    let mut snapshot = new_user();
    Arc::make_mut(&mut snapshot.user).finalizers = vec![name::USER_FINALIZER.into()];
    snapshot.namespace =
        Child::Ours(Arc::new(NamespaceFacts { pod_security: true, ..NamespaceFacts::default() }));
    snapshot.account = Child::Ours(Arc::default());
    snapshot.binding = bound(name::USER_ROLE);
    snapshot.flavor_reader = bound(name::FLAVOR_READER_ROLE);
    snapshot.bastion_token = bound_to("devserver-bastion/bastion", name::BASTION_TOKEN_ROLE);
    let hash = Some(hash(&snapshot.user.keys));
    snapshot.keys = Child::Ours(Arc::new(KeysFacts { user: Some("alice".into()), hash }));
    snapshot.policy =
        Child::Ours(Arc::new(PolicyFacts { user: Some("alice".into()), servers: vec![], right: true }));
    snapshot
}

fn deleted(holds: Held) -> Snapshot {
    let mut snapshot = granted();
    Arc::make_mut(&mut snapshot.user).deleting = true;
    snapshot.holds = Some(holds);
    snapshot
}

fn applied(decision: &Decision) -> Vec<Part> {
    let part = |action: &Action| if let Action::Apply(part, _) = action { Some(*part) } else { None };
    decision.actions.iter().filter_map(part).collect()
}

#[test]
fn a_new_user_gets_namespace_account_and_rights() {
    let decision = decide(&new_user());
    assert_eq!(decision.actions[0], Action::AddFinalizer);
    assert_eq!(
        applied(&decision),
        [
            Part::Namespace,
            Part::Policy,
            Part::Keys,
            Part::Account,
            Part::Binding,
            Part::FlavorReader,
            Part::BastionToken
        ]
    );
}

#[test]
fn a_user_with_everything_is_ready_and_nothing_more_is_written() {
    let mut snapshot = granted();
    let decision = decide(&snapshot);
    assert!(decision.actions.is_empty());
    let status = decision.status.unwrap();
    assert_eq!(status.namespace.as_deref(), Some("dev-alice"));
    Arc::make_mut(&mut snapshot.user).status = Some(status);
    assert_eq!(decide(&snapshot), Decision::default());
}

#[test]
fn rights_given_to_somebody_else_are_put_right() {
    let mut snapshot = granted();
    let bound = Bound {
        user: Some("alice".into()),
        role: name::USER_ROLE.into(),
        accounts: vec!["dev-eve/user-eve".into()],
    };
    snapshot.binding = Child::Ours(Arc::new(bound));
    assert_eq!(applied(&decide(&snapshot)), [Part::Binding]);
}

#[test]
fn a_foreign_namespace_is_left_alone_and_the_user_told() {
    let mut snapshot = new_user();
    snapshot.namespace = Child::Foreign;
    let decision = decide(&snapshot);
    assert!(decision.actions.is_empty());
    let status = decision.status.unwrap();
    assert_eq!(status.conditions[0].reason, "NameTaken");
    assert!(status.conditions[0].message.contains("namespace \"dev-alice\""));
    assert_eq!(decision.recheck, Some(FOREIGN), "nobody tells when it goes");
}

#[test]
fn limits_are_refused_until_they_exist() {
    let mut snapshot = new_user();
    Arc::make_mut(&mut snapshot.user).limited = true;
    let decision = decide(&snapshot);
    assert!(decision.actions.is_empty());
    assert_eq!(decision.status.unwrap().conditions[0].reason, "NotSupportedYet");
}

#[test]
fn homes_outlive_their_user() {
    let decision = decide(&deleted(Held::Data));
    assert!(!decision.actions.contains(&Action::Delete(Part::Namespace)));
    assert!(decision.actions.contains(&Action::KeepNamespace));
    assert!(decision.actions.contains(&Action::Delete(Part::Binding)));
    assert_eq!(decision.actions.last(), Some(&Action::RemoveFinalizer));
}

#[test]
fn dev_servers_of_a_deleted_user_are_deleted_and_awaited() {
    let decision = decide(&deleted(Held::Servers));
    assert_eq!(decision.actions.last(), Some(&Action::DeleteServers));
    assert!(decision.actions.contains(&Action::Delete(Part::Keys)), "access goes first");
    assert!(!decision.actions.contains(&Action::RemoveFinalizer));
    assert_eq!(decision.recheck, Some(LEAVING));
    // If a user deletes the namespace, its content goes with it.
    let mut snapshot = deleted(Held::Servers);
    snapshot.namespace =
        Child::Ours(Arc::new(NamespaceFacts { deleting: true, ..NamespaceFacts::default() }));
    assert_eq!(decide(&snapshot).actions.last(), Some(&Action::RemoveFinalizer));
}

#[test]
fn an_empty_namespace_goes_with_its_user() {
    let decision = decide(&deleted(Held::Nothing));
    assert!(decision.actions.contains(&Action::Delete(Part::Namespace)));
}

#[test]
fn namespace_with_leaving_servers_is_judged_once_they_are_gone() {
    let decision = decide(&deleted(Held::LeavingServers));
    assert!(!decision.actions.contains(&Action::Delete(Part::Namespace)));
    assert!(!decision.actions.contains(&Action::KeepNamespace));
    assert!(!decision.actions.contains(&Action::RemoveFinalizer));
    assert!(decision.actions.contains(&Action::Delete(Part::Binding)), "access goes at once");
    assert_eq!(decision.recheck, Some(LEAVING));
    // If somebody deletes the namespace, all of that goes with it.
    let mut snapshot = deleted(Held::LeavingServers);
    snapshot.namespace =
        Child::Ours(Arc::new(NamespaceFacts { deleting: true, ..NamespaceFacts::default() }));
    assert_eq!(decide(&snapshot).actions.last(), Some(&Action::RemoveFinalizer));
}

#[test]
fn long_deletion_is_reported_and_ends_without_volumes_that_stay_in_use() {
    let after = |holds, seconds| {
        let mut snapshot = deleted(holds);
        Arc::make_mut(&mut snapshot.user).deleting_since =
            Some(snapshot.now - std::time::Duration::from_secs(seconds));
        decide(&snapshot)
    };
    assert_eq!(after(Held::LeavingServers, 10).status, None);
    let status = after(Held::LeavingServers, 600).status.unwrap();
    let ready = status.conditions.iter().find(|condition| condition.type_ == "Ready").unwrap();
    assert_eq!((&*ready.status, &*ready.reason), ("False", "Terminating"));
    assert_eq!(ready.message, "waiting for the end of its dev servers");
    assert!(!after(Held::LeavingVolumes, 60).actions.contains(&Action::RemoveFinalizer));
    let kept = after(Held::LeavingVolumes, 600).actions;
    assert!(kept.contains(&Action::KeepNamespace) && kept.contains(&Action::RemoveFinalizer), "{kept:?}");
}

#[test]
fn a_namespace_nobody_looked_into_is_not_deleted() {
    let mut snapshot = deleted(Held::Nothing);
    snapshot.holds = None;
    assert!(!decide(&snapshot).actions.contains(&Action::Delete(Part::Namespace)));
}

#[test]
fn a_kept_namespace_is_taken_up_again_by_the_same_user() {
    let mut snapshot = granted();
    snapshot.namespace = Child::Ours(Arc::new(NamespaceFacts { kept: true, ..NamespaceFacts::default() }));
    assert_eq!(applied(&decide(&snapshot)), [Part::Namespace]);
}

#[test]
fn changed_keys_are_written_and_the_pods_told() {
    let mut snapshot = granted();
    Arc::make_mut(&mut snapshot.user).keys = String::new();
    let actions = decide(&snapshot).actions;
    let [Action::Apply(Part::Keys, body), Action::TellPods(told)] = actions.as_slice() else {
        panic!("{actions:?}")
    };
    assert_eq!(body["data"]["authorized_keys"], "");
    assert_eq!(*told, hash(&""));
}

#[test]
fn a_key_that_is_none_is_told_and_the_others_count() {
    let mut snapshot = granted();
    let accepted = |snapshot: &Snapshot| {
        let condition = decide(snapshot).status.unwrap().conditions.remove(0);
        (condition.status, condition.message)
    };
    assert_eq!(accepted(&snapshot), ("True".to_owned(), String::new()));
    Arc::make_mut(&mut snapshot.user).keys = format!("{KEY}ssh-ed25519 AAAA\n{KEY}");
    let said = "spec.sshKeys[1] is no public key and lets nobody in".to_owned();
    assert_eq!(accepted(&snapshot), ("True".to_owned(), said));
}

#[test]
fn a_user_from_before_there_was_ssh_stays_ready_while_its_objects_are_made() {
    let mut snapshot = granted();
    let status = decide(&snapshot).status.unwrap();
    Arc::make_mut(&mut snapshot.user).status = Some(status);
    (snapshot.bastion_token, snapshot.keys, snapshot.policy) = (Child::Absent, Child::Absent, Child::Absent);
    let decision = decide(&snapshot);
    assert_eq!(applied(&decision), [Part::Policy, Part::Keys, Part::BastionToken]);
    assert_eq!(decision.status, None);
}

#[test]
fn keys_and_network_changed_by_somebody_else_are_put_right() {
    let mut snapshot = granted();
    snapshot.keys = Child::Ours(Arc::new(KeysFacts { user: Some("alice".into()), hash: None }));
    snapshot.policy =
        Child::Ours(Arc::new(PolicyFacts { user: Some("alice".into()), servers: vec![], right: false }));
    assert_eq!(applied(&decide(&snapshot)), [Part::Policy, Part::Keys]);
}

#[test]
fn a_user_who_goes_is_let_in_nowhere_any_more_and_what_runs_stays_closed() {
    let actions = decide(&deleted(Held::Data)).actions;
    let [Action::Delete(Part::BastionToken), Action::Delete(Part::Keys), Action::TellPods(_), ..] =
        actions.as_slice()
    else {
        panic!("{actions:?}")
    };
    assert!(!actions.contains(&Action::Delete(Part::Policy)));
}

#[test]
fn a_foreign_network_policy_is_left_alone_and_the_user_told() {
    let mut snapshot = granted();
    snapshot.policy = Child::Foreign;
    let decision = decide(&snapshot);
    assert!(decision.actions.is_empty());
    assert!(decision.status.unwrap().conditions[0].message.contains("NetworkPolicy \"devservers\""));
}

#[test]
fn namespace_without_a_pod_security_level_gets_the_configured_one() {
    let mut snapshot = granted();
    snapshot.namespace = Child::Ours(Arc::default());
    assert_eq!(applied(&decide(&snapshot)), [Part::Namespace]);
    snapshot.pod_security = None;
    assert_eq!(applied(&decide(&snapshot)), []);
}
