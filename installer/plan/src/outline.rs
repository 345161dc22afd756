//! A plan that may not be whole: its steps, and the reasons against it.

use crate::{Blocked, Plan};

/// The steps of a plan that nothing stands against, with the reasons against the others. Only a whole one is a plan that
/// can be applied; this one is for people.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Outline {
    /// The steps. A resource with a reason against it has none.
    #[serde(flatten)]
    plan: Plan,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    blocked: Vec<Blocked>,
}

impl Outline {
    pub(crate) fn new(plan: Plan, blocked: Vec<Blocked>) -> Self {
        let mut outline = Self { plan, blocked: Vec::new() };
        outline.block(blocked);
        outline
    }

    /// Returns the steps.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns the reasons against the plan.
    pub fn blocked(&self) -> &[Blocked] {
        &self.blocked
    }

    /// Adds reasons against the plan, and takes out the steps that they stand against.
    pub fn block(&mut self, reasons: impl IntoIterator<Item = Blocked>) {
        self.blocked.extend(reasons);
        let Self { plan, blocked } = self;
        plan.steps.retain(|step| blocked.iter().all(|reason| *reason.id() != step.id.id));
    }

    /// Returns the plan, or every reason against it.
    pub fn whole(self) -> Result<Plan, Vec<Blocked>> {
        let Self { plan, blocked } = self;
        if blocked.is_empty() { Ok(plan) } else { Err(blocked) }
    }
}
