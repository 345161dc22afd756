//! Applies a release. A run that is killed at any point can be repeated, because the inventory lists all objects before
//! the first one is written. Objects that are as wanted are not sent, and if all are, nothing is written.

use std::time::Duration;

use kube::{
    Client, ResourceExt,
    api::{DynamicObject, Patch},
};

use super::{
    Release, ReleaseError, gone,
    inventory::{self, Inventory, NameHolder},
    look::{Found, Survey, survey},
    remove, wait,
};
use crate::{
    ObjectRef, Pace,
    call::{ApiServer, Call, New, Verb},
};

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
    if namespace == NameHolder::Free {
        inventory::create_namespace(server, platform, account.as_deref()).await?;
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
        let crds = Release {
            platform: platform.clone(),
            name: name.clone(),
            account: None,
            objects: crds,
            digest: String::new(),
        };
        wait::wait_ready(client, &crds, CRD_PATIENCE, pace).await?;
        apply_each(server, &others).await?;
        for object in surplus.iter().rev() {
            remove::delete_ours(server, object, platform).await?;
        }
    }
    Ok(inventory::write(server, platform, name, &done).await?)
}

/// Waits until objects that are being deleted are gone, and returns the existing ones. Fails if one of them is foreign.
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
        let call = Call::new(Verb::Apply, &reference).with_labels(object.labels());
        server.call_new(New::Kind, &call, attempt).await?;
    }
    Ok(())
}

/// Returns whether other objects of the release may need this namespace or this CRD.
fn makes_room(object: &DynamicObject) -> bool {
    object.types.as_ref().is_some_and(|types| types.kind == "Namespace") || is_crd(object)
}

fn is_crd(object: &DynamicObject) -> bool {
    object.types.as_ref().is_some_and(|types| types.kind == "CustomResourceDefinition")
}
