//! Finds the platform's resources of each kind and compares them with the wanted ones. It changes nothing.

use std::collections::{BTreeMap, BTreeSet};

use devplat_plan::{Foreigner, Graph, How, Id, KindName, Owner, Planned, Sight, Sights, Verdict};
use futures::future::join_all;

use crate::{
    failure::Failure,
    platform_context::PlatformContext,
    resource::{AnyResource, CLUSTER, Found, KINDS, KindEntry, SeenThrough, Wanted, compared, kept},
};

/// The found resources, and the kinds that could not be searched.
#[derive(Default)]
pub struct Survey {
    /// The found resources, by id.
    pub found: BTreeMap<Id, Vec<Found>>,
    /// The found resources for the planner, compared with the wanted ones.
    pub sights: Sights,
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

    /// Returns the found resources of the platform.
    pub fn ours(&self) -> Vec<Id> {
        let owned = |sights: &Vec<Sight>| {
            sights.iter().any(|one| matches!(one.owner, Owner::Ours | Owner::Caused { .. }))
        };
        self.sights.iter().filter(|(_, sights)| owned(sights)).map(|(id, _)| id.clone()).collect()
    }

    /// Returns the owners of the found resources that are not the platform's.
    pub fn foreigners(&self) -> Vec<Foreigner> {
        let sights = self.sights.values().flatten();
        sights
            .filter_map(|sight| match &sight.owner {
                Owner::Foreign(who) => Some(who.clone()),
                Owner::Ours | Owner::Adopted | Owner::Caused { .. } => None,
            })
            .collect()
    }
}

/// Finds all resources of the platform and compares them with `wanted`.
pub async fn observe(wanted: &Graph<AnyResource>, context: &PlatformContext) -> Survey {
    let wanted: Vec<AnyResource> = wanted.iter().cloned().collect();
    search(Wanted::These(&wanted), context).await
}

/// Finds all resources of the platform, none of which is wanted any longer.
pub async fn observe_to_delete(context: &PlatformContext) -> Survey {
    search(Wanted::Nothing, context).await
}

async fn search(purpose: Wanted<'_>, context: &PlatformContext) -> Survey {
    let wanted = purpose.all();
    let mut survey = Survey::default();
    look(SeenThrough::Nothing, purpose, context, &mut survey).await;
    let cluster = CLUSTER.single();
    for holder in holders(wanted).iter().filter(|holder| **holder != cluster) {
        if survey.found.contains_key(holder) && !context.outputs.has(holder) {
            unknown(wanted, holder, &format!("unknown while the {holder} does not answer"), &mut survey);
        }
    }
    if replaced(&cluster, wanted, &survey) {
        unknown(wanted, &cluster, "unknown, because the cluster has to be replaced", &mut survey);
    } else if context.cluster().is_some() {
        look(SeenThrough::Cluster, purpose, context, &mut survey).await;
    } else if survey.found.contains_key(&cluster) || survey.failed(CLUSTER.name()) {
        unknown(wanted, &cluster, "unknown while the cluster does not answer", &mut survey);
    }
    compare(wanted, &mut survey);
    survey
}

/// Returns whether the found resource cannot serve as the wanted one with this id. Other resources must not be searched
/// through it, such as kind nodes in a k3d cluster.
fn replaced(id: &Id, wanted: &[AnyResource], survey: &Survey) -> bool {
    let resource = with_id(wanted, id);
    let kept = survey.found.get(id).and_then(|all| kept(all, resource));
    match resource.zip(kept).map(|(resource, kept)| resource.compare(kept)) {
        Some(Verdict::Differs(changes)) => changes.iter().any(|change| change.how != How::InPlace),
        Some(Verdict::Same | Verdict::Unfit(_) | Verdict::Unknown(_)) | None => false,
    }
}

fn with_id<'a>(wanted: &'a [AnyResource], id: &Id) -> Option<&'a AnyResource> {
    wanted.iter().find(|resource| resource.id() == *id)
}

impl Survey {
    fn failed(&self, kind: KindName) -> bool {
        self.failures.iter().any(|(failed, _)| *failed == kind)
    }
}

/// Runs the finders of these kinds concurrently and stores the outputs of the found resources.
async fn look(through: SeenThrough, purpose: Wanted<'_>, context: &PlatformContext, survey: &mut Survey) {
    let kinds: Vec<&KindEntry> = KINDS.iter().filter(|kind| kind.seen == through).collect();
    let looks = kinds.iter().map(|kind| kind.find(context, purpose));
    let mut ids = BTreeSet::new();
    for (kind, outcome) in kinds.iter().zip(join_all(looks).await) {
        match outcome {
            Ok(found) => {
                for one in found {
                    ids.insert(one.id.clone());
                    survey.found.entry(one.id.clone()).or_default().push(one);
                }
            }
            Err(failure) => survey.failures.push((kind.name, failure)),
        }
    }
    // Doubles have outputs as well, such as the access to another cluster.
    for id in ids {
        let wanted = with_id(purpose.all(), &id);
        if let Some(kept) = survey.found.get(&id).and_then(|all| kept(all, wanted)) {
            kept.store_output(context);
        }
    }
}

/// Returns the resources without which others cannot be looked at.
fn holders(wanted: &[AnyResource]) -> BTreeSet<Id> {
    wanted.iter().filter_map(|resource| resource.edges().seen_through).collect()
}

/// Marks the resources in an unreachable `holder` as unknown. Their steps compare them once it answers.
fn unknown(wanted: &[AnyResource], holder: &Id, why: &str, survey: &mut Survey) {
    for resource in wanted.iter().filter(|resource| resource.edges().seen_through.as_ref() == Some(holder)) {
        let unseen = crate::resource::unseen(resource);
        let sight = Sight { verdict: Some(Verdict::Unknown(why.to_owned())), ..unseen };
        survey.sights.entry(resource.id()).or_default().push(sight);
    }
}

fn compare(wanted: &[AnyResource], survey: &mut Survey) {
    for (id, all) in &survey.found {
        let resource = with_id(wanted, id);
        let sights = all.iter().map(|found| compared(found, resource));
        survey.sights.entry(id.clone()).or_default().extend(sights);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resource::tests::{Toy, toy};

    #[test]
    fn double_that_is_as_wanted_serves_as_the_resource() {
        let wanted = AnyResource::new(Toy::default());
        let of = |all: &[Found]| kept(all, Some(&wanted)).map(|found| found.sight.physical.0.clone());
        assert_eq!(of(&[toy("a", true), toy("b", false)]).as_deref(), Some("a"));
        assert_eq!(of(&[toy("a", true), toy("b", true)]).as_deref(), Some("b"));
        let mut foreign = toy("a", true);
        foreign.sight.owner = Owner::stranger("made by hand");
        assert_eq!(of(&[foreign.clone(), toy("b", false)]).as_deref(), Some("b"));
        assert_eq!(of(&[foreign]), None);
    }

    #[test]
    fn double_of_another_kind_does_not_make_the_resource_unknown() {
        let wanted = [AnyResource::new(Toy::default())];
        let id = wanted[0].id();
        let survey =
            |all: Vec<Found>| Survey { found: BTreeMap::from([(wanted[0].id(), all)]), ..Survey::default() };
        assert!(!replaced(&id, &wanted, &survey(vec![toy("a", true), toy("b", false)])));
        assert!(replaced(&id, &wanted, &survey(vec![toy("b", false)])));
    }
}
