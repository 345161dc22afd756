//! Deletes a release from the cluster, and finds the leftovers of a platform.

use std::time::Duration;

use futures::future::try_join_all;
use kube::{
    Client, ResourceExt,
    api::{DeleteParams, ListParams, Preconditions},
};

use super::{
    NotReady, PLATFORM_LABEL,
    data::{self, Data},
    gone::{OperatorPresence, wait_gone, wait_while},
    inventory::{self, Inventory},
    is_ours,
    kinds::{HELD, KINDS},
};
use crate::{
    CallError, Error, ObjectRef, Pace,
    call::{ApiServer, Call, CallVerb, ObjectDamage, absent, if_there},
    pace::Stopped,
};

/// Whether data of users may be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataLoss {
    /// No: if users have data, nothing is deleted.
    Refused,
    /// Yes: the user confirmed it.
    Allowed,
}

/// The reason why a release could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// The removal would delete data of users, which is not allowed.
    #[error("the cluster still has {0}")]
    Data(Data),
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// An object was not gone in time.
    #[error(transparent)]
    NotGone(#[from] NotReady),
    /// The user asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<Error> for RemoveError {
    fn from(error: Error) -> Self {
        match error {
            Error::Call(error) => Self::Call(error),
            Error::Stopped(stopped) => Self::Stopped(stopped),
        }
    }
}

/// Deletes all objects in the release's inventory that are still ours, the last one first, and waits until they are
/// gone. With the last release, the namespace of the inventories is deleted as well.
///
/// Deleting a CRD deletes all its objects, so the data of users is checked first. Finalizers need the operator, so
/// flavors and servers must be deleted before it.
///
/// If the inventory is damaged, only its ConfigMap is deleted, and the damage is returned: its objects are known by their
/// labels alone, as [`super::strays()`] finds them.
pub async fn remove(
    client: &Client,
    platform: &str,
    release: &str,
    data: DataLoss,
    patience: Duration,
    pace: &dyn Pace,
) -> Result<Option<ObjectDamage>, RemoveError> {
    let server = ApiServer { client, pace };
    let Some(found) = inventory::read(server, platform, release).await?.known() else { return Ok(None) };
    let (Inventory { objects, digest: _ }, damage) = match found {
        Ok(inventory) => (inventory, None),
        Err(damage) => (Inventory::default(), Some(damage)),
    };
    refuse_data_loss(server, platform, &objects, data).await?;
    remove_all(server, platform, &objects, patience).await?;
    delete_ours(server, &inventory::reference(release), platform).await?;
    remove_namespace(client, platform, patience, pace).await?;
    Ok(damage)
}

/// Deletes all objects with the label of `platform` and waits until they are gone, for a cluster whose inventories are
/// lost.
pub async fn remove_leftovers(
    client: &Client,
    platform: &str,
    data: DataLoss,
    patience: Duration,
    pace: &dyn Pace,
) -> Result<(), RemoveError> {
    let server = ApiServer { client, pace };
    let objects = leftovers(client, platform, pace).await?;
    refuse_data_loss(server, platform, &objects, data).await?;
    remove_in_order(server, platform, objects, patience).await
}

/// Deletes the objects that [`super::strays()`] found and that are still ours, and waits until they are gone.
pub async fn remove_strays(
    client: &Client,
    platform: &str,
    strays: &[ObjectRef],
    patience: Duration,
    pace: &dyn Pace,
) -> Result<(), RemoveError> {
    remove_in_order(ApiServer { client, pace }, platform, strays.to_vec(), patience).await
}

/// Deletes `objects`, which are in the order of [`KINDS`].
async fn remove_in_order(
    server: ApiServer<'_>,
    platform: &str,
    mut objects: Vec<ObjectRef>,
    patience: Duration,
) -> Result<(), RemoveError> {
    // Delete objects with finalizers first, while their operator is running.
    let held = objects.iter().take_while(|object| HELD.contains(&object.kind.as_str())).count();
    let mut held: Vec<ObjectRef> = objects.drain(..held).collect();
    held.reverse();
    remove_all(server, platform, &held, patience).await?;
    objects.reverse();
    remove_all(server, platform, &objects, patience).await
}

