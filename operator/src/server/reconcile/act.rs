//! Takes the actions of a decision about a server.

use devplat_api::name::{self, ServerName};
use k8s_openapi::{
    api::{
        apps::v1::{Deployment, ReplicaSet},
        core::v1::{PersistentVolumeClaim, Secret, Service},
    },
    jiff::Timestamp,
};

use super::super::snapshot::{Action, ChildKind};
use crate::{
    cluster::{CallFailed, Written},
    context::Context,
    observed::{DeploymentFacts, Key, ServerFacts},
    store::Change,
    watch::Watched,
};

/// Why not everything was done.
pub(super) enum Stop {
    /// Something has the name of a child: it is to be looked at before anything else is made.
    Taken,
    /// A call failed, maybe about a child.
    Failed(Option<ChildKind>, CallFailed),
}

/// Takes the actions, the steps one after the other.
pub(super) async fn act(
    context: &Context,
    key: &Key,
    server: &ServerFacts,
    actions: Vec<Action>,
) -> Result<(), Stop> {
    for now in [Step::First, Step::Children, Step::Pods, Step::Last] {
        let of_now = actions.iter().filter(|action| step(action) == now);
        let done = futures::future::join_all(of_now.map(|action| one(context, key, server, action)));
        done.await.into_iter().collect::<Result<(), _>>()?;
    }
    Ok(())
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

async fn one(context: &Context, key: &Key, server: &ServerFacts, action: &Action) -> Result<(), Stop> {
    match action {
        Action::AddFinalizer => set_finalizer(context, key, server, true).await,
        Action::RemoveFinalizer => set_finalizer(context, key, server, false).await,
        Action::Make(kind, body) => {
            let made =
                make(context, key, *kind, body).await.map_err(|failed| Stop::Failed(Some(*kind), failed))?;
            if !made {
                context.with_memory(|memory| memory.entry(key.clone()).or_default().taken.insert(*kind));
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
    context.with_memory(|memory| {
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
    context.with_memory(|memory| {
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

pub(super) fn wake<T: Watched>(context: &Context, change: Option<Change<T>>) {
    if let Some(change) = change {
        T::wake(context, &change);
    }
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
