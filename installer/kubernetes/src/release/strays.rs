//! The names of a platform's releases in the cluster, and its objects that belong to none of them.

use std::collections::BTreeSet;

use kube::Client;

use super::{
    PROOF_RECORD, Release,
    inventory::{self, NAMESPACE},
    remove::leftovers,
};
use crate::{Error, ObjectRef, Pace, call::ApiServer, hosting, proof};

/// Returns the names of all releases of `platform` that have an inventory.
pub async fn names(client: &Client, platform: &str, pace: &dyn Pace) -> Result<Vec<String>, Error> {
    inventory::all(ApiServer { client, pace }, platform).await
}

/// Returns the objects with the platform's label that no inventory and no release of `wanted` lists, which a lost
/// inventory leaves. Objects of the proof and the inventories themselves are left out.
pub async fn strays(
    client: &Client,
    platform: &str,
    wanted: &[Release],
    pace: &dyn Pace,
) -> Result<Vec<ObjectRef>, Error> {
    let server = ApiServer { client, pace };
    let mut known: BTreeSet<ObjectRef> = wanted.iter().flat_map(Release::refs).collect();
    for name in inventory::all(server, platform).await? {
        known.insert(inventory::reference(&name));
        let inventory = inventory::read(server, platform, &name).await?.known().unwrap_or_default();
        known.extend(inventory.objects);
    }
    known.insert(inventory::namespace_reference());
    known.insert(ObjectRef::config_map(NAMESPACE, PROOF_RECORD));
    known.insert(hosting::reference());
    known.extend(proof::objects());
    let mut strays = leftovers(client, platform, pace).await?;
    strays.retain(|object| !known.contains(object));
    Ok(strays)
}
