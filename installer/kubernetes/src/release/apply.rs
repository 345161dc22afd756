//! Applies a release. Killed at any point, it can be repeated: the inventory lists all objects that may exist before
//! the first is written. Nothing is sent for an object that is as wanted, and nothing at all where all of them are.

use std::time::Duration;

use kube::{
    Client,
    api::{DynamicObject, Patch},
};

use super::{
    Release, ReleaseError, gone,
    inventory::{self, Inventory, Place},
    look::{Found, Survey, survey},
    remove, wait,
};
use crate::{
    ObjectRef, Pace,
    call::{ApiServer, Call, New, Verb},
};

/// How long a CRD may take until objects of it are accepted.
const CRD_PATIENCE: Duration = Duration::from_mins(1);
/// How long objects that are being deleted, perhaps by an interrupted destroy, may take to be gone.
const LEAVING_PATIENCE: Duration = Duration::from_mins(2);

/// Applies every object of `release` that is missing, differs, or cannot be compared; then deletes the objects of its
/// inventory that it does not have.
///
/// Nothing is written where one of its names is taken by an object that is not ours.
pub async fn apply(client: &Client, release: &Release, pace: &dyn Pace) -> Result<(), ReleaseError> {
    let server = ApiServer { client, pace };
    let Release { platform, name, objects, digest } = release;
    let Survey { namespace, inventory: before, found } = settled(server, release).await?;
    let before = before.ours().unwrap_or_default();
    let wanted = release.refs();
    let done = Inventory { objects: wanted.clone(), digest: digest.clone() };
    let changes: Vec<DynamicObject> = objects
        .iter()
        .zip(&found)
        .filter(|(_, (_, found))| match found {
            Found::Missing | Found::Drifted(_) | Found::Unknown(_) => true,
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
        inventory::create_namespace(server, platform).await?;
    }
    if !as_wanted {
        let intent = Inventory { objects: [wanted, surplus.clone()].concat(), digest: String::new() };
        if before != intent {
            inventory::write(server, platform, name, &intent).await?;
        }
        let (kinds, others): (Vec<DynamicObject>, Vec<DynamicObject>) =
            changes.into_iter().partition(makes_room);
        apply_each(server, &kinds).await?;
        let crds: Vec<DynamicObject> = objects.iter().filter(|object| is_crd(object)).cloned().collect();
        let crds =
            Release { platform: platform.clone(), name: name.clone(), objects: crds, digest: String::new() };
        wait::wait_ready(client, &crds, CRD_PATIENCE, pace).await?;
        apply_each(server, &others).await?;
        for object in surplus.iter().rev() {
            remove::delete_ours(server, object, platform).await?;
        }
    }
    Ok(inventory::write(server, platform, name, &done).await?)
}

/// What exists, with nothing foreign among it, and after objects that were being deleted are gone.
async fn settled(server: ApiServer<'_>, release: &Release) -> Result<Survey, ReleaseError> {
    let found = survey(server, release).await?;
    let leaving = found.leaving(release);
    let found = if leaving.is_empty() {
        found
    } else {
        gone::wait_gone(server, &leaving, &release.platform, LEAVING_PATIENCE).await??;
        survey(server, release).await?
    };
    let foreign = found.foreign(release);
    if foreign.is_empty() { Ok(found) } else { Err(ReleaseError::Foreign(foreign)) }
}

async fn apply_each(server: ApiServer<'_>, objects: &[DynamicObject]) -> Result<(), ReleaseError> {
    for object in objects {
        let reference = ObjectRef::of(object);
        let api = reference.api(server.client);
        let attempt = || async {
            api.patch(&reference.name, &inventory::apply_params(), &Patch::Apply(object)).await.map(|_| ())
        };
        server.call_new(New::Kind, &Call::new(Verb::Apply, &reference), attempt).await?;
    }
    Ok(())
}

/// Whether other objects of the release may be in this namespace or of this kind.
fn makes_room(object: &DynamicObject) -> bool {
    object.types.as_ref().is_some_and(|types| types.kind == "Namespace") || is_crd(object)
}

fn is_crd(object: &DynamicObject) -> bool {
    object.types.as_ref().is_some_and(|types| types.kind == "CustomResourceDefinition")
}
