//! The names of a platform's releases in the cluster, and its objects that belong to none of them.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use kube::Client;

use super::{
    PROOF_RECORD, Release,
    inventory::{self, Inventory, NAMESPACE},
    remove::leftovers,
};
use crate::{Error, ObjectRef, Pace, call::ApiServer, hosting, proof};

/// Returns the names of all releases of `platform` that have an inventory.
pub async fn names(client: &Client, platform: &str, pace: &dyn Pace) -> Result<Vec<String>, Error> {
    inventory::all(ApiServer { client, pace }, platform).await
}

/// Returns the objects with the platform's label that no inventory and no release of `wanted` lists, which a lost or damaged
/// inventory leaves. Objects of the proof and the inventories themselves are left out.
pub async fn strays(
    client: &Client,
    platform: &str,
    wanted: &[Release],
    pace: &dyn Pace,
) -> Result<Vec<ObjectRef>, Error> {
    let server = ApiServer { client, pace };
    let (recorded, mut strays) =
        futures::try_join!(recorded(server, platform), leftovers(client, platform, pace))?;
    let mut known: BTreeSet<ObjectRef> = wanted.iter().flat_map(Release::refs).collect();
    known.extend(recorded);
    known.insert(inventory::namespace_reference());
    known.insert(ObjectRef::config_map(NAMESPACE, PROOF_RECORD));
    known.insert(hosting::reference());
    known.extend(proof::objects());
    strays.retain(|object| !known.contains(object));
    Ok(strays)
}

/// Returns all inventories of `platform`, damaged ones as well, and the objects that the others list.
async fn recorded(server: ApiServer<'_>, platform: &str) -> Result<Vec<ObjectRef>, Error> {
    let names = inventory::all(server, platform).await?;
    let reads: Vec<_> = names.iter().map(|name| inventory::read(server, platform, name)).collect();
    let mut recorded: Vec<ObjectRef> = names.iter().map(|name| inventory::reference(name)).collect();
    for inventory in try_join_all(reads).await? {
        // The objects of a damaged inventory are strays, so that they can be deleted.
        let known = inventory.known().and_then(Result::ok);
        let Inventory { objects, digest: _ } = known.unwrap_or_default();
        recorded.extend(objects);
    }
    Ok(recorded)
}
