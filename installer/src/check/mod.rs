//! Turns a plan into a [`CheckedPlan`] if the machine meets all needs and every kind implements its step. Only a
//! checked plan can be applied, so no step starts that is known to fail.

use std::collections::{BTreeMap, BTreeSet};

use devplat_plan::{Action, Facts, Graph, Id, Plan, Planned, Requirement, Step};
use devplat_tool::ports;
use futures::future::join_all;

use crate::{
    failure::{Exit, Failure},
    platform_context::PlatformContext,
    resource::{AnyResource, Found, kept},
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
    /// Returns the data about the step if it is a deletion.
    fn deletion(&self) -> Option<&Facts> {
        match self {
            Self::Wanted(_) => None,
            Self::Found(found) => Some(&found.deletion),
        }
    }
}

impl CheckedPlan {
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the steps that change a resource, in the plan's order.
    pub fn work(&self) -> &[Work] {
        &self.work
    }
}

/// Checks all needs of `plan` concurrently, and reports all missing ones together.
pub async fn check(
    plan: Plan,
    wanted: &Graph<AnyResource>,
    found: &BTreeMap<Id, Vec<Found>>,
    context: &PlatformContext,
) -> Result<CheckedPlan, Failure> {
    let work = plan.changes().map(|step| work_of(step, wanted, found)).collect::<Result<Vec<_>, _>>()?;
    let needs = needs(&work, found);
    let checks = join_all(needs.iter().map(|need| tools::check(need, context))).await;
    match joined(checks.into_iter().filter_map(Result::err)) {
        None => Ok(CheckedPlan { plan, work }),
        Some(failure) => Err(failure),
    }
}

/// Returns the needs of all steps, without what a replacement takes over from the deleted resource.
fn needs(work: &[Work], found: &BTreeMap<Id, Vec<Found>>) -> BTreeSet<Requirement> {
    let mut needs = BTreeSet::new();
    for Work { step, with } in work {
        match with {
            With::Wanted(resource) => {
                let earlier = work.iter().filter(|earlier| step.after.contains(&earlier.step.id));
                let deletions: Vec<&Facts> = earlier.filter_map(|earlier| earlier.with.deletion()).collect();
                let required = resource.facts(step.action).requires.into_iter();
                needs.extend(required.filter_map(|one| after(one, &deletions)));
                if step.action == Action::Update
                    && let Some(changed) = found.get(&step.id.id).and_then(|all| kept(all, Some(resource)))
                {
                    let required = changed.update.requires.iter().cloned();
                    needs.extend(required.filter_map(|one| after(one, &deletions)));
                }
            }
            With::Found(found) => needs.extend(found.deletion.requires.iter().cloned()),
        }
    }
    needs
}

