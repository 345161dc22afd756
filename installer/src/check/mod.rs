//! Turns a plan into a [`CheckedPlan`] if the machine meets all needs and every kind implements its step. Only a
//! checked plan can be applied, so no step starts that is known to fail.

use std::collections::{BTreeMap, BTreeSet};

use devplat_plan::{Action, Graph, Id, Plan, Planned, Step, Takes};

use crate::{
    failure::{Exit, Failure},
    resource::{AnyResource, Found},
    tools,
    world::World,
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
    world: &World,
) -> Result<CheckedPlan, Failure> {
    let work = plan.changes().map(|step| work_of(step, wanted, found)).collect::<Result<Vec<_>, _>>()?;
    let mut takes: BTreeSet<Takes> = BTreeSet::new();
    for Work { step, with } in &work {
        match with {
            With::Wanted(resource) => takes.extend(resource.facts(step.action).takes),
            With::Found(found) => takes.extend(found.takes.clone()),
        }
    }
    let mut lacks = Vec::new();
    for one in takes {
        if let Err(failure) = tools::has(&one, world).await {
            lacks.push(failure);
        }
    }
    match joined(lacks) {
        None => Ok(CheckedPlan { plan, work }),
        Some(failure) => Err(failure),
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
            .and_then(|all| all.iter().find(|one| one.sight.generation == step.id.generation))
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