/// Returns whether the cluster has any dev server or user.
pub async fn has_custom_resources(client: &Client, pace: &dyn Pace) -> Result<bool, Error> {
    Ok(!data::custom_resources(ApiServer { client, pace }).await?.is_empty())
}

/// Deletes all dev servers and all users of the cluster, of any origin, and waits until they are gone; homes that the
/// user wants to keep stay. The operator must still be running.
pub async fn remove_custom_resources(
    client: &Client,
    patience: Duration,
    pace: &dyn Pace,
) -> Result<(), RemoveError> {
    let server = ApiServer { client, pace };
    let objects = data::custom_resources(server).await?;
    for object in &objects {
        let api = object.api(client);
        let attempt =
            || async { if_there(api.delete(&object.name, &DeleteParams::background()).await).map(|_| ()) };
        server.call(&Call::new(CallVerb::Delete, object), attempt).await?;
    }
    Ok(wait_while(server, &objects, |_| true, OperatorPresence::Installed, patience).await??)
}

/// Deletes the namespace of the inventories, unless it still holds one.
pub async fn remove_namespace(
    client: &Client,
    platform: &str,
    patience: Duration,
    pace: &dyn Pace,
) -> Result<(), RemoveError> {
    let server = ApiServer { client, pace };
    if !inventory::all(server, platform).await?.is_empty() {
        return Ok(());
    }
    let namespace = inventory::namespace_reference();
    delete_ours(server, &namespace, platform).await?;
    Ok(wait_gone(server, &[namespace], platform, patience).await??)
}

/// Returns all objects in the cluster with the label of `platform`, in an order in which they can be deleted.
pub async fn leftovers(client: &Client, platform: &str, pace: &dyn Pace) -> Result<Vec<ObjectRef>, Error> {
    let server = ApiServer { client, pace };
    let ours = ListParams::default().labels(&format!("{PLATFORM_LABEL}={platform}"));
    let lists: Vec<_> =
        KINDS.iter().map(|(api_version, kind)| data::list(server, api_version, kind, &ours)).collect();
    Ok(try_join_all(lists).await?.concat())
}

/// Fails if deleting CRDs would delete data of users, because deleting a CRD deletes all its objects.
async fn refuse_data_loss(
    server: ApiServer<'_>,
    platform: &str,
    objects: &[ObjectRef],
    loss: DataLoss,
) -> Result<(), RemoveError> {
    let takes_data = objects.iter().any(|object| object.kind == "CustomResourceDefinition");
    if !takes_data || loss == DataLoss::Allowed {
        return Ok(());
    }
    let found = data::data(server.client, platform, server.pace).await?;
    if found.deleted_with_crds() { Err(RemoveError::Data(found)) } else { Ok(()) }
}

/// Deletes `objects`, the last first.
async fn remove_all(
    server: ApiServer<'_>,
    platform: &str,
    objects: &[ObjectRef],
    patience: Duration,
) -> Result<(), RemoveError> {
    for object in objects.iter().rev() {
        delete_ours(server, object, platform).await?;
    }
    Ok(wait_gone(server, objects, platform, patience).await??)
}

/// Deletes `object` if it exists and is ours.
pub(super) async fn delete_ours(
    server: ApiServer<'_>,
    object: &ObjectRef,
    platform: &str,
) -> Result<(), Error> {
    let live = server.metadata(object).await?;
    let Some(live) = live.filter(|live| is_ours(live, platform)) else { return Ok(()) };
    // The UID as precondition: an object of this name that is created in between may not be ours.
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid: live.uid(), resource_version: None }),
        ..DeleteParams::background()
    };
    let api = object.api(server.client);
    let attempt = || async {
        match api.delete(&object.name, &params).await {
            Ok(_) => Ok(()),
            Err(error) if absent(&error) || other_object(&error) => Ok(()),
            Err(error) => Err(error),
        }
    };
    server.call(&Call::new(CallVerb::Delete, object), attempt).await
}

/// Returns whether the precondition failed: another object has the name now. The API server answers the same code for a
/// namespace that is being deleted.
fn other_object(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}
