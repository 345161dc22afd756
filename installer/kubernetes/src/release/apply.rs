//! Applies a release. A run that is killed at any point can be repeated, because the inventory lists all objects before
//! the first one is written. Objects that are as wanted are not sent, and if all are, nothing is written.

use std::time::Duration;

use futures::future::join_all;
use kube::{Client, api::DynamicObject};
use tokio::sync::Semaphore;

use super::{
    Release, ReleaseError, gone,
    inventory::{self, Inventory, NameHolder},
    look::{LiveRelease, ObjectState, read_live},
    node_port::{self, send},
    rank::{Rank, by_rank},
    remove, wait,
};
use crate::{Error, ObjectRef, Pace, call::ApiServer};

/// The number of objects that are applied concurrently.
const AT_ONCE: usize = 8;
/// How long a CRD may take until its objects are accepted.
const CRD_PATIENCE: Duration = Duration::from_mins(1);
/// How long objects that are already being deleted, for example by an interrupted destroy, may take to be gone. A CRD
/// waits for its dev servers, whose processes have 30 s to end, and then for up to 3 min for volumes.
const LEAVING_PATIENCE: Duration = Duration::from_mins(5);

/// Applies every object of `release` that is missing, differs, or cannot be compared; then prunes the objects that only
/// the inventory lists.
///
/// If an object that is not ours has one of its names, nothing is written.
pub async fn apply(client: &Client, release: &Release, pace: &dyn Pace) -> Result<(), ReleaseError> {
    let server = ApiServer { client, pace };
    let Release { platform, name, account, objects, digest } = release;
    let LiveRelease { namespace, inventory: before, objects: live } = settled(server, release).await?;
    let before = before.ours().unwrap_or_default();
    let wanted = release.refs();
    let done = Inventory { objects: wanted.clone(), digest: digest.clone() };
    let changes: Vec<DynamicObject> = objects
        .iter()
        .zip(&live)
        .filter(|(_, (_, state))| match state {
            ObjectState::Missing | ObjectState::Drifted(_) | ObjectState::Unknown(_) => true,
            ObjectState::Same(_) | ObjectState::Foreign { .. } | ObjectState::Leaving(_) => false,
        })
        .map(|(object, _)| object.clone())
        .collect();
    let surplus: Vec<ObjectRef> =
        before.objects.iter().filter(|object| !wanted.contains(object)).cloned().collect();

    let as_wanted = changes.is_empty() && surplus.is_empty();
    if as_wanted && before == done {
        return Ok(());
    }
    if namespace == NameHolder::Free {
        inventory::create_namespace(server, platform, account.as_deref()).await?;
    }
    if !as_wanted {
        let intent = Inventory { objects: [wanted, surplus.clone()].concat(), digest: String::new() };
        if before != intent {
            inventory::write(server, platform, name, &intent).await?;
        }
        let mut ranks = by_rank(&changes);
        let room = ranks.remove(&Rank::Room).unwrap_or_default();
        apply_concurrently(server, &room).await?;
        let crds: Vec<DynamicObject> = objects.iter().filter(|object| is_crd(object)).cloned().collect();
        let crds = Release {
            platform: platform.clone(),
            name: name.clone(),
            account: None,
            objects: crds,
            digest: String::new(),
        };
        wait::wait_ready(client, &crds, CRD_PATIENCE, pace).await?;
        for objects in ranks.values() {
            apply_concurrently(server, objects).await?;
        }
        for object in surplus.iter().rev() {
            remove::delete_ours(server, object, platform).await?;
        }
        // The operator deletes their dev servers first.
        let users: Vec<ObjectRef> = surplus.into_iter().filter(|object| object.kind == "DevUser").collect();
        gone::wait_gone(server, &users, platform, LEAVING_PATIENCE).await??;
    }
    Ok(inventory::write(server, platform, name, &done).await?)
}

/// Waits until objects that are being deleted are gone, and returns the release as it is then. Fails if an object is
/// foreign.
async fn settled(server: ApiServer<'_>, release: &Release) -> Result<LiveRelease, ReleaseError> {
    let live = read_live(server, release).await?;
    let leaving = live.leaving(release);
    let live = if leaving.is_empty() {
        live
    } else {
        gone::wait_gone(server, &leaving, &release.platform, LEAVING_PATIENCE).await??;
        read_live(server, release).await?
    };
    let foreign = live.foreign(release);
    if foreign.is_empty() { Ok(live) } else { Err(ReleaseError::Foreign(foreign)) }
}

