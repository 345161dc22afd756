//! Turns a plan into a [`CheckedPlan`] if the machine meets all needs and every kind implements its step. Only a
//! checked plan can be applied, so no step starts that is known to fail.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use devplat_plan::{Action, Graph, Id, Plan, Planned, Requirement, Step};

use crate::{
    context::PlatformContext,
    failure::{Exit, Failure},
    resource::{AnyResource, Found},
    tools,
};

/// A plan that was checked on this machine.
pub struct CheckedPlan {
    plan: Plan,
    work: Vec<Work>,
}

/// A step with the resource that runs it.
#[derive(Clone)]
pub struct Work {
    /// The step.
    pub step: Step,
    /// The resource that runs it.
    pub with: With,
}

/// The resource that runs a step.
#[derive(Clone)]
#[expect(clippy::large_enum_variant, reason = "a plan has some dozens of them")]
pub enum With {
    /// Creates, changes or checks a wanted resource.
    Wanted(AnyResource),
    /// Deletes a resource that was found.
    Found(Found),
}

impl With {
    /// Returns the ports of this machine that are free after the step.
    fn frees(&self) -> &[SocketAddr] {
        match self {
            Self::Wanted(_) => &[],
            Self::Found(found) => &found.deletion.frees,
        }
    }
}

impl CheckedPlan {
    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the steps that change a resource, in the plan's order.
    pub fn work(&self) -> &[Work] {
        &self.work
    }
}

/// Checks all needs of `plan`, and reports all missing ones together.
pub async fn check(
    plan: Plan,
    wanted: &Graph<AnyResource>,
    found: &BTreeMap<Id, Vec<Found>>,
    context: &PlatformContext,
) -> Result<CheckedPlan, Failure> {
    let work = plan.changes().map(|step| work_of(step, wanted, found)).collect::<Result<Vec<_>, _>>()?;
    let mut lacks = Vec::new();
    for one in needs(&work) {
        if let Err(failure) = tools::check(&one, context).await {
            lacks.push(failure);
        }
    }
    match joined(lacks) {
        None => Ok(CheckedPlan { plan, work }),
        Some(failure) => Err(failure),
    }
}

/// Returns the needs of all steps, except for ports that a replacement takes over from the deleted resource.
fn needs(work: &[Work]) -> BTreeSet<Requirement> {
    let mut needs = BTreeSet::new();
    for Work { step, with } in work {
        match with {
            With::Wanted(resource) => {
                let earlier = work.iter().filter(|earlier| step.after.contains(&earlier.step.id));
                let freed: Vec<SocketAddr> =
                    earlier.flat_map(|earlier| earlier.with.frees()).copied().collect();
                let required = resource.facts(step.action).requires.into_iter();
                needs.extend(required.filter(|one| match one {
                    Requirement::FreePort(port) => !freed.iter().any(|freed| overlap(freed, port)),
                    Requirement::Engine
                    | Requirement::EngineOf(_)
                    | Requirement::Tool(_)
                    | Requirement::Nodes(_) => true,
                }));
            }
            With::Found(found) => needs.extend(found.deletion.requires.iter().cloned()),
        }
    }
    needs
}

/// Returns whether a process that listens on one of them keeps another from listening on the other.
fn overlap(one: &SocketAddr, other: &SocketAddr) -> bool {
    let same_address = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && same_address
}

fn work_of(
    step: &Step,
    wanted: &Graph<AnyResource>,
    found: &BTreeMap<Id, Vec<Found>>,
) -> Result<Work, Failure> {
    let with = match step.action {
        Action::Create | Action::Update | Action::Check | Action::Keep | Action::Replace => {
            wanted.get(&step.id.id).cloned().map(With::Wanted)
        }
        Action::Delete => found
            .get(&step.id.id)
            .and_then(|all| all.iter().find(|one| step.id.deletes.as_ref() == Some(&one.sight.physical)))
            .cloned()
            .map(With::Found),
    };
    let with = with.ok_or_else(|| {
        Failure::new(Exit::Internal, format!("the plan names {}, which no kind describes", step.id))
    })?;
    Ok(Work { step: step.clone(), with })
}

/// Joins failures into one: the status of the first, with the messages of the others as further causes.
fn joined(lacks: Vec<Failure>) -> Option<Failure> {
    let mut all = lacks.into_iter();
    let mut first = all.next()?;
    for other in all {
        let Failure { exit: _, cause: _, message, causes: _, hints } = other;
        first.causes.push(message);
        first.hints.extend(hints);
    }
    Some(first)
}

#[cfg(test)]
mod tests {
    use devplat_plan::{Allowed, Inventory, Owner, Physical, diff};

    use super::*;
    use crate::resource::tests::{Toy, toy};

    fn inventory(found: &BTreeMap<Id, Vec<Found>>) -> Inventory {
        let sights = |all: &Vec<Found>| all.iter().map(|one| one.sight.clone()).collect::<Vec<_>>();
        found.iter().map(|(id, all)| (id.clone(), sights(all))).collect()
    }

    #[test]
    fn deletion_of_a_double_deletes_that_one() {
        let mut foreign = toy("a", true);
        foreign.sight.owner = Owner::stranger("made by hand");
        let all = vec![foreign, toy("b", true), toy("c", true)];
        let found = BTreeMap::from([(all[0].id.clone(), all)]);
        let nothing = Graph::<AnyResource>::empty();
        let plan = diff(&nothing, &inventory(&found), &Allowed::Nothing).unwrap();
        let mut deleted = Vec::new();
        for step in plan.changes() {
            let With::Found(found) = work_of(step, &nothing, &found).unwrap().with else {
                panic!("{step:?}")
            };
            assert_eq!(step.id.deletes.as_ref(), Some(&found.sight.physical));
            deleted.push(found.sight.physical.0);
        }
        assert_eq!(deleted, ["b", "c"]);
    }

    #[test]
    fn replacement_may_take_the_ports_of_the_deleted_resource() {
        let [kept, taken] = [443, 22].map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        let wanted = Graph::new([AnyResource::new(Toy { ports: vec![kept, taken] })]).unwrap();
        let mut found = toy("a", false);
        found.sight.verdict = Some(wanted.iter().next().unwrap().compare(&found));
        found.deletion = found.deletion.freeing([SocketAddr::from(([0, 0, 0, 0], 443))]);
        let found = BTreeMap::from([(found.id.clone(), vec![found])]);
        let needs_of = |found: &BTreeMap<Id, Vec<Found>>| {
            let plan = diff(&wanted, &inventory(found), &Allowed::Nothing).unwrap();
            let work = plan.changes().map(|step| work_of(step, &wanted, found));
            needs(&work.collect::<Result<Vec<_>, _>>().unwrap())
        };
        assert_eq!(needs_of(&found), BTreeSet::from([Requirement::FreePort(taken)]));
        let all = BTreeSet::from([Requirement::FreePort(kept), Requirement::FreePort(taken)]);
        assert_eq!(needs_of(&BTreeMap::new()), all);
    }

    #[test]
    fn deletion_of_another_resource_than_the_found_ones_is_a_bug() {
        let one = toy("a", true);
        let id = one.id.clone();
        let found = BTreeMap::from([(id.clone(), vec![one])]);
        let nothing = Graph::<AnyResource>::empty();
        let plan = diff(&nothing, &inventory(&found), &Allowed::Nothing).unwrap();
        let mut step = plan.steps[0].clone();
        step.id.deletes = Some(Physical("z".to_owned()));
        let failure = work_of(&step, &nothing, &found).err().unwrap();
        assert_eq!(failure.exit, Exit::Internal, "{failure:?}");
    }
}
