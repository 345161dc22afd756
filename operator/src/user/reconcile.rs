//! Fetches what a decision about a user needs, and does what it says.

use std::{sync::Arc, time::Duration};

use devplat_api::{DevServer, Slug, name};
use k8s_openapi::{
    api::{
        core::v1::{ConfigMap, Namespace, PersistentVolumeClaim, ServiceAccount},
        rbac::v1::{ClusterRoleBinding, RoleBinding},
    },
    jiff::Timestamp,
};
use serde_json::Value;

use super::{
    decide::{Action, Held, Part, Snapshot, decide},
    manifest::manifests,
};
use crate::{
    child::Child,
    cluster::CallFailed,
    content::Content,
    context::Context,
    observed::{AccountFacts, BindingFacts, Bound, ClusterBindingFacts, Key, UserFacts},
    store::Change,
    watch::Watched,
};

/// Where a user's objects are.
struct Places {
    namespace: Key,
    account: Key,
    binding: Key,
    flavor_reader: Key,
    bastion_token: Key,
    keys: Key,
    policy: Key,
}

impl Places {
    fn of(slug: &Slug) -> Self {
        Self {
            namespace: Key::cluster(&slug.namespace()),
            account: Key::new(&slug.namespace(), &slug.service_account()),
            binding: Key::new(&slug.namespace(), name::USER_ROLE_BINDING),
            flavor_reader: Key::cluster(&slug.flavor_reader_binding()),
            bastion_token: Key::new(&slug.namespace(), name::BASTION_TOKEN_BINDING),
            keys: Key::new(&slug.namespace(), name::AUTHORIZED_KEYS_CONFIG_MAP),
            policy: Key::new(&slug.namespace(), name::NETWORK_POLICY),
        }
    }
}

/// Looks at the user at `key` once. Returns when to look again, if nothing happens before.
pub(crate) async fn reconcile(context: &Context, key: &Key) -> Result<Option<Duration>, CallFailed> {
    let Some(user) = context.stores.users.get(key) else { return Ok(None) };
    let slug = Slug::of(&user.name);
    let places = Places::of(&slug);
    let snapshot = fetch(context, user.clone(), &slug, &places).await?;
    let decision = decide(&snapshot);
    for action in decision.actions {
        act(context, key, &user, &slug, &places, action).await?;
    }
    if let Some(status) = decision.status {
        wake(context, context.cluster.apply_status(&context.stores.users, key, &status).await?.change);
    }
    Ok(decision.recheck)
}

async fn fetch(
    context: &Context,
    user: Arc<UserFacts>,
    slug: &Slug,
    places: &Places,
) -> Result<Snapshot, CallFailed> {
    let Context { cluster, stores, .. } = context;
    let mine = |label: &Option<String>| label.as_deref() == Some(slug.as_str());
    let looks = !user.deleting;
    let namespace =
        Child::find(context, &stores.namespaces, &places.namespace, looks, |f| mine(&f.user)).await?;
    // What isn't in a namespace that isn't there need not be looked for.
    let inside = looks && namespace.ours().is_some();
    let account = Child::find(context, &stores.accounts, &places.account, inside, |f| mine(&f.user)).await?;
    let binding =
        Child::find(context, &stores.bindings, &places.binding, inside, |f| mine(&f.0.user)).await?;
    let reader =
        Child::find(context, &stores.cluster_bindings, &places.flavor_reader, looks, |f| mine(&f.0.user))
            .await?;
    let token =
        Child::find(context, &stores.bindings, &places.bastion_token, inside, |f| mine(&f.0.user)).await?;
    let keys = Child::find(context, &stores.keys, &places.keys, inside, |f| mine(&f.user)).await?;
    let policy = Child::find(context, &stores.policies, &places.policy, inside, |f| mine(&f.user)).await?;
    let holds = if user.deleting && namespace.ours().is_some() {
        let name = slug.namespace();
        let servers = cluster.content::<DevServer>(&name).await?;
        // A server that leaves may take its home with it, so its home is judged once it has left.
        Some(match (servers, cluster.content::<PersistentVolumeClaim>(&name).await?) {
            (Content::Stays, _) => Held::Servers,
            (Content::Nothing, Content::Stays) => Held::Data,
            (Content::Leaves, _) => Held::LeavingServers,
            (Content::Nothing, Content::Leaves) => Held::LeavingVolumes,
            (Content::Nothing, Content::Nothing) => Held::Nothing,
        })
    } else {
        None
    };
    Ok(Snapshot {
        user,
        namespace,
        account: map(account, |_: &AccountFacts| ()),
        binding: map(binding, |facts: &BindingFacts| -> Bound { facts.0.clone() }),
        flavor_reader: map(reader, |facts: &ClusterBindingFacts| -> Bound { facts.0.clone() }),
        bastion_token: map(token, |facts: &BindingFacts| -> Bound { facts.0.clone() }),
        keys,
        policy,
        holds,
        pod_security: context.defaults.pod_security.clone(),
        now: Timestamp::now(),
    })
}

