//! The failures of one run, of which the user gets one.

use devplat_plan::{Step, StepId};

use crate::{check::Work, failure::Failure};

/// The failures of the steps of a plan.
pub(super) struct Failures {
    /// The steps in the plan's order.
    steps: Vec<Step>,
    cause: Option<(StepId, Failure)>,
}

impl Failures {
    /// Returns no failure of these steps.
    pub(super) fn of(work: &[Work]) -> Self {
        Self::of_steps(work.iter().map(|work| work.step.clone()).collect())
    }

    fn of_steps(steps: Vec<Step>) -> Self {
        Self { steps, cause: None }
    }

    /// Returns whether no step has failed.
    pub(super) fn is_empty(&self) -> bool {
        self.cause.is_none()
    }

    /// Adds the failure of a step. The first one is the cause, unless its step rests on the later one's: a cluster that fails
    /// while it is already in use makes the steps that use it fail as well, often earlier than its own step. After a stop, the
    /// stop itself is the cause.
    pub(super) fn add(&mut self, id: &StepId, failure: Failure) {
        let replaces = match &self.cause {
            None => true,
            Some((known, first)) => self.rests_on(known, id) && !first.is_stopped() && !failure.is_stopped(),
        };
        if replaces {
            self.cause = Some((id.clone(), failure));
        }
    }

    /// Returns whether a step runs after `base`, directly or through others.
    fn rests_on(&self, step: &StepId, base: &StepId) -> bool {
        let step = self.steps.iter().find(|known| known.id == *step);
        step.is_some_and(|step| {
            let mut before = step.after.iter().chain(&step.after_usable);
            before.any(|before| before == base || self.rests_on(before, base))
        })
    }

    /// Returns the failure that explains the others, and its step.
    pub(super) fn cause(self) -> Option<(StepId, Failure)> {
        self.cause
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use devplat_plan::{Action, KindName};

    use super::*;
    use crate::failure::Exit;

    fn step(name: &'static str, after: &[&'static str]) -> Step {
        let id = |name| StepId { id: KindName::new(name).single(), generation: 0, deletes: None };
        Step {
            id: id(name),
            action: Action::Create,
            reason: String::new(),
            after: after.iter().map(|name| id(name)).collect(),
            after_usable: Vec::new(),
            usual: Duration::ZERO,
        }
    }

    /// Returns the reported failure after failures of these steps in this order.
    fn cause(failed: &[&str], stopped: Option<&str>) -> Option<String> {
        let steps = vec![
            step("cluster", &[]),
            step("server", &["cluster"]),
            step("operator", &["cluster"]),
            step("proof", &["server", "operator"]),
        ];
        let mut failures = Failures::of_steps(steps.clone());
        for name in failed {
            let id = &steps.iter().find(|step| step.id.to_string() == *name).unwrap().id;
            let of_step = Failure::new(Exit::PartWay, *name);
            failures.add(id, if stopped == Some(name) { Failure::stopped() } else { of_step });
        }
        failures.cause().map(|(_, failure)| failure.message)
    }

    #[test]
    fn failed_step_that_others_use_is_the_cause() {
        assert_eq!(cause(&[], None), None);
        assert_eq!(cause(&["operator", "cluster"], None).as_deref(), Some("cluster"));
        assert_eq!(cause(&["cluster", "operator"], None).as_deref(), Some("cluster"));
        assert_eq!(cause(&["proof", "cluster"], None).as_deref(), Some("cluster"), "through others");
    }

    #[test]
    fn later_failure_beside_the_first_one_does_not_hide_it() {
        assert_eq!(cause(&["operator", "server"], None).as_deref(), Some("operator"));
    }

    #[test]
    fn stop_neither_hides_a_failure_nor_is_hidden() {
        assert_eq!(cause(&["operator", "cluster"], Some("cluster")).as_deref(), Some("operator"));
        let stopped = Some(Failure::stopped().message);
        assert_eq!(cause(&["operator", "cluster"], Some("operator")), stopped);
    }
}
