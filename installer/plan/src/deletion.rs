//! The order of deletions: dependents first, and before or after the other steps.

use crate::{Action, Sight, Step, StepId};

/// When a deletion runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// Before the steps that wait for it.
    Early,
    /// After all other steps.
    Late,
}

/// A planned deletion of a found resource.
pub(crate) struct Deletion<'a> {
    pub(crate) step: Step,
    pub(crate) sight: &'a Sight,
    pub(crate) when: When,
}

impl Deletion<'_> {
    /// Returns whether the resource of `other` must be gone first.
    fn waits_for(&self, other: &Deletion<'_>) -> bool {
        let Sight { gone_first, gone_first_ids, .. } = self.sight;
        let id = &other.step.id.id;
        self.step.id != other.step.id && (gone_first.contains(&id.kind()) || gone_first_ids.contains(id))
    }
}

/// Adds the deletions to the other steps, in an order in which they could run one by one.
pub(crate) fn merged(steps: Vec<Step>, mut deletions: Vec<Deletion<'_>>) -> Vec<Step> {
    let before: Vec<Vec<usize>> = deletions
        .iter()
        .map(|one| (0..deletions.len()).filter(|other| one.waits_for(&deletions[*other])).collect())
        .collect();
    hasten(&mut deletions, &before);
    let ids: Vec<StepId> = deletions.iter().map(|one| one.step.id.clone()).collect();
    let others = steps.iter().filter(|step| step.action != Action::Keep);
    let others: Vec<StepId> = others.map(|step| step.id.clone()).collect();
    for (deletion, before) in deletions.iter_mut().zip(&before) {
        let others: &[StepId] = match deletion.when {
            When::Early => &[],
            When::Late => &others,
        };
        deletion.step.after = before.iter().map(|index| &ids[*index]).chain(others).cloned().collect();
    }
    let mut waiting: Vec<Step> = deletions.into_iter().map(|one| one.step).collect();
    let mut ordered = Vec::with_capacity(steps.len() + waiting.len());
    for step in steps {
        place_first(&step.after, &mut waiting, &mut ordered);
        ordered.push(step);
    }
    while !waiting.is_empty() {
        let step = waiting.remove(0);
        place_first(&step.after, &mut waiting, &mut ordered);
        ordered.push(step);
    }
    ordered
}

/// Makes each deletion early that an early one waits for.
fn hasten(deletions: &mut [Deletion<'_>], before: &[Vec<usize>]) {
    let is_early = |index: &usize| deletions[*index].when == When::Early;
    let mut open: Vec<usize> = (0..deletions.len()).filter(is_early).collect();
    while let Some(index) = open.pop() {
        for first in &before[index] {
            if deletions[*first].when == When::Late {
                deletions[*first].when = When::Early;
                open.push(*first);
            }
        }
    }
}

/// Moves the waiting steps with these ids to the ordered ones, each after those that it waits for.
fn place_first(after: &[StepId], waiting: &mut Vec<Step>, ordered: &mut Vec<Step>) {
    for id in after {
        // A circle is a mistake in the kinds, which one of their tests finds; any order is better than none.
        if let Some(index) = waiting.iter().position(|step| step.id == *id) {
            let step = waiting.remove(index);
            place_first(&step.after, waiting, ordered);
            ordered.push(step);
        }
    }
}
