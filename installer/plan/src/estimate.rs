//! The time that a plan should take, with steps that do not wait for each other running concurrently.

use std::{collections::BTreeMap, time::Duration};

use crate::{Plan, Step, StepId};

/// The duration of a whole plan.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sum {
    /// The length of the critical path.
    pub usual: Duration,
    /// The steps on it, in order.
    pub critical: Vec<StepId>,
}

/// Returns the longest chain of steps that wait for each other, and its length.
pub fn estimate(plan: &Plan) -> Sum {
    let mut ends: BTreeMap<&StepId, Sum> = BTreeMap::new();
    // When a resource is usable is not known, so that counts as the end of its step.
    for Step { id, action: _, reason: _, after, after_usable, usual } in &plan.steps {
        let earlier = after.iter().chain(after_usable);
        let before = earlier.filter_map(|before| ends.get(before)).max_by_key(|sum| sum.usual);
        let mut sum = before.cloned().unwrap_or_default();
        if !usual.is_zero() {
            sum.critical.push(id.clone());
        }
        sum.usual += *usual;
        ends.insert(id, sum);
    }
    ends.into_values().max_by_key(|sum| sum.usual).unwrap_or_default()
}
