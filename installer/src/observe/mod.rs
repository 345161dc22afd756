//! Reads the world: how each thing that is wanted compares with what is there. It changes nothing.

use std::collections::BTreeMap;

use futures::future::join_all;

use crate::{
    failure::Failure,
    plan::{Graph, Planned, Verdict},
    resource::{Resource, ResourceId},
    world::World,
};

/// What was found, by what was wanted.
pub type Inventory = BTreeMap<ResourceId, Verdict>;

/// Compares everything in `wanted`: what holds others first, then all the rest at once.
pub async fn observe(wanted: &Graph<Resource>, world: &World) -> Result<Inventory, Failure> {
    let (outside, inside): (Vec<_>, Vec<_>) = wanted.iter().partition(|resource| resource.inside().is_none());
    let mut inventory = look(&outside, world, false).await?;
    let running = inventory.get(&ResourceId::Cluster) == Some(&Verdict::Same);
    let mut within = look(&inside, world, running).await?;
    if let Some(Verdict::Differs(_)) = inventory.get(&ResourceId::Cluster) {
        // A stopped cluster cannot be asked what is in it; every step in it looks for itself once it runs.
        for verdict in within.values_mut() {
            *verdict = Verdict::Differs(vec!["not known while the cluster is stopped".to_owned()]);
        }
    }
    inventory.append(&mut within);
    Ok(inventory)
}

async fn look(resources: &[&Resource], world: &World, running: bool) -> Result<Inventory, Failure> {
    let looks = resources.iter().map(|resource| async move {
        Ok::<_, Failure>((resource.id(), resource.observe(world, running).await?))
    });
    // All of them, and the first failure in the order of making: what it stands on fails for the same reason, later.
    join_all(looks).await.into_iter().collect()
}
