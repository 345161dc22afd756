//! Finds the platform's resources of each kind and compares them with the wanted ones. It changes nothing.

use std::collections::BTreeMap;

use devplat_plan::{Graph, How, Id, Inventory, KindName, Owner, Planned, Verdict};
use futures::future::join_all;

use crate::{
    failure::Failure,
    resource::{AnyResource, CLUSTER, Found, KINDS, KindEntry, SeenThrough, Wanted},
    world::World,
};

/// The found resources, and the kinds that could not be searched.
#[derive(Default)]
pub struct Survey {
    /// The found resources, by id.
    pub found: BTreeMap<Id, Vec<Found>>,
    /// The same for the planner, compared with the wanted resources.
    pub inventory: Inventory,
    /// The kinds that could not be searched, in dependency order, each with the reason.
    pub failures: Vec<(KindName, Failure)>,
}

impl Survey {
    /// Returns the survey, or the first failure in dependency order, because later ones usually share its cause.
    pub fn whole(self) -> Result<Self, Failure> {
        match self.failures.first() {
            None => Ok(self),
            Some((_, failure)) => Err(failure.clone()),
        }
    }
}

/// Finds all resources of the platform and compares them with `wanted`.
pub async fn observe(wanted: &Graph<AnyResource>, world: &World) -> Survey {
    let wanted: Vec<AnyResource> = wanted.iter().cloned().collect();
    let mut survey = Survey::default();
    look(SeenThrough::Nothing, &wanted, world, &mut survey).await;
    let cluster = CLUSTER.single();
    if replaced(&cluster, &wanted, &survey) {
        unknown(&wanted, "unknown, because the cluster is not the one that the profile wants", &mut survey);
    } else if world.cluster().is_some() {
        look(SeenThrough::Cluster, &wanted, world, &mut survey).await;
    } else if survey.found.contains_key(&cluster) || survey.failed(CLUSTER) {
        unknown(&wanted, "unknown while the cluster is not running", &mut survey);
    }
    compare(&wanted, &mut survey);
    survey
}

/// Returns whether the found resource cannot serve as the wanted one with this id. Other resources must not be searched
/// through it, such as kind nodes in a k3d cluster.
fn replaced(id: &Id, wanted: &[AnyResource], survey: &Survey) -> bool {
    let Some(resource) = wanted.iter().find(|resource| resource.id() == *id) else { return false };
    let ours = survey.found.get(id).into_iter().flatten().filter(|found| found.sight.owner == Owner::Ours);
    ours.map(|found| resource.compare(found)).any(|verdict| match verdict {
        Verdict::Differs(changes) => changes.iter().any(|change| change.how != How::InPlace),
        Verdict::Same | Verdict::Unfit(_) | Verdict::Unknown(_) => false,
    })
}

impl Survey {
    fn failed(&self, kind: KindName) -> bool {
        self.failures.iter().any(|(failed, _)| *failed == kind)
    }
}

/// Runs the finders of these kinds concurrently and stores the outputs of the found resources.
async fn look(through: SeenThrough, wanted: &[AnyResource], world: &World, survey: &mut Survey) {
    let kinds: Vec<&KindEntry> = KINDS.iter().filter(|kind| kind.seen == through).collect();
    let looks = kinds.iter().map(|kind| kind.find(world, Wanted::new(wanted)));
    for (kind, outcome) in kinds.iter().zip(join_all(looks).await) {
        match outcome {
            Ok(found) => {
                for one in found {
                    one.store_output(world);
                    survey.found.entry(one.id.clone()).or_default().push(one);
                }
            }
            Err(failure) => survey.failures.push((kind.name, failure)),
        }
    }
}

/// Marks the resources in an unreachable cluster as unknown. Their steps compare them once the cluster is running.
fn unknown(wanted: &[AnyResource], why: &str, survey: &mut Survey) {
    for resource in wanted.iter().filter(|resource| resource.edges().seen_through.is_some()) {
        let unseen = crate::resource::unseen(resource);
        let sight = devplat_plan::Sight { verdict: Some(Verdict::Unknown(why.to_owned())), ..unseen };
        survey.inventory.entry(resource.id()).or_default().push(sight);
    }
}

fn compare(wanted: &[AnyResource], survey: &mut Survey) {
    for (id, all) in &survey.found {
        let resource = wanted.iter().find(|resource| resource.id() == *id);
        let sights = all.iter().map(|found| devplat_plan::Sight {
            verdict: resource.map(|resource| resource.compare(found)),
            ..found.sight.clone()
        });
        survey.inventory.entry(id.clone()).or_default().extend(sights);
    }
}
