//! The decision about one user. Pure.

use std::{sync::Arc, time::Duration};

use devplat_api::{
    Slug,
    condition::{ConditionType, Reason},
    name,
    user::DevUserStatus,
};
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use super::manifest::{Manifests, manifests};
use crate::{
    child::Child,
    observed::{Bound, NamespaceFacts, UserFacts},
    server::{Conditions, Truth},
};

/// Everything a decision about a user depends on.
#[derive(Debug, Clone)]
pub(super) struct Snapshot {
    pub(super) user: Arc<UserFacts>,
    pub(super) namespace: Child<NamespaceFacts>,
    /// Whether it is there; one that is somebody else's is `Foreign`.
    pub(super) account: Child<()>,
    pub(super) binding: Child<Bound>,
    pub(super) flavor_reader: Child<Bound>,
    /// What in the namespace must not be lost; only looked for when the user is being deleted.
    pub(super) holds: Option<Held>,
    pub(super) now: Timestamp,
}

/// What keeps a namespace whose user goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// Dev servers, or volumes with somebody's data.
    Data,
    /// Neither.
    Nothing,
}

/// One of the objects that a user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Namespace,
    Account,
    Binding,
    FlavorReader,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    AddFinalizer,
    RemoveFinalizer,
    Apply(Part, Value),
    Delete(Part),
    /// Note on the namespace that it stays for the data in it.
    KeepNamespace,
}

/// What follows from a snapshot; the actions in this order.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Decision {
    pub(super) status: Option<DevUserStatus>,
    pub(super) actions: Vec<Action>,
    /// When to look again although nothing was seen to happen.
    pub(super) recheck: Option<Duration>,
}

/// How often is looked whether somebody else's object still has a name that is needed: it is not watched.
const FOREIGN: Duration = Duration::from_secs(5);

pub(super) fn decide(snapshot: &Snapshot) -> Decision {
    if snapshot.user.deleting { decide_deletion(snapshot) } else { decide_access(snapshot) }
}

fn decide_access(snapshot: &Snapshot) -> Decision {
    let Snapshot { user, namespace, account, binding, flavor_reader, holds: _, now } = snapshot;
    let slug = Slug::of(&user.name);
    let Manifests {
        namespace: ns_body,
        account: account_body,
        binding: binding_body,
        flavor_reader: reader_body,
    } = manifests(&slug, &user.name);

    let taken = [
        (matches!(namespace, Child::Foreign), "namespace", slug.namespace()),
        (matches!(account, Child::Foreign), "ServiceAccount", slug.service_account()),
        (matches!(binding, Child::Foreign), "RoleBinding", name::USER_ROLE_BINDING.to_owned()),
        (matches!(flavor_reader, Child::Foreign), "ClusterRoleBinding", slug.flavor_reader_binding()),
    ];
    let taken = taken.into_iter().find(|(foreign, ..)| *foreign);
    let recheck = taken.is_some().then_some(FOREIGN);
    let subject = format!("{}/{}", slug.namespace(), slug.service_account());
    let right = |bound: &Bound, role: &str| bound.role == role && bound.accounts == [subject.as_str()];

    let mut actions = Vec::new();
    if taken.is_none() && !user.limited {
        if !user.finalizers.iter().any(|finalizer| finalizer == name::USER_FINALIZER) {
            actions.push(Action::AddFinalizer);
        }
        let kept = namespace.ours().is_some_and(|facts| facts.kept);
        if kept || namespace.ours().is_none() {
            // Without the note that it was kept: an apply takes back what it no longer names.
            actions.push(Action::Apply(Part::Namespace, ns_body));
        }
        if account.ours().is_none() {
            actions.push(Action::Apply(Part::Account, account_body));
        }
        if !binding.ours().is_some_and(|bound| right(bound, name::USER_ROLE)) {
            actions.push(Action::Apply(Part::Binding, binding_body));
        }
        if !flavor_reader.ours().is_some_and(|bound| right(bound, name::FLAVOR_READER_ROLE)) {
            actions.push(Action::Apply(Part::FlavorReader, reader_body));
        }
    }

    let before = user.status.clone().unwrap_or_default();
    let mut conditions = Conditions::after(&before.conditions, user.generation, *now);
    let there = namespace.ours().is_some_and(|facts| !facts.deleting)
        && account.ours().is_some()
        && binding.ours().is_some()
        && flavor_reader.ours().is_some();
    let refusal = if user.limited {
        Some((
            Reason::NotSupportedYet,
            "spec.limits is not supported yet; remove it from the spec".to_owned(),
        ))
    } else {
        taken.map(|(_, kind, name)| {
            let message = format!("{kind} {name:?} exists and is not this user's; it is left alone: remove it, or choose another name for the user");
            (Reason::NameTaken, message)
        })
    };
    match &refusal {
        None => conditions.set(ConditionType::Accepted, Truth::True, Reason::Valid, ""),
        Some((reason, message)) => {
            conditions.set(ConditionType::Accepted, Truth::False, *reason, message.clone());
        }
    }
    match refusal {
        _ if there => conditions.set(ConditionType::Ready, Truth::True, Reason::AccessGranted, ""),
        None => {
            // Said once it is so: a moment later, and a write less.
            if user.status.is_none() || before.conditions.is_empty() {
                return Decision { status: None, actions, recheck };
            }
            conditions.set(
                ConditionType::Ready,
                Truth::False,
                Reason::Starting,
                "namespace and rights are being made",
            );
        }
        Some((reason, message)) => conditions.set(ConditionType::Ready, Truth::False, reason, message),
    }
    let status = DevUserStatus {
        observed_generation: user.generation,
        namespace: there.then(|| slug.namespace()),
        service_account: there.then(|| slug.service_account()),
        conditions: conditions.finish(),
    };
    Decision { status: (user.status.as_ref() != Some(&status)).then_some(status), actions, recheck }
}

