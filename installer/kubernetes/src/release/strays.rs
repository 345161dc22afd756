//! What is in the cluster of a platform: the names of its releases, and objects that belong to none of them.

use std::collections::BTreeSet;

use kube::Client;

use super::{
    PROOF_RECORD, Release,
    inventory::{self, NAMESPACE},
    remove::leftovers,
};
use crate::{Error, ObjectRef, Pace, call::ApiServer, hosting, proof};

/// The names of all releases of `platform` that have an inventory.
pub async fn names(client: &Client, platform: &str, pace: &dyn Pace) -> Result<Vec<String>, Error> {
    inventory::all(ApiServer { client, pace }, platform).await
}

/// The objects with the platform's label that are in no inventory and in no release of `wanted`, and are neither the
/// proof's nor an inventory: what a lost inventory leaves.
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
