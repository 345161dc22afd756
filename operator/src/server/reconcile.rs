//! Fetches what a decision about a server needs, and does what it says.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use devplat_api::{
    condition::Reason,
    name::{self, ServerName},
};
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, ReplicaSet},
        core::v1::{PersistentVolumeClaim, Secret, Service},
    },
    jiff::Timestamp,
};

use super::{
    decide::decide,
    snapshot::{Action, ChildKind, Failure, Network, Snapshot},
};
use crate::{
    child::Child,
    cluster::{CallFailed, Written},
    context::Context,
    observed::{DeploymentFacts, Key, Owner, PolicyFacts, ServerFacts},
    store::Change,
    watch::Watched,
};

/// What is remembered of a server while this process lives.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Memory {
    /// Generation of its Deployment after the last write.
    written_generation: Option<i64>,
    /// When its keys were last made, or found to be there.
    keys_made: Option<Timestamp>,
    /// Why the last attempt at a child failed.
    failure: Option<Failure>,
    /// Children whose names something else had when they were to be made.
    taken: BTreeSet<ChildKind>,
}

/// Looks at the server at `key` once. Returns when to look again, if nothing happens before.
pub(crate) async fn reconcile(context: &Context, key: &Key) -> Result<Option<Duration>, CallFailed> {
    let Some(server) = context.stores.servers.get(key) else {
        with_memory(context, |memory| memory.remove(key));
        return Ok(None);
    };
    let snapshot = fetch(context, server).await?;
    let decision = decide(&snapshot);
    if let Some(status) = &decision.status {
        let written = context.cluster.apply_status(&context.stores.servers, key, status).await?;
        wake(context, written.change);
    }
    let outcome = act(context, key, &snapshot.server, decision.actions).await;
    let failure = match &outcome {
        Ok(()) => None,
        Err(Stop::Failed(Some(child), failed)) => {
            Some(Failure { child: *child, reason: reason(failed), message: failed.said() })
        }
        // Nothing about a child: try again, and tell nobody yet.
        Err(Stop::Failed(None, _)) => snapshot.failure.clone(),
        Err(Stop::Taken) => return Ok(Some(Duration::ZERO)),
    };
    if failure != snapshot.failure {
        with_memory(context, |memory| memory.entry(key.clone()).or_default().failure.clone_from(&failure));
        if failure.is_some() {
            // Said before the next attempt, which may be long in coming.
            let decision = decide(&Snapshot { failure, ..fetch_again(context, &snapshot).await? });
            if let Some(status) = &decision.status {
                wake(
                    context,
                    context.cluster.apply_status(&context.stores.servers, key, status).await?.change,
                );
            }
        } else {
            return Ok(Some(Duration::ZERO));
        }
    }
    match outcome {
        Err(Stop::Failed(_, failed)) => Err(failed),
        Ok(()) | Err(Stop::Taken) => Ok(decision.recheck),
    }
}

async fn fetch_again(context: &Context, snapshot: &Snapshot) -> Result<Snapshot, CallFailed> {
    let server = context.stores.servers.get(&snapshot.server.key);
    fetch(context, server.unwrap_or_else(|| snapshot.server.clone())).await
}

