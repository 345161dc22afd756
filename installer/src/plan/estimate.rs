//! How long a plan should take when everything that can run at once does.

use std::{collections::BTreeMap, time::Duration};

use super::{Plan, Planned, Step};

/// The length of the longest chain of steps that wait for each other, and that chain.
pub fn estimate<R: Planned>(plan: &Plan<R::Id>) -> (Duration, Vec<R::Id>) {
    let mut ends: BTreeMap<R::Id, (Duration, Vec<R::Id>)> = BTreeMap::new();
    for Step { id, action: _, reason: _, after, usual } in &plan.steps {
        let (start, mut chain) = after
            .iter()
            .filter_map(|before| ends.get(before))
            .max_by_key(|(end, _)| *end)
            .cloned()
            .unwrap_or_default();
        if !usual.is_zero() {
            chain.push(*id);
        }
        ends.insert(*id, (start + *usual, chain));
    }
    ends.into_values().max_by_key(|(end, _)| *end).unwrap_or_default()
}
