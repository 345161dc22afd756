//! The steps that have not ended, and which of the waiting ones can start. Pure.

use std::collections::BTreeSet;

use devplat_plan::{Step, StepId};

use crate::check::Work;

/// The steps that have not ended.
pub(super) struct Open {
    /// Their ids.
    steps: BTreeSet<StepId>,
    /// The ids of those whose resource is usable already.
    usable: BTreeSet<StepId>,
}

impl Open {
    /// Returns these steps, of which none has started.
    pub(super) fn of(waiting: &[Work]) -> Self {
        Self::of_steps(waiting.iter().map(|work| &work.step))
    }

    fn of_steps<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Self {
        let steps = steps.into_iter().map(|step| step.id.clone()).collect();
        Self { steps, usable: BTreeSet::new() }
    }

    /// Returns whether nothing is left for which `step` has to wait.
    pub(super) fn lets_start(&self, step: &Step) -> bool {
        let ended = |id: &StepId| !self.steps.contains(id);
        step.after.iter().all(ended)
            && step.after_usable.iter().all(|id| ended(id) || self.usable.contains(id))
    }

    /// Notes that the resource of a running step is usable.
    pub(super) fn is_usable(&mut self, id: StepId) {
        self.usable.insert(id);
    }

    /// Notes that a step has succeeded.
    pub(super) fn has_ended(&mut self, id: &StepId) {
        self.steps.remove(id);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use devplat_plan::{Action, KindName};

    use super::*;

    fn step(kind: KindName, after: &[&Step], after_usable: &[&Step]) -> Step {
        let ids = |steps: &[&Step]| steps.iter().map(|step| step.id.clone()).collect();
        Step {
            id: StepId { id: kind.single(), generation: 0, deletes: None },
            action: Action::Create,
            reason: String::new(),
            after: ids(after),
            after_usable: ids(after_usable),
            usual: Duration::ZERO,
        }
    }

    #[test]
    fn usable_resource_lets_only_those_start_that_need_no_more() {
        let cluster = step(KindName::new("cluster"), &[], &[]);
        let early = step(KindName::new("release"), &[], &[&cluster]);
        let late = step(KindName::new("proof"), &[&cluster], &[]);
        let mut open = Open::of_steps([&cluster, &early, &late]);
        let startable = |open: &Open| [&cluster, &early, &late].map(|step| open.lets_start(step));
        assert_eq!(startable(&open), [true, false, false]);
        open.is_usable(cluster.id.clone());
        assert_eq!(startable(&open), [true, true, false]);
        open.has_ended(&cluster.id);
        assert_eq!(startable(&open), [true, true, true]);
    }

    #[test]
    fn step_that_ends_without_a_word_lets_all_start() {
        let cluster = step(KindName::new("cluster"), &[], &[]);
        let early = step(KindName::new("release"), &[], &[&cluster]);
        let mut open = Open::of_steps([&cluster, &early]);
        open.has_ended(&cluster.id);
        assert!(open.lets_start(&early));
    }
}