async fn fetch(context: &Context, server: Arc<ServerFacts>) -> Result<Snapshot, CallFailed> {
    let Context { defaults, stores, .. } = context;
    let key = &server.key;
    let home = Key::new(&key.namespace, &format!("{}-home", key.name));
    let service = Key::new(&key.namespace, &format!("{}-ssh", key.name));
    let mine = |owner: &Option<String>| owner.as_deref() == Some(&server.uid);
    let Memory { written_generation, keys_made, failure, taken } =
        with_memory(context, |memory| memory.get(key).cloned().unwrap_or_default());
    // A server on its way out makes nothing, so nobody else's objects can be in its way.
    let makes = server.deleting.is_none();
    // What is to be made meets what has its name by itself, and is looked for after that. Not so the Deployment: it comes
    // last, and where it cannot come, nothing else should. Nor the NetworkPolicy: its rights are by name, so it is applied.
    let looks = |kind| makes && taken.contains(&kind);
    let (deployment, claim, service) = tokio::try_join!(
        Child::find(context, &stores.deployments, key, makes, |facts| mine(&facts.owner)),
        Child::find(context, &stores.claims, &home, looks(ChildKind::Home), |facts| facts.server.as_deref()
            == Some(&*key.name)),
        Child::find(
            context,
            &stores.services,
            &service,
            looks(ChildKind::Service) && server.spec.enable_ssh,
            |facts| mine(&facts.owner)
        ),
    )?;
    for (kind, free) in [
        (ChildKind::Deployment, !matches!(deployment, Child::Foreign)),
        (ChildKind::Home, !matches!(claim, Child::Foreign)),
        (ChildKind::Service, !matches!(service, Child::Foreign)),
    ] {
        if free && taken.contains(&kind) {
            with_memory(context, |memory| memory.entry(key.clone()).or_default().taken.remove(&kind));
        }
    }
    let network = network(context, key, makes).await?;
    let volume_made = claim.ours().and_then(|claim| context.volumes.last_made(claim));
    Ok(Snapshot {
        flavors: stores.flavors.all(),
        deployment,
        home: claim,
        service,
        network,
        pods: stores.pods.group(key),
        written_generation,
        keys_made,
        volume_made,
        failure,
        defaults: defaults.clone(),
        now: Timestamp::now(),
        server,
    })
}

/// What the namespace has for all servers in it, where it is no user's.
async fn network(context: &Context, key: &Key, looks: bool) -> Result<Option<Network>, CallFailed> {
    let stores = &context.stores;
    let place = Key::new(&key.namespace, name::NETWORK_POLICY);
    let of_user = |policy: Option<Arc<PolicyFacts>>| policy.is_some_and(|policy| policy.user.is_some());
    let users = stores.namespaces.get(&Key::cluster(&key.namespace));
    if users.is_some_and(|facts| facts.user.is_some()) || of_user(stores.policies.get(&place)) {
        return Ok(None);
    }
    let policy = Child::find(context, &stores.policies, &place, looks, |_| true).await?;
    let owners = policy.ours().map(|facts| &facts.servers[..]).unwrap_or_default();
    let mut servers: Vec<_> =
        owners.iter().filter_map(|owner| find_owner(context, &key.namespace, owner)).collect();
    // All of them, who may be thousands, only where a policy is to be written.
    if servers.is_empty() && !matches!(policy, Child::Foreign) {
        let here =
            |server: &Arc<ServerFacts>| server.key.namespace == key.namespace && server.deleting.is_none();
        servers = stores.servers.all().into_iter().filter(here).collect();
    }
    Ok(Some(Network { policy, servers }))
}

/// The server that it is, if that is there to stay.
fn find_owner(context: &Context, namespace: &str, owner: &Owner) -> Option<Arc<ServerFacts>> {
    let server = context.stores.servers.get(&Key::new(namespace, &owner.name))?;
    (server.uid == owner.uid && server.deleting.is_none()).then_some(server)
}

/// Why not everything was done.
enum Stop {
    /// Something has the name of a child: it is to be looked at before anything else is made.
    Taken,
    /// A call failed, maybe about a child.
    Failed(Option<ChildKind>, CallFailed),
}

/// What is done at once, one such step after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    /// The server is held, and what a pod needs or is kept from is there before it: above all, no pod may find a home of
    /// somebody else's.
    First,
    Children,
    Pods,
    Last,
}

fn step(action: &Action) -> Step {
    match action {
        Action::AddFinalizer | Action::Apply(ChildKind::Keys | ChildKind::Network, _) => Step::First,
        Action::Make(kind, _) => match kind {
            ChildKind::Home | ChildKind::Service | ChildKind::Keys | ChildKind::Network => Step::First,
            ChildKind::Deployment => Step::Children,
        },
        // At once: a home that cannot grow holds up no other change.
        Action::Apply(ChildKind::Deployment | ChildKind::Home | ChildKind::Service, _)
        | Action::Delete(_) => Step::Children,
        Action::DeletePods { .. } => Step::Pods,
        Action::RemoveFinalizer => Step::Last,
    }
}

