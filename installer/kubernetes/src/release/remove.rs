//! Taking a release out of the cluster, and finding what is left of a platform.

use std::time::{Duration, Instant};

use futures::future::try_join_all;
use kube::{
    Client, ResourceExt,
    api::{DeleteParams, DynamicObject, ListParams, PartialObjectMeta, Preconditions},
};

use super::{NotReady, PLATFORM_LABEL, data::Data, inventory, is_ours, observe::leaving};
use crate::{
    Error, ObjectRef,
    call::{absent, if_there, retried},
    waiting::Tell,
};

/// The kinds that devplat applies, in an order in which they can be deleted.
const KINDS: [(&str, &str); 14] = [
    ("apps.devservers.io/v1", "DevServer"),
    ("apps.devservers.io/v1", "DevUser"),
    ("apps.devservers.io/v1", "DevServerFlavor"),
    ("apps/v1", "Deployment"),
    ("policy/v1", "PodDisruptionBudget"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("v1", "ConfigMap"),
    ("v1", "Namespace"),
];

/// Those of them that finalizers of the operator may hold; they come first.
const HELD: [&str; 3] = ["DevServer", "DevUser", "DevServerFlavor"];

/// Whether what users have may be deleted along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataLoss {
    /// No: where users have anything, nothing is deleted.
    Refused,
    /// Yes: somebody confirmed it.
    Allowed,
}

