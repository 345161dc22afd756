//! Wanted against found: which step each thing gets, and why.

use std::{collections::BTreeMap, fmt};

use super::{Action, Graph, Plan, Planned, Step, Verdict};

/// Why there is no plan: carrying one out would touch what is not ours, or lose what is somebody's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// The name is taken by something that devplat did not make.
    #[error("{id} is not devplat's: {who}")]
    Foreign {
        /// Whose name it is.
        id: String,
        /// What was found in its place.
        who: String,
    },
    /// Only making it again would bring it to what is wanted, and what lies in it would be lost.
    #[error("{id} cannot be changed in place: {}", .changes.join("; "))]
    LosesData {
        /// What would be made again.
        id: String,
        /// What differs.
        changes: Vec<String>,
    },
}

/// The steps from what was found to what is wanted, or everything that stands in the way.
///
/// `verdicts` has one for each thing in `wanted`; one that is missing counts as [`Verdict::Absent`].
pub fn diff<R: Planned>(
    wanted: &Graph<R>,
    verdicts: &BTreeMap<R::Id, Verdict>,
) -> Result<Plan<R::Id>, Vec<Blocked>> {
    let mut steps: Vec<Step<R::Id>> = Vec::new();
    let mut blocked = Vec::new();
    for thing in wanted.iter() {
        let id = thing.id();
        let (action, reason) = if let Some(gone) = holder_made_anew(thing, &steps) {
            (Action::Create, format!("{gone} is made anew"))
        } else {
            match verdicts.get(&id).unwrap_or(&Verdict::Absent) {
                Verdict::Absent => (Action::Create, "absent".to_owned()),
                Verdict::Same => (Action::Keep, "as wanted".to_owned()),
                Verdict::Differs(changes) => (Action::Update, changes.join("; ")),
                Verdict::Broken(why) => (Action::Replace, why.clone()),
                Verdict::Outgrown(changes) => {
                    blocked.push(Blocked::LosesData { id: id.to_string(), changes: changes.clone() });
                    continue;
                }
                Verdict::Foreign(who) => {
                    blocked.push(Blocked::Foreign { id: id.to_string(), who: who.clone() });
                    continue;
                }
            }
        };
        let usual = if action == Action::Keep { std::time::Duration::ZERO } else { thing.usual_duration() };
        steps.push(Step { id, action, reason, after: thing.needs(), usual });
    }
    if blocked.is_empty() { Ok(Plan { steps }) } else { Err(blocked) }
}

/// The steps that take away all of `found`, last made first. What lies in something else that goes is not named:
/// it goes with it.
pub fn removal<R: Planned>(found: &Graph<R>) -> Plan<R::Id> {
    let inside = |thing: &R| thing.inside().is_some_and(|holder| found.get(holder).is_some());
    let going: Vec<&R> = found.iter().rev().filter(|thing| !inside(thing)).collect();
    let steps = going
        .iter()
        .map(|thing| Step {
            id: thing.id(),
            action: Action::Delete,
            reason: "wanted no more".to_owned(),
            after: going
                .iter()
                .filter(|other| other.needs().contains(&thing.id()))
                .map(|other| other.id())
                .collect(),
            usual: std::time::Duration::from_secs(3),
        })
        .collect();
    Plan { steps }
}

fn holder_made_anew<R: Planned>(thing: &R, steps: &[Step<R::Id>]) -> Option<impl fmt::Display + use<R>> {
    let holder = thing.inside()?;
    steps
        .iter()
        .find(|step| step.id == holder)
        .filter(|step| matches!(step.action, Action::Create | Action::Replace))
        .map(|step| step.id)
}
