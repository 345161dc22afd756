//! The decision about one user. Pure.

use std::{sync::Arc, time::Duration};

use devplat_api::{
    Slug,
    condition::{ConditionType, Reason},
    name,
    user::DevUserStatus,
};
use devplat_keys::AuthorizedKeys;
use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use super::manifest::manifests;
use crate::{
    child::Child,
    digest::hash,
    observed::{Bound, KeysFacts, NamespaceFacts, PolicyFacts, UserFacts},
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
    pub(super) bastion_token: Child<Bound>,
    pub(super) keys: Child<KeysFacts>,
    pub(super) policy: Child<PolicyFacts>,
    /// What in the namespace must not be lost; only looked for when the user is being deleted.
    pub(super) holds: Option<Held>,
    /// Pod Security level of namespaces of users.
    pub(super) pod_security: Option<String>,
    pub(super) now: Timestamp,
}

/// What keeps a namespace whose user goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Held {
    /// Dev servers that are not being deleted yet.
    Servers,
    /// Volumes with a user's data, and no dev server.
    Data,
    /// Dev servers that are being deleted, perhaps with their volumes.
    LeavingServers,
    /// Only volumes that are being deleted.
    LeavingVolumes,
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
    BastionToken,
    Keys,
    Policy,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Action {
    AddFinalizer,
    RemoveFinalizer,
    Apply(Part, Value),
    Delete(Part),
    /// Delete the dev servers in the namespace. Homes stay, except those whose homeRetention is Delete.
    DeleteServers,
    /// Note on the namespace that it stays for the data in it.
    KeepNamespace,
    /// Have the kubelets look at the keys at once, of which this is the hash. They would look by themselves, about once
    /// a minute, so that nobody has to remember whether it was done.
    TellPods(String),
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
pub(super) const FOREIGN: Duration = Duration::from_secs(5);

/// How often is looked whether dev servers and volumes that are being deleted are gone, at first and after [`LONG`].
pub(super) const LEAVING: Duration = Duration::from_secs(1);
const SLOWLY: Duration = Duration::from_secs(10);
/// After how long the status says that a deletion waits.
const LONG: Duration = Duration::from_secs(30);
/// How long a deletion waits for volumes.
const VOLUMES: Duration = Duration::from_mins(3);

pub(super) fn decide(snapshot: &Snapshot) -> Decision {
    if snapshot.user.deleting { decide_deletion(snapshot) } else { decide_access(snapshot) }
}

fn decide_access(snapshot: &Snapshot) -> Decision {
    let Snapshot { user, namespace, account, binding, flavor_reader, bastion_token, keys, policy, .. } =
        snapshot;
    let now = snapshot.now;
    let slug = Slug::of(&user.name);

    let taken = [
        (matches!(namespace, Child::Foreign), "namespace", slug.namespace()),
        (matches!(account, Child::Foreign), "ServiceAccount", slug.service_account()),
        (matches!(binding, Child::Foreign), "RoleBinding", name::USER_ROLE_BINDING.to_owned()),
        (matches!(flavor_reader, Child::Foreign), "ClusterRoleBinding", slug.flavor_reader_binding()),
        (matches!(bastion_token, Child::Foreign), "RoleBinding", name::BASTION_TOKEN_BINDING.to_owned()),
        (matches!(keys, Child::Foreign), "ConfigMap", name::AUTHORIZED_KEYS_CONFIG_MAP.to_owned()),
        (matches!(policy, Child::Foreign), "NetworkPolicy", name::NETWORK_POLICY.to_owned()),
    ];
    let taken = taken.into_iter().find(|(foreign, ..)| *foreign);
    let recheck = taken.is_some().then_some(FOREIGN);
    let actions = if taken.is_none() && !user.limited { plan_access(snapshot, &slug) } else { Vec::new() };

    let before = user.status.clone().unwrap_or_default();
    let mut conditions = Conditions::after(&before.conditions, user.generation, now);
    // What is made beside them was made before this is said.
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
        None => conditions.set(ConditionType::Accepted, Truth::True, Reason::Valid, no_keys(&user.keys)),
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

/// What is said of keys that are none. The user has the others nevertheless.
fn no_keys(keys: &str) -> String {
    let (_, wrong) = AuthorizedKeys::parse(keys.lines());
    let names: Vec<String> = wrong.iter().map(|line| format!("spec.sshKeys[{}]", line - 1)).collect();
    match names.as_slice() {
        [] => String::new(),
        [one] => format!("{one} is no public key and lets nobody in"),
        several => format!("{} are no public keys and let nobody in", several.join(", ")),
    }
}

/// What is missing, and what is not as it should be.
fn plan_access(snapshot: &Snapshot, slug: &Slug) -> Vec<Action> {
    let Snapshot { user, namespace, account, binding, flavor_reader, bastion_token, keys, policy, .. } =
        snapshot;
    let wanted = manifests(slug, &user.name, &user.keys, snapshot.pod_security.as_deref());
    let own = format!("{}/{}", slug.namespace(), slug.service_account());
    let bastion = format!("{}/{}", name::BASTION_NAMESPACE, name::BASTION);
    let right = |bound: &Child<Bound>, role: &str, account: &str| {
        bound.ours().is_some_and(|bound| bound.role == role && bound.accounts == [account])
    };

    let mut actions = Vec::new();
    if !user.finalizers.iter().any(|finalizer| finalizer == name::USER_FINALIZER) {
        actions.push(Action::AddFinalizer);
    }
    let kept = namespace.ours().is_some_and(|facts| facts.kept);
    // A cluster's own default may be a level that no dev server passes.
    let unlabelled =
        snapshot.pod_security.is_some() && namespace.ours().is_some_and(|facts| !facts.pod_security);
    if kept || unlabelled || namespace.ours().is_none() {
        // Without the note that it was kept: an apply takes back what it no longer names.
        actions.push(Action::Apply(Part::Namespace, wanted.namespace));
    }
    // Before anything can run in the namespace.
    if !policy.ours().is_some_and(|facts| facts.right) {
        actions.push(Action::Apply(Part::Policy, wanted.policy));
    }
    let hash = hash(&user.keys);
    if keys.ours().and_then(|facts| facts.hash.as_ref()) != Some(&hash) {
        actions.extend([Action::Apply(Part::Keys, wanted.keys), Action::TellPods(hash)]);
    }
    if account.ours().is_none() {
        actions.push(Action::Apply(Part::Account, wanted.account));
    }
    if !right(binding, name::USER_ROLE, &own) {
        actions.push(Action::Apply(Part::Binding, wanted.binding));
    }
    if !right(flavor_reader, name::FLAVOR_READER_ROLE, &own) {
        actions.push(Action::Apply(Part::FlavorReader, wanted.flavor_reader));
    }
    if !right(bastion_token, name::BASTION_TOKEN_ROLE, &bastion) {
        actions.push(Action::Apply(Part::BastionToken, wanted.bastion_token));
    }
    actions
}

/// Access goes at once, then the dev servers: with another key, a later user of the same name would be let into them. The
/// namespace goes only when nothing of value is in it.
fn decide_deletion(snapshot: &Snapshot) -> Decision {
    let Snapshot {
        user,
        namespace,
        account,
        binding,
        flavor_reader,
        bastion_token,
        keys,
        // It stays: what runs in a namespace that is kept is no more open than before.
        policy: _,
        holds,
        pod_security: _,
        now,
    } = snapshot;
    if !user.finalizers.iter().any(|finalizer| finalizer == name::USER_FINALIZER) {
        return Decision::default();
    }
    let mut actions = Vec::new();
    if bastion_token.ours().is_some() {
        actions.push(Action::Delete(Part::BastionToken));
    }
    if keys.ours().is_some() {
        actions.extend([Action::Delete(Part::Keys), Action::TellPods("none".to_owned())]);
    }
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
        (Child::Ours(facts), Some(Held::Servers)) if !facts.deleting => {
            actions.push(Action::DeleteServers);
            return wait_for(user, "its dev servers", actions, *now);
        }
        (Child::Ours(facts), Some(Held::LeavingServers)) if !facts.deleting => {
            return wait_for(user, "its dev servers", actions, *now);
        }
        // A pod that is not ours may use a volume for ever.
        (Child::Ours(facts), Some(Held::LeavingVolumes))
            if !facts.deleting && waited(user, *now) < VOLUMES =>
        {
            return wait_for(user, "its volumes", actions, *now);
        }
        (Child::Ours(facts), Some(Held::Data | Held::LeavingVolumes)) if !facts.deleting && !facts.kept => {
            actions.push(Action::KeepNamespace);
        }
        (Child::Ours(_) | Child::Absent | Child::Foreign, _) => {}
    }
    actions.push(Action::RemoveFinalizer);
    Decision { status: None, actions, recheck: None }
}

fn waited(user: &UserFacts, now: Timestamp) -> Duration {
    user.deleting_since
        .and_then(|since| Duration::try_from(now.duration_since(since)).ok())
        .unwrap_or_default()
}

/// The deletion goes on once `what` is gone.
fn wait_for(user: &UserFacts, what: &str, actions: Vec<Action>, now: Timestamp) -> Decision {
    if waited(user, now) < LONG {
        return Decision { status: None, actions, recheck: Some(LEAVING) };
    }
    let before = user.status.clone().unwrap_or_default();
    let mut conditions = Conditions::after(&before.conditions, user.generation, now);
    let message = format!("waiting for the end of {what}");
    conditions.set(ConditionType::Ready, Truth::False, Reason::Terminating, message);
    let status = DevUserStatus { conditions: conditions.finish(), ..before.clone() };
    Decision { status: (status != before).then_some(status), actions, recheck: Some(SLOWLY) }
}
