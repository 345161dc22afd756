//! The decision on temporary resources of a run that does not go on.

use devplat_plan::Step;

/// Returns whether the resource of a temporary `step` serves a step that did not end, or was not finished itself.
pub(super) fn is_stranded<'a>(step: &Step, unfinished: impl IntoIterator<Item = &'a Step>) -> bool {
    unfinished.into_iter().any(|other| {
        let Step { id, after, after_usable, action: _, reason: _, usual: _ } = other;
        *id == step.id || after.contains(&step.id) || after_usable.contains(&step.id)
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use devplat_plan::{Action, KindName, StepId};

    use super::*;

    fn step(name: &str, after: &[&Step]) -> Step {
        let id = KindName::new("toy").named(name);
        Step {
            id: StepId { id, generation: 0, deletes: None },
            action: Action::Create,
            reason: String::new(),
            after: after.iter().map(|step| step.id.clone()).collect(),
            after_usable: Vec::new(),
            usual: Duration::ZERO,
        }
    }

    /// A stop in the middle of the proof would otherwise leave its dev server.
    #[test]
    fn resource_of_a_stopped_step_is_deleted_as_well() {
        let server = step("server", &[]);
        let (proof, other) = (step("proof", &[&server]), step("other", &[]));
        assert!(is_stranded(&server, [&other, &proof]));
        assert!(is_stranded(&server, [&server]), "it was stopped itself");
        assert!(!is_stranded(&server, [&other]));
    }
}