/// Why a release could not be taken away.
#[derive(Debug, thiserror::Error)]
pub enum RemoveError {
    /// Users have something that would go along, and nobody allowed that.
    #[error("users still have {0}")]
    Data(Data),
    /// A call failed.
    #[error(transparent)]
    Call(#[from] Error),
    /// It was not gone in time.
    #[error(transparent)]
    NotGone(#[from] NotReady),
}

/// Deletes everything in the release's inventory that is still ours, last applied first, and waits until it is
/// gone.
///
/// With the kinds go all objects of these kinds: what users have is looked at first. Finalizers want their
/// operator: flavors and servers have to go before it.
pub async fn remove(
    client: &Client,
    platform: &str,
    release: &str,
    data: DataLoss,
    patience: Duration,
    tell: Tell<'_>,
) -> Result<(), RemoveError> {
    let Some(inventory) = inventory::read(client, platform, release).await?.known() else { return Ok(()) };
    refuse_data_loss(client, platform, &inventory.objects, data).await?;
    remove_all(client, platform, &inventory.objects, patience, tell).await?;
    Ok(delete_ours(client, &inventory::reference(release), platform).await?)
}

/// Deletes everything that carries the label of `platform`, and waits until it is gone: for a cluster whose
/// inventories are lost.
pub async fn remove_leftovers(
    client: &Client,
    platform: &str,
    data: DataLoss,
    patience: Duration,
    tell: Tell<'_>,
) -> Result<(), RemoveError> {
    let mut objects = leftovers(client, platform).await?;
    refuse_data_loss(client, platform, &objects, data).await?;
    // What finalizers hold goes while their operator is there.
    let held = objects.iter().take_while(|object| HELD.contains(&object.kind.as_str())).count();
    let mut held: Vec<ObjectRef> = objects.drain(..held).collect();
    held.reverse();
    remove_all(client, platform, &held, patience, tell).await?;
    objects.reverse();
    remove_all(client, platform, &objects, patience, tell).await
}

/// Deletes every dev server and every user of the cluster, whoever made them, and waits until they are gone; homes
/// that are to be kept stay. Their operator has to be there still.
pub async fn remove_custom_resources(
    client: &Client,
    patience: Duration,
    tell: Tell<'_>,
) -> Result<(), RemoveError> {
    let objects = super::data::custom_resources(client).await?;
    for object in &objects {
        let api = object.api(client);
        retried(
            || format!("delete {object}"),
            || async { if_there(api.delete(&object.name, &DeleteParams::background()).await).map(|_| ()) },
        )
        .await?;
    }
    Ok(wait_while(client, &objects, |_| true, patience, tell).await??)
}

/// Deletes the namespace of the inventories, unless one is still in it.
pub async fn remove_namespace(
    client: &Client,
    platform: &str,
    patience: Duration,
    tell: Tell<'_>,
) -> Result<(), RemoveError> {
    if !inventory::all(client, platform).await?.is_empty() {
        return Ok(());
    }
    let namespace = inventory::namespace_reference();
    delete_ours(client, &namespace, platform).await?;
    Ok(wait_gone(client, &[namespace], platform, patience, tell).await??)
}

/// Every object in the cluster that carries the label of `platform`, in an order in which they can be deleted.
pub async fn leftovers(client: &Client, platform: &str) -> Result<Vec<ObjectRef>, Error> {
    let ours = ListParams::default().labels(&format!("{PLATFORM_LABEL}={platform}"));
    let lists: Vec<_> =
        KINDS.iter().map(|(api_version, kind)| super::data::list(client, api_version, kind, &ours)).collect();
    Ok(try_join_all(lists).await?.concat())
}

/// With the kinds go all objects of these kinds.
async fn refuse_data_loss(
    client: &Client,
    platform: &str,
    objects: &[ObjectRef],
    data: DataLoss,
) -> Result<(), RemoveError> {
    let takes_data = objects.iter().any(|object| object.kind == "CustomResourceDefinition");
    if !takes_data || data == DataLoss::Allowed {
        return Ok(());
    }
    let data = super::data::data(client, platform).await?;
    if data.goes_with_kinds() { Err(RemoveError::Data(data)) } else { Ok(()) }
}

/// Deletes `objects`, the last first.
async fn remove_all(
    client: &Client,
    platform: &str,
    objects: &[ObjectRef],
    patience: Duration,
    tell: Tell<'_>,
) -> Result<(), RemoveError> {
    for object in objects.iter().rev() {
        delete_ours(client, object, platform).await?;
    }
    Ok(wait_gone(client, objects, platform, patience, tell).await??)
}

/// Deletes `object` if it is there and ours at this very moment.
pub(super) async fn delete_ours(client: &Client, object: &ObjectRef, platform: &str) -> Result<(), Error> {
    let api = object.api(client);
    let live =
        retried(|| format!("read {object}"), || async { if_there(api.get_metadata(&object.name).await) })
            .await?;
    let Some(live) = live.filter(|live| is_ours(live, platform)) else { return Ok(()) };
    // The same object that was looked at: one made anew in between is another's.
    let params = DeleteParams {
        preconditions: Some(Preconditions { uid: live.uid(), resource_version: None }),
        ..DeleteParams::background()
    };
    retried(
        || format!("delete {object}"),
        || async {
            match api.delete(&object.name, &params).await {
                Ok(_) => Ok(()),
                Err(error) if absent(&error) || other_object(&error) => Ok(()),
                Err(error) => Err(error),
            }
        },
    )
    .await
}

/// Whether the object of that name is not the one meant. A namespace on its way out says so with the same code.
fn other_object(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

/// Waits until none of `objects` that are ours is there any more.
pub(super) async fn wait_gone(
    client: &Client,
    objects: &[ObjectRef],
    platform: &str,
    patience: Duration,
    tell: Tell<'_>,
) -> Result<Result<(), NotReady>, Error> {
    wait_while(client, objects, |live| is_ours(live, platform), patience, tell).await
}

async fn wait_while(
    client: &Client,
    objects: &[ObjectRef],
    meant: impl Fn(&PartialObjectMeta<DynamicObject>) -> bool,
    patience: Duration,
    tell: Tell<'_>,
) -> Result<Result<(), NotReady>, Error> {
    let start = Instant::now();
    for object in objects {
        let api = object.api(client);
        let mut told = None;
        loop {
            let live = retried(
                || format!("read {object}"),
                || async { if_there(api.get_metadata(&object.name).await) },
            )
            .await?;
            let Some(live) = live.filter(|live| meant(live)) else { break };
            let waiting = leaving(object.clone(), live.finalizers());
            if start.elapsed() > patience {
                return Ok(Err(NotReady { after: start.elapsed(), waiting }));
            }
            if told.as_ref() != Some(&waiting) {
                tell(&waiting);
                told = Some(waiting);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    Ok(Ok(()))
}