fn map<A, B>(child: Child<A>, to: impl Fn(&A) -> B) -> Child<B> {
    match child {
        Child::Absent => Child::Absent,
        Child::Foreign => Child::Foreign,
        Child::Ours(facts) => Child::Ours(Arc::new(to(&facts))),
    }
}

async fn act(
    context: &Context,
    key: &Key,
    user: &UserFacts,
    slug: &Slug,
    places: &Places,
    action: Action,
) -> Result<(), CallFailed> {
    let Context { cluster, stores, .. } = context;
    match action {
        Action::AddFinalizer => set_finalizer(context, key, user, true).await,
        Action::RemoveFinalizer => set_finalizer(context, key, user, false).await,
        Action::Apply(part, body) => apply(context, places, part, &body).await,
        Action::Delete(Part::Namespace) => cluster.delete::<Namespace>(&places.namespace).await,
        Action::Delete(Part::Account) => cluster.delete::<ServiceAccount>(&places.account).await,
        Action::Delete(Part::Binding) => cluster.delete::<RoleBinding>(&places.binding).await,
        Action::Delete(Part::FlavorReader) => {
            cluster.delete::<ClusterRoleBinding>(&places.flavor_reader).await
        }
        Action::Delete(Part::BastionToken) => cluster.delete::<RoleBinding>(&places.bastion_token).await,
        Action::Delete(Part::Keys) => cluster.delete::<ConfigMap>(&places.keys).await,
        // Never decided: it goes with the namespace.
        Action::Delete(Part::Policy) => Ok(()),
        Action::DeleteServers => delete_servers(context, slug).await,
        Action::TellPods(hash) => tell_pods(context, slug, &hash).await,
        Action::KeepNamespace => {
            let level = context.defaults.pod_security.as_deref();
            let mut body = manifests(slug, &user.name, &user.keys, level).namespace;
            body["metadata"]["annotations"][name::KEPT_ANNOTATION] = "true".into();
            let written = cluster.apply(&stores.namespaces, &places.namespace, &body).await?;
            wake(context, written.change);
            Ok(())
        }
    }
}

async fn apply(context: &Context, places: &Places, part: Part, body: &Value) -> Result<(), CallFailed> {
    let Context { cluster, stores, .. } = context;
    match part {
        Part::Namespace => {
            wake(context, cluster.apply(&stores.namespaces, &places.namespace, body).await?.change);
        }
        Part::Account => wake(context, cluster.apply(&stores.accounts, &places.account, body).await?.change),
        Part::Binding => wake(context, cluster.apply(&stores.bindings, &places.binding, body).await?.change),
        Part::FlavorReader => {
            wake(context, cluster.apply(&stores.cluster_bindings, &places.flavor_reader, body).await?.change);
        }
        Part::BastionToken => {
            wake(context, cluster.apply(&stores.bindings, &places.bastion_token, body).await?.change);
        }
        Part::Keys => wake(context, cluster.apply(&stores.keys, &places.keys, body).await?.change),
        Part::Policy => wake(context, cluster.apply(&stores.policies, &places.policy, body).await?.change),
    }
    Ok(())
}

/// Deletes the user's dev servers that are known. The next look finds others.
async fn delete_servers(context: &Context, slug: &Slug) -> Result<(), CallFailed> {
    let Context { cluster, stores, .. } = context;
    let namespace = slug.namespace();
    for key in stores.servers.keys().into_iter().filter(|server| *server.namespace == namespace) {
        if stores.servers.get(&key).is_some_and(|server| server.deleting.is_none()) {
            // The watch has to deliver the deletion, because only that queues the dev server.
            cluster.delete::<DevServer>(&key).await?;
        }
    }
    Ok(())
}

/// A kubelet looks at a pod's mounts when the pod changes.
async fn tell_pods(context: &Context, slug: &Slug, hash: &str) -> Result<(), CallFailed> {
    let Context { cluster, stores, .. } = context;
    let namespace = slug.namespace();
    let servers = stores.servers.keys().into_iter().filter(|server| *server.namespace == namespace);
    let pods = servers.flat_map(|server| stores.pods.group(&server));
    for pod in pods.filter(|pod| pod.template.is_some() && !pod.deleting) {
        let place = Key::new(&namespace, &pod.name);
        wake(context, cluster.annotate(&stores.pods, &place, name::KEYS_ANNOTATION, hash).await?);
    }
    Ok(())
}

async fn set_finalizer(
    context: &Context,
    key: &Key,
    user: &UserFacts,
    wanted: bool,
) -> Result<(), CallFailed> {
    let others = user.finalizers.iter().filter(|finalizer| *finalizer != name::USER_FINALIZER).cloned();
    let new: Vec<String> = others.chain(wanted.then(|| name::USER_FINALIZER.to_owned())).collect();
    let change = context.cluster.set_finalizers(&context.stores.users, key, &user.finalizers, &new).await?;
    wake(context, change);
    Ok(())
}

fn wake<T: Watched>(context: &Context, change: Option<Change<T>>) {
    if let Some(change) = change {
        T::wake(context, &change);
    }
}
