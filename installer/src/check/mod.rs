//! A plan becomes a [`CheckedPlan`] once the machine has everything that it takes, and every step is known to be
//! something that its kind does. Only a checked plan can be carried out, so nothing is begun that is known to fail.

use std::collections::{BTreeMap, BTreeSet};

use devplat_plan::{Action, Graph, Id, Plan, Planned, Step, Takes};

use crate::{
    failure::{Exit, Failure},
    resource::{AnyResource, Found},
    tools,
    world::World,
};

/// A plan of which is known that it can be carried out here.
pub struct CheckedPlan {
    plan: Plan,
    work: Vec<Work>,
}

/// A step, with what carries it out.
#[derive(Clone)]
pub struct Work {
    /// The step.
    pub step: Step,
    /// What to do it with.
    pub with: With,
}

/// What a step is done with.
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

    /// The steps that do something, in the plan's order.
    pub fn work(&self) -> &[Work] {
        &self.work
    }
}

/// Asks for everything that `plan` takes, and reports all that is missing at once.
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
        Failure::new(Exit::Internal, format!("the plan names {}, which nothing describes", step.id))
    })?;
    Ok(Work { step: step.clone(), with })
}

/// One failure for everything that is missing: the first one's status, the others' messages as further causes.
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
