//! Taking a release out of the cluster, and finding what is left of a platform.

use std::time::{Duration, Instant};

use kube::{
    Client, ResourceExt,
    api::{DeleteParams, ListParams, Preconditions},
};

use super::{NAMESPACE, NotReady, PLATFORM_LABEL, ReleaseError, inventory, is_ours};
use crate::{
    Error, ObjectRef, Waiting,
    call::{absent, if_there, retried},
    waiting::Tell,
};

/// The kinds that devplat applies, each with whether it lies in a namespace.
const KINDS: [(&str, &str); 12] = [
    ("apps.devservers.io/v1", "DevServerFlavor"),
    ("apps/v1", "Deployment"),
    ("policy/v1", "PodDisruptionBudget"),
    ("v1", "Service"),
    ("v1", "ConfigMap"),
    ("v1", "ServiceAccount"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
    ("v1", "Namespace"),
];

/// Deletes everything in the release's inventory that is still ours, last applied first, and waits until it is
/// gone.
pub async fn remove(
    client: &Client,
    platform: &str,
    release: &str,
    patience: Duration,
    tell: Tell<'_>,
) -> Result<(), ReleaseError> {
    let Some(inventory) = inventory::read(client, release).await? else { return Ok(()) };
    for object in inventory.objects.iter().rev() {
        delete_ours(client, object, platform).await?;
    }
    wait_gone(client, &inventory.objects, platform, patience, tell).await?;
    Ok(inventory::delete(client, release).await?)
}

/// Deletes the namespace of the inventories, when none is in it any more.
pub async fn remove_namespace(
    client: &Client,
    platform: &str,
    patience: Duration,
    tell: Tell<'_>,
) -> Result<(), ReleaseError> {
    let namespace = ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        namespace: None,
        name: NAMESPACE.to_owned(),
    };
    delete_ours(client, &namespace, platform).await?;
    wait_gone(client, &[namespace], platform, patience, tell).await
}

/// Every object in the cluster that carries the label of `platform`.
pub async fn leftovers(client: &Client, platform: &str) -> Result<Vec<ObjectRef>, Error> {
    let mut left = Vec::new();
    for (api_version, kind) in KINDS {
        let any = ObjectRef {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: None,
            name: String::new(),
        };
        let api = any.api(client);
        let selector = ListParams::default().labels(&format!("{PLATFORM_LABEL}={platform}"));
        let found =
            retried(|| format!("list {kind} objects"), || async { if_there(api.list(&selector).await) })
                .await?;
        left.extend(found.into_iter().flatten().map(|object| ObjectRef {
            namespace: object.namespace(),
            name: object.name_any(),
            ..any.clone()
        }));
    }
    Ok(left)
}

/// Deletes `object` if it is there and ours at this very moment.
pub(super) async fn delete_ours(client: &Client, object: &ObjectRef, platform: &str) -> Result<(), Error> {
    let api = object.api(client);
    let live =
        retried(|| format!("read {object}"), || async { if_there(api.get(&object.name).await) }).await?;
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
                Err(error) if absent(&error) || precondition(&error) => Ok(()),
                Err(error) => Err(error),
            }
        },
    )
    .await
}

fn precondition(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 409)
}

async fn wait_gone(
    client: &Client,
    objects: &[ObjectRef],
    platform: &str,
    patience: Duration,
    tell: Tell<'_>,
) -> Result<(), ReleaseError> {
    let start = Instant::now();
    for object in objects {
        let api = object.api(client);
        let mut told = false;
        loop {
            let live =
                retried(|| format!("read {object}"), || async { if_there(api.get(&object.name).await) })
                    .await?;
            let Some(live) = live.filter(|live| is_ours(live, platform)) else { break };
            let finalizers = live.finalizers().join(", ");
            let reason = (!finalizers.is_empty()).then(|| format!("held by {finalizers}"));
            let waiting = Waiting { object: object.clone(), progress: "being deleted".to_owned(), reason };
            if start.elapsed() > patience {
                return Err(NotReady { after: start.elapsed(), waiting }.into());
            }
            if !told {
                tell(&waiting);
                told = true;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
    Ok(())
}