/// Applies `objects`. After a failure, no further call is made. Those in flight end, because a dropped call may still
/// have an effect; then the first failure in the order of `objects` is returned.
async fn apply_concurrently(server: ApiServer<'_>, objects: &[&DynamicObject]) -> Result<(), ReleaseError> {
    let turns = Semaphore::new(AT_ONCE);
    let calls: Vec<_> = objects.iter().map(|object| apply_in_turn(server, object, &turns)).collect();
    join_all(calls).await.into_iter().collect()
}

/// Applies an object, unless another one has failed and closed `turns`.
async fn apply_in_turn(
    server: ApiServer<'_>,
    object: &DynamicObject,
    turns: &Semaphore,
) -> Result<(), ReleaseError> {
    let Ok(_turn) = turns.acquire().await else { return Ok(()) };
    let outcome = apply_one(server, object).await;
    if outcome.is_err() {
        turns.close();
    }
    outcome
}

async fn apply_one(server: ApiServer<'_>, object: &DynamicObject) -> Result<(), ReleaseError> {
    match send(server, object).await {
        Ok(()) => Ok(()),
        Err(Error::Call(error)) => match node_port::rejected(object, &error) {
            Some(port) => Ok(Box::pin(node_port::obtain(server, object, port, error)).await??),
            None => Err(error.into()),
        },
        Err(error) => Err(error.into()),
    }
}

fn is_crd(object: &DynamicObject) -> bool {
    object.types.as_ref().is_some_and(|types| types.kind == "CustomResourceDefinition")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};

    use super::*;
    use crate::{call::tests::client, pace::Steady};

    /// Returns a client of an empty cluster that rejects objects of this name, and the paths of the applied objects.
    fn empty_cluster(rejected: &'static str) -> (Client, Arc<Mutex<Vec<String>>>) {
        let applied: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&applied);
        let client = client(move |request| {
            let path = request.uri().path();
            if request.method() == "GET" {
                return (404, json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": ""}));
            }
            seen.lock().unwrap().push(path.to_owned());
            if path.ends_with(rejected) {
                return (422, json!({"kind": "Status", "code": 422, "reason": "Invalid", "message": path}));
            }
            (200, json!({"metadata": {"name": "a"}}))
        });
        (client, applied)
    }

    fn release(objects: impl IntoIterator<Item = Value>) -> Release {
        Release {
            platform: "devplat".to_owned(),
            name: "a".to_owned(),
            account: None,
            objects: objects.into_iter().map(|object| serde_json::from_value(object).unwrap()).collect(),
            digest: "digest".to_owned(),
        }
    }

    fn object(api_version: &str, kind: &str, name: &str) -> Value {
        json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "n"}})
    }

    #[tokio::test]
    async fn ranks_are_applied_in_order_after_the_inventory() {
        let (client, applied) = empty_cluster("/none");
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "n"}});
        let objects = [
            object("apps/v1", "Deployment", "a"),
            object("rbac.authorization.k8s.io/v1", "RoleBinding", "b"),
            object("v1", "ConfigMap", "c"),
            namespace,
        ];
        apply(&client, &release(objects), &Steady).await.unwrap();
        let inventory = "/api/v1/namespaces/devplat-system/configmaps/devplat-release-a";
        let expected = [
            "/api/v1/namespaces/devplat-system",
            inventory,
            "/api/v1/namespaces/n",
            "/api/v1/namespaces/n/configmaps/c",
            "/apis/rbac.authorization.k8s.io/v1/namespaces/n/rolebindings/b",
            "/apis/apps/v1/namespaces/n/deployments/a",
            inventory,
        ];
        assert_eq!(*applied.lock().unwrap(), expected);
    }

    #[tokio::test]
    async fn failure_ends_the_rest_of_its_rank_and_all_later_ranks() {
        let (client, applied) = empty_cluster("/configmaps/object-1");
        let objects = (0..40).map(|number| object("v1", "ConfigMap", &format!("object-{number}")));
        let wanted = release(objects.chain([object("apps/v1", "Deployment", "last")]));
        let error = apply(&client, &wanted, &Steady).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot apply ConfigMap n/object-1");
        let applied = applied.lock().unwrap();
        assert!(applied.len() < 40, "{applied:?}");
        assert!(!applied.iter().any(|path| path.ends_with("/last")), "{applied:?}");
        let inventories = applied.iter().filter(|path| path.ends_with("/devplat-release-a")).count();
        assert_eq!(inventories, 1, "the release was not applied completely");
    }
}