/// Returns what is left of a need after these deletions; `None` for a port that one of them frees.
fn after(need: Requirement, deletions: &[&Facts]) -> Option<Requirement> {
    match need {
        Requirement::FreePort(port) | Requirement::PortOf { container: _, address: port } => {
            let mut freed = deletions.iter().flat_map(|deletion| &deletion.frees);
            (!freed.any(|freed| ports::overlap(freed, &port))).then_some(need)
        }
        Requirement::Nodes { new, ended } => {
            let deleted: u32 = deletions.iter().map(|deletion| deletion.ends_nodes).sum();
            Some(Requirement::Nodes { new, ended: ended + deleted })
        }
        Requirement::Engine
        | Requirement::EngineOf(_)
        | Requirement::Tool(_)
        | Requirement::FreeNames { .. }
        | Requirement::FreeRange { .. }
        | Requirement::UsableFile { .. } => Some(need),
    }
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
fn joined(mut lacks: impl Iterator<Item = Failure>) -> Option<Failure> {
    let mut first = lacks.next()?;
    for other in lacks {
        let Failure { exit: _, cause: _, message, causes: _, hints } = other;
        first.causes.push(message);
        first.hints.extend(hints);
    }
    Some(first)
}

#[cfg(test)]
mod tests {
    use std::{
        net::{SocketAddr, TcpListener},
        path::Path,
    };

    use devplat_plan::{Allowed, Owner, Physical, Sights, StepId, diff};

    use super::*;
    use crate::{
        platform_context::testing,
        resource::tests::{Toy, toy},
    };

    fn sights_of(found: &BTreeMap<Id, Vec<Found>>) -> Sights {
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
        let plan = diff(&nothing, &sights_of(&found), &Allowed::Nothing).unwrap();
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
        let wanted =
            Graph::new([AnyResource::new(Toy { ports: vec![kept, taken], ..Toy::default() })]).unwrap();
        let mut found = toy("a", false);
        found.sight.verdict = Some(wanted.iter().next().unwrap().compare(&found));
        found.deletion = found.deletion.freeing([SocketAddr::from(([0, 0, 0, 0], 443))]);
        let found = BTreeMap::from([(found.id.clone(), vec![found])]);
        let needs_of = |found: &BTreeMap<Id, Vec<Found>>| {
            let plan = diff(&wanted, &sights_of(found), &Allowed::Nothing).unwrap();
            let work = plan.changes().map(|step| work_of(step, &wanted, found));
            needs(&work.collect::<Result<Vec<_>, _>>().unwrap(), found)
        };
        assert_eq!(needs_of(&found), BTreeSet::from([Requirement::FreePort(taken)]));
        let all = BTreeSet::from([Requirement::FreePort(kept), Requirement::FreePort(taken)]);
        assert_eq!(needs_of(&BTreeMap::new()), all);
    }

    #[test]
    fn change_in_place_needs_the_ports_of_the_found_resource() {
        let port = SocketAddr::from(([127, 0, 0, 1], 22));
        let wanted = Graph::new([AnyResource::new(Toy::default())]).unwrap();
        let mut found = toy("a", true);
        found.update = found.update.requiring([Requirement::FreePort(port)]);
        let id = found.id.clone();
        let found = BTreeMap::from([(id.clone(), vec![found])]);
        let needs_of = |action| {
            let id = StepId { id: id.clone(), generation: 0, deletes: None };
            let (reason, usual) = (String::new(), std::time::Duration::ZERO);
            let step = Step { id, action, reason, after: Vec::new(), after_usable: Vec::new(), usual };
            needs(&[work_of(&step, &wanted, &found).unwrap()], &found)
        };
        assert_eq!(needs_of(Action::Update), BTreeSet::from([Requirement::FreePort(port)]));
        assert_eq!(needs_of(Action::Check), BTreeSet::new());
    }

    #[tokio::test]
    async fn missing_needs_are_reported_together_in_their_order() {
        let listeners = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = listeners.each_ref().map(|listener| listener.local_addr().unwrap());
        let wanted = Graph::new([AnyResource::new(Toy { ports: ports.into(), ..Toy::default() })]).unwrap();
        let plan = diff(&wanted, &Sights::new(), &Allowed::Nothing).unwrap();
        let context = testing::context(Path::new("/nowhere"));
        let failure = check(plan, &wanted, &BTreeMap::new(), &context).await.err().unwrap();
        assert_eq!((failure.exit, failure.causes.len()), (Exit::Missing, 2), "{failure:?}");
        let lacks = std::iter::once(&failure.message).chain(&failure.causes);
        for (port, lack) in BTreeSet::from(ports).into_iter().zip(lacks) {
            assert!(lack.starts_with(&format!("port {port} of this machine is taken")), "{failure:?}");
        }
    }

    #[test]
    fn nodes_that_a_replacement_deletes_are_counted_out() {
        let nodes = |ended| Requirement::Nodes { new: 2, ended };
        let deletion = toy("a", false).deletion.ending_nodes(1);
        assert_eq!(after(nodes(0), &[&deletion]), Some(nodes(1)));
        assert_eq!(after(nodes(0), &[]), Some(nodes(0)));
    }

    #[test]
    fn deletion_of_another_resource_than_the_found_ones_is_a_bug() {
        let one = toy("a", true);
        let id = one.id.clone();
        let found = BTreeMap::from([(id.clone(), vec![one])]);
        let nothing = Graph::<AnyResource>::empty();
        let plan = diff(&nothing, &sights_of(&found), &Allowed::Nothing).unwrap();
        let mut step = plan.steps[0].clone();
        step.id.deletes = Some(Physical("z".to_owned()));
        let failure = work_of(&step, &nothing, &found).err().unwrap();
        assert_eq!(failure.exit, Exit::Internal, "{failure:?}");
    }
}