async fn act(context: &Context, key: &Key, server: &ServerFacts, actions: Vec<Action>) -> Result<(), Stop> {
    for now in [Step::First, Step::Children, Step::Pods, Step::Last] {
        let of_now = actions.iter().filter(|action| step(action) == now);
        let done = futures::future::join_all(of_now.map(|action| one(context, key, server, action)));
        done.await.into_iter().collect::<Result<(), _>>()?;
    }
    Ok(())
}

async fn one(context: &Context, key: &Key, server: &ServerFacts, action: &Action) -> Result<(), Stop> {
    match action {
        Action::AddFinalizer => set_finalizer(context, key, server, true).await,
        Action::RemoveFinalizer => set_finalizer(context, key, server, false).await,
        Action::Make(kind, body) => {
            let made =
                make(context, key, *kind, body).await.map_err(|failed| Stop::Failed(Some(*kind), failed))?;
            if !made {
                with_memory(context, |memory| memory.entry(key.clone()).or_default().taken.insert(*kind));
                return Err(Stop::Taken);
            }
            return Ok(());
        }
        Action::Apply(kind, body) => {
            return apply(context, key, *kind, body)
                .await
                .map_err(|failed| Stop::Failed(Some(*kind), failed));
        }
        Action::Delete(kind) => delete(context, key, server, *kind).await,
        Action::DeletePods { replica_sets, pods } => delete_pods(context, key, replica_sets, pods).await,
    }
    .map_err(|failed| Stop::Failed(None, failed))
}

async fn set_finalizer(
    context: &Context,
    key: &Key,
    server: &ServerFacts,
    wanted: bool,
) -> Result<(), CallFailed> {
    let old = &server.finalizers;
    let others = old.iter().filter(|finalizer| *finalizer != name::SERVER_FINALIZER).cloned();
    let new: Vec<String> = others.chain(wanted.then(|| name::SERVER_FINALIZER.to_owned())).collect();
    let store = &context.stores.servers;
    match context.cluster.set_finalizers(store, key, old, &new).await {
        Ok(change) => wake(context, change),
        Err(failed) if !wanted && failed.code() == Some(404) => {}
        Err(failed) => return Err(failed),
    }
    Ok(())
}

/// Makes a child. Says whether it did: what has its name already stays as it is.
async fn make(
    context: &Context,
    key: &Key,
    kind: ChildKind,
    body: &serde_json::Value,
) -> Result<bool, CallFailed> {
    let Context { cluster, stores, .. } = context;
    let place = place(key, body);
    Ok(match kind {
        ChildKind::Deployment => {
            let Some(written) = cluster.make(&stores.deployments, &place, body).await? else {
                return Ok(false);
            };
            machine_written(context, key, written);
            true
        }
        ChildKind::Home => made(context, cluster.make(&stores.claims, &place, body).await?),
        ChildKind::Service => made(context, cluster.make(&stores.services, &place, body).await?),
        ChildKind::Keys => {
            make_keys(context, key, &place, body).await?;
            true
        }
        // By name, as the rights to it are: an apply makes it as well.
        ChildKind::Network => {
            apply(context, key, kind, body).await?;
            true
        }
    })
}

async fn apply(
    context: &Context,
    key: &Key,
    kind: ChildKind,
    body: &serde_json::Value,
) -> Result<(), CallFailed> {
    let Context { cluster, stores, .. } = context;
    let place = place(key, body);
    match kind {
        ChildKind::Deployment => {
            machine_written(context, key, cluster.apply_over(&stores.deployments, &place, body).await?);
        }
        ChildKind::Home => wake(context, cluster.apply_over(&stores.claims, &place, body).await?.change),
        ChildKind::Service => wake(context, cluster.apply_over(&stores.services, &place, body).await?.change),
        ChildKind::Network => wake(context, cluster.apply(&stores.policies, &place, body).await?.change),
        // Those that are there are the same ones.
        ChildKind::Keys => make_keys(context, key, &place, body).await?,
    }
    Ok(())
}

