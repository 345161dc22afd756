//! The failures of one run, of which the user gets one.

use devplat_plan::StepId;

use crate::{check::Work, failure::Failure};

/// The failures of the steps of a plan.
pub(super) struct Failures {
    /// The steps in the plan's order, each after those that it needs.
    order: Vec<StepId>,
    cause: Option<(usize, Failure)>,
}

impl Failures {
    /// Returns no failure of these steps.
    pub(super) fn of(work: &[Work]) -> Self {
        Self::of_steps(work.iter().map(|work| work.step.id.clone()).collect())
    }

    fn of_steps(order: Vec<StepId>) -> Self {
        Self { order, cause: None }
    }

    /// Returns whether no step has failed.
    pub(super) fn is_empty(&self) -> bool {
        self.cause.is_none()
    }

    /// Adds the failure of a step. A cluster that fails while it is already in use makes the steps that use it fail as
    /// well, often earlier than its own step, so the failure of the earlier step of the plan is the cause. After a stop,
    /// the stop itself is the cause.
    pub(super) fn add(&mut self, id: &StepId, failure: Failure) {
        let place = self.order.iter().position(|known| known == id).unwrap_or(self.order.len());
        let replaces = match &self.cause {
            None => true,
            Some((known, first)) => place < *known && !first.is_stopped() && !failure.is_stopped(),
        };
        if replaces {
            self.cause = Some((place, failure));
        }
    }

    /// Returns the failure that explains the others.
    pub(super) fn cause(self) -> Option<Failure> {
        self.cause.map(|(_, failure)| failure)
    }
}

#[cfg(test)]
mod tests {
    use devplat_plan::KindName;

    use super::*;
    use crate::failure::Exit;

    #[test]
    fn failed_step_that_others_use_is_the_cause() {
        let ids = ["cluster", "release", "proof"].map(|name| {
            let name: &'static str = name;
            StepId { id: KindName::new(name).single(), generation: 0, deletes: None }
        });
        let failed = |index: usize| Failure::new(Exit::PartWay, ids[index].to_string());
        let cause = |order: &[usize]| {
            let mut failures = Failures::of_steps(ids.to_vec());
            for index in order {
                failures.add(&ids[*index], failed(*index));
            }
            failures.cause().map(|failure| failure.message)
        };
        assert_eq!(cause(&[]), None);
        assert_eq!(cause(&[1, 0]).as_deref(), Some("cluster"));
        assert_eq!(cause(&[0, 1]).as_deref(), Some("cluster"));
        let mut failures = Failures::of_steps(ids.to_vec());
        failures.add(&ids[1], failed(1));
        failures.add(&ids[0], Failure::stopped());
        assert_eq!(failures.cause().map(|failure| failure.message).as_deref(), Some("release"));
        let mut failures = Failures::of_steps(ids.to_vec());
        failures.add(&ids[1], Failure::stopped());
        failures.add(&ids[0], failed(0));
        assert!(failures.cause().is_some_and(|failure| failure.is_stopped()));
    }
}
