//! Bringing a release into the cluster. Killed anywhere, it can be done again: the inventory knows all that may
//! be there before the first object is written. Nothing is sent for an object that is as it should be, and nothing
//! at all where all of them are.

use std::time::Duration;

use kube::{
    Client,
    api::{DynamicObject, Patch},
};

use super::{
    Release, ReleaseError,
    inventory::{self, Inventory, Place},
    observe::{Found, Survey, survey},
    readiness, remove,
};
use crate::{
    ObjectRef,
    call::{New, retried_with},
    waiting::Tell,
};

/// How long a CRD may take until objects of it are accepted.
const CRD_PATIENCE: Duration = Duration::from_mins(1);
/// How long what is being deleted, by an interrupted destroy perhaps, may take to be gone.
const LEAVING_PATIENCE: Duration = Duration::from_mins(2);

/// Applies every object of `release` that is missing or differs, then takes away what its inventory has and it
/// has not.
///
/// Nothing is written where one of its names is somebody else's.
pub async fn apply(client: &Client, release: &Release, tell: Tell<'_>) -> Result<(), ReleaseError> {
    let Release { platform, name, objects, digest } = release;
    let Survey { namespace, inventory: before, found } = settled(client, release, tell).await?;
    let before = before.ours().unwrap_or_default();
    let wanted = release.refs();
    let done = Inventory { objects: wanted.clone(), digest: digest.clone() };
    let changes: Vec<DynamicObject> = objects
        .iter()
        .zip(&found)
        .filter(|(_, (_, found))| match found {
            Found::Missing | Found::Drifted(_) => true,
            Found::Same(_) | Found::Foreign | Found::Leaving(_) => false,
        })
        .map(|(object, _)| object.clone())
        .collect();
    let surplus: Vec<ObjectRef> =
        before.objects.iter().filter(|object| !wanted.contains(object)).cloned().collect();

    let as_wanted = changes.is_empty() && surplus.is_empty();
    if as_wanted && before == done {
        return Ok(());
    }
    if namespace == Place::Free {
        inventory::create_namespace(client, platform).await?;
    }
    if !as_wanted {
        let intent = Inventory { objects: [wanted, surplus.clone()].concat(), digest: String::new() };
        if before != intent {
            inventory::write(client, platform, name, &intent).await?;
        }
        let (kinds, others): (Vec<DynamicObject>, Vec<DynamicObject>) =
            changes.into_iter().partition(makes_room);
        apply_each(client, &kinds).await?;
        let crds: Vec<DynamicObject> = objects.iter().filter(|object| is_crd(object)).cloned().collect();
        let crds =
            Release { platform: platform.clone(), name: name.clone(), objects: crds, digest: String::new() };
        readiness::wait_ready(client, &crds, CRD_PATIENCE, tell).await?;
        apply_each(client, &others).await?;
        for object in surplus.iter().rev() {
            remove::delete_ours(client, object, platform).await?;
        }
    }
    Ok(inventory::write(client, platform, name, &done).await?)
}

/// What there is, with nothing foreign among it, and after what was being deleted is gone.
async fn settled(client: &Client, release: &Release, tell: Tell<'_>) -> Result<Survey, ReleaseError> {
    let found = survey(client, release).await?;
    let leaving = found.leaving(release);
    let found = if leaving.is_empty() {
        found
    } else {
        remove::wait_gone(client, &leaving, &release.platform, LEAVING_PATIENCE, tell).await??;
        survey(client, release).await?
    };
    let foreign = found.foreign(release);
    if foreign.is_empty() { Ok(found) } else { Err(ReleaseError::Foreign(foreign)) }
}

async fn apply_each(client: &Client, objects: &[DynamicObject]) -> Result<(), ReleaseError> {
    for object in objects {
        let reference = ObjectRef::of(object);
        let api = reference.api(client);
        retried_with(
            New::Kind,
            || format!("apply {reference}"),
            || async {
                api.patch(&reference.name, &inventory::apply_params(), &Patch::Apply(object))
                    .await
                    .map(|_| ())
            },
        )
        .await?;
    }
    Ok(())
}

/// Whether others of the same release may lie in it or be of its kind.
fn makes_room(object: &DynamicObject) -> bool {
    object.types.as_ref().is_some_and(|types| types.kind == "Namespace") || is_crd(object)
}

fn is_crd(object: &DynamicObject) -> bool {
    object.types.as_ref().is_some_and(|types| types.kind == "CustomResourceDefinition")
}
