//! Reads the world: what the platform has of each kind, compared with what is wanted. It changes nothing.

use std::collections::BTreeMap;

use devplat_plan::{Graph, How, Id, Inventory, KindName, Owner, Planned, Verdict};
use futures::future::join_all;

use crate::{
    failure::Failure,
    resource::{AnyResource, CLUSTER, Found, KINDS, KindEntry, SeenThrough, Wanted},
    world::World,
};

/// What was found, and what could not be looked at.
#[derive(Default)]
pub struct Survey {
    /// Everything that was found, by id.
    pub found: BTreeMap<Id, Vec<Found>>,
    /// For the planner: the same, compared with what is wanted.
    pub inventory: Inventory,
    /// Kinds that could not be looked at, in the order of dependence, each with the reason.
    pub failures: Vec<(KindName, Failure)>,
}

impl Survey {
    /// The survey, or the first failure in the order of dependence: later ones usually share its cause.
    pub fn whole(self) -> Result<Self, Failure> {
        match self.failures.first() {
            None => Ok(self),
            Some((_, failure)) => Err(failure.clone()),
        }
    }
}

/// Looks for everything that the platform has and compares it with `wanted`.
pub async fn observe(wanted: &Graph<AnyResource>, world: &World) -> Survey {
    let wanted: Vec<AnyResource> = wanted.iter().cloned().collect();
    let mut survey = Survey::default();
    look(SeenThrough::Nothing, &wanted, world, &mut survey).await;
    let cluster = CLUSTER.single();
    if replaced(&cluster, &wanted, &survey) {
        unknown(&wanted, "not known: the cluster is not the one that the profile wants", &mut survey);
    } else if world.cluster().is_some() {
        look(SeenThrough::Cluster, &wanted, world, &mut survey).await;
    } else if survey.found.contains_key(&cluster) || survey.failed(CLUSTER) {
        unknown(&wanted, "not known while the cluster is not running", &mut survey);
    }
    compare(&wanted, &mut survey);
    survey
}

/// Whether what was found is of no use for the wanted resource of this id. What is looked at through it would be looked
/// for in the wrong way: nodes of kind in a cluster by k3d.
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

/// Runs the finders of these kinds concurrently and stores the outputs of what they find.
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

/// Marks what lies in a cluster that cannot be asked. Every such step looks for itself once the cluster runs.
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
