//! Bringing a release into the cluster. Killed anywhere, it can be done again: the inventory knows all that may
//! be there before the first object is written.

use std::time::Duration;

use kube::{
    Client,
    api::{DynamicObject, Patch},
};

use super::{
    Release, ReleaseError,
    inventory::{self, Inventory},
    is_ours, readiness, remove,
};
use crate::{
    ObjectRef,
    call::{if_there, retried},
    waiting::Tell,
};

/// How long a CRD may take until objects of it are accepted.
const CRD_PATIENCE: Duration = Duration::from_mins(1);

/// Applies every object of `release`, then takes away what its inventory has and it has not.
pub async fn apply(client: &Client, release: &Release, tell: Tell<'_>) -> Result<(), ReleaseError> {
    let Release { platform, name, objects, digest } = release;
    let before = inventory::read(client, name).await?.unwrap_or_default();
    let wanted = release.refs();
    refuse_foreign(client, platform, &wanted).await?;
    let mut all = before.objects.clone();
    all.extend(wanted.iter().filter(|object| !before.objects.contains(object)).cloned());
    let intent = Inventory { objects: all, digest: String::new() };
    if before != intent {
        inventory::write(client, platform, name, &intent).await?;
    }
    for object in objects {
        apply_one(client, object).await?;
    }
    let crds = Release {
        objects: objects.iter().filter(|object| is_crd(object)).cloned().collect(),
        ..release.clone()
    };
    readiness::wait_ready(client, &crds, CRD_PATIENCE, tell).await?;
    for surplus in intent.objects.iter().rev().filter(|object| !wanted.contains(object)) {
        remove::delete_ours(client, surplus, platform).await?;
    }
    let done = Inventory { objects: wanted, digest: digest.clone() };
    Ok(inventory::write(client, platform, name, &done).await?)
}

async fn apply_one(client: &Client, object: &DynamicObject) -> Result<(), ReleaseError> {
    let reference = ObjectRef::of(object);
    let api = reference.api(client);
    retried(
        || format!("apply {reference}"),
        || async {
            api.patch(&reference.name, &inventory::apply_params(), &Patch::Apply(object)).await.map(|_| ())
        },
    )
    .await?;
    Ok(())
}

/// Nothing is written where one of the names is taken.
async fn refuse_foreign(client: &Client, platform: &str, wanted: &[ObjectRef]) -> Result<(), ReleaseError> {
    let mut foreign = Vec::new();
    for reference in wanted {
        let api = reference.api(client);
        let live =
            retried(|| format!("read {reference}"), || async { if_there(api.get(&reference.name).await) })
                .await?;
        if live.is_some_and(|live| !is_ours(&live, platform)) {
            foreign.push(reference.clone());
        }
    }
    if foreign.is_empty() { Ok(()) } else { Err(ReleaseError::Foreign(foreign)) }
}

fn is_crd(object: &DynamicObject) -> bool {
    object.types.as_ref().is_some_and(|types| types.kind == "CustomResourceDefinition")
}