fn place(key: &Key, body: &serde_json::Value) -> Key {
    Key::new(&key.namespace, body["metadata"]["name"].as_str().unwrap_or_default())
}

fn made<T: Watched>(context: &Context, written: Option<Written<T>>) -> bool {
    let made = written.is_some();
    wake(context, written.and_then(|written| written.change));
    made
}

fn machine_written(context: &Context, key: &Key, written: Written<DeploymentFacts>) {
    with_memory(context, |memory| {
        memory.entry(key.clone()).or_default().written_generation = written.generation;
    });
    wake(context, written.change);
}

/// Keys that are there already are the same ones: they come from the authority and the server's name.
async fn make_keys(
    context: &Context,
    key: &Key,
    place: &Key,
    body: &serde_json::Value,
) -> Result<(), CallFailed> {
    // There is one: nothing is looked at without.
    let Some(authority) = context.authority() else { return Ok(()) };
    let mut secret = body.clone();
    secret["data"] = serde_json::json!(authority.server_keys(&key.namespace, &key.name));
    context.cluster.make_unwatched::<Secret>(place, &secret).await?;
    with_memory(context, |memory| {
        memory.entry(key.clone()).or_default().keys_made = Some(Timestamp::now());
    });
    Ok(())
}

async fn delete(
    context: &Context,
    key: &Key,
    server: &ServerFacts,
    kind: ChildKind,
) -> Result<(), CallFailed> {
    let Context { cluster, .. } = context;
    let child = |suffix: &str| Key::new(&key.namespace, &format!("{}{suffix}", key.name));
    match kind {
        ChildKind::Deployment => cluster.delete::<Deployment>(key).await,
        ChildKind::Home => cluster.delete::<PersistentVolumeClaim>(&child("-home")).await,
        ChildKind::Service => cluster.delete::<Service>(&child("-ssh")).await,
        ChildKind::Keys => {
            // A server of another name never had any.
            let Ok(name) = ServerName::parse(&key.name) else { return Ok(()) };
            cluster.delete::<Secret>(&Key::new(&key.namespace, &name.keys(&server.uid))).await
        }
        // It is not one server's, and goes with the last of them by itself.
        ChildKind::Network => Ok(()),
    }
}

/// The `ReplicaSet`s first, or they would replace the pods.
async fn delete_pods(
    context: &Context,
    key: &Key,
    sets: &[String],
    pods: &[String],
) -> Result<(), CallFailed> {
    for name in sets {
        context.cluster.delete::<ReplicaSet>(&Key::new(&key.namespace, name)).await?;
    }
    for name in pods {
        context.cluster.delete_slowly(&context.stores.pods, &Key::new(&key.namespace, name)).await?;
    }
    Ok(())
}

fn wake<T: Watched>(context: &Context, change: Option<Change<T>>) {
    if let Some(change) = change {
        T::wake(context, &change);
    }
}

fn reason(failed: &CallFailed) -> Reason {
    if failed.code() == Some(403) { Reason::Forbidden } else { Reason::ApplyFailed }
}

fn with_memory<R>(
    context: &Context,
    look: impl FnOnce(&mut std::collections::HashMap<Key, Memory>) -> R,
) -> R {
    look(&mut context.memory.lock().expect("no holder of this lock panics"))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn no_pod_comes_before_what_it_needs() {
        let machine = step(&Action::Make(ChildKind::Deployment, Value::Null));
        for kind in [ChildKind::Home, ChildKind::Service, ChildKind::Keys] {
            assert!(step(&Action::Make(kind, Value::Null)) < machine, "{kind:?}");
        }
        assert!(step(&Action::Apply(ChildKind::Network, Value::Null)) < machine);
        assert!(step(&Action::AddFinalizer) < machine);
    }

    #[test]
    fn home_that_cannot_grow_holds_up_no_other_change() {
        let grow = step(&Action::Apply(ChildKind::Home, Value::Null));
        assert!(grow >= step(&Action::Apply(ChildKind::Deployment, Value::Null)));
    }
}