/// Access goes at once. The namespace goes only when nothing of value is in it.
fn decide_deletion(snapshot: &Snapshot) -> Decision {
    let Snapshot { user, namespace, account, binding, flavor_reader, holds, now: _ } = snapshot;
    if !user.finalizers.iter().any(|finalizer| finalizer == name::USER_FINALIZER) {
        return Decision::default();
    }
    let mut actions = Vec::new();
    if flavor_reader.ours().is_some() {
        actions.push(Action::Delete(Part::FlavorReader));
    }
    if binding.ours().is_some() {
        actions.push(Action::Delete(Part::Binding));
    }
    if account.ours().is_some() {
        actions.push(Action::Delete(Part::Account));
    }
    match (namespace, holds) {
        (Child::Ours(facts), Some(Held::Nothing)) if !facts.deleting => {
            actions.push(Action::Delete(Part::Namespace));
        }
        (Child::Ours(facts), Some(Held::Data)) if !facts.kept => actions.push(Action::KeepNamespace),
        (Child::Ours(_) | Child::Absent | Child::Foreign, _) => {}
    }
    actions.push(Action::RemoveFinalizer);
    Decision { status: None, actions, recheck: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new_user() -> Snapshot {
        let user = UserFacts {
            name: "alice".into(),
            uid: "1".into(),
            generation: Some(1),
            deleting: false,
            finalizers: vec![],
            limited: false,
            status: None,
        };
        Snapshot {
            user: Arc::new(user),
            namespace: Child::Absent,
            account: Child::Absent,
            binding: Child::Absent,
            flavor_reader: Child::Absent,
            holds: None,
            now: Timestamp::UNIX_EPOCH,
        }
    }

    fn granted() -> Snapshot {
        let bound = |role: &str| {
            let accounts = vec!["dev-alice/user-alice".to_owned()];
            Child::Ours(Arc::new(Bound { user: Some("alice".into()), role: role.into(), accounts }))
        };
        let mut snapshot = new_user();
        Arc::make_mut(&mut snapshot.user).finalizers = vec![name::USER_FINALIZER.into()];
        snapshot.namespace = Child::Ours(Arc::default());
        snapshot.account = Child::Ours(Arc::default());
        snapshot.binding = bound(name::USER_ROLE);
        snapshot.flavor_reader = bound(name::FLAVOR_READER_ROLE);
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
        assert_eq!(applied(&decision), [Part::Namespace, Part::Account, Part::Binding, Part::FlavorReader]);
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
    fn an_empty_namespace_goes_with_its_user() {
        let decision = decide(&deleted(Held::Nothing));
        assert!(decision.actions.contains(&Action::Delete(Part::Namespace)));
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
        snapshot.namespace =
            Child::Ours(Arc::new(NamespaceFacts { kept: true, ..NamespaceFacts::default() }));
        assert_eq!(applied(&decide(&snapshot)), [Part::Namespace]);
    }
}
