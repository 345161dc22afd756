//! When a StorageClass last made a volume: one that makes them for others takes turns, and is not stuck.
//!
//! Known from homes alone, and only while this process lives. It never looks for itself.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard},
};

use k8s_openapi::jiff::Timestamp;

use crate::{
    observed::{ClaimFacts, ClaimPhase},
    store::Change,
};

/// When each StorageClass last made a volume.
#[derive(Debug, Default)]
pub(crate) struct Volumes {
    /// By name of the class; claims without one have an empty one.
    made: Mutex<HashMap<String, Timestamp>>,
}

impl Volumes {
    /// Takes in what became of a claim, at `now`.
    pub(crate) fn learn(&self, change: &Change<ClaimFacts>, now: Timestamp) {
        let (Some(before), Some(after)) = (&change.before, &change.after) else { return };
        if before.phase == ClaimPhase::Pending && after.phase == ClaimPhase::Bound {
            let class = after.storage_class.clone().unwrap_or_default();
            self.lock().insert(class, now);
        }
    }

    /// When the class of `claim` last made one.
    pub(crate) fn last_made(&self, claim: &ClaimFacts) -> Option<Timestamp> {
        self.lock().get(claim.storage_class.as_deref().unwrap_or_default()).copied()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Timestamp>> {
        self.made.lock().expect("no holder of this lock panics")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::observed::Key;

    fn claim(phase: ClaimPhase, class: &str) -> ClaimFacts {
        ClaimFacts { phase, storage_class: Some(class.to_owned()), ..ClaimFacts::default() }
    }

    fn became(before: Option<ClaimPhase>, after: Option<ClaimPhase>) -> Change<ClaimFacts> {
        let facts = |phase| Arc::new(claim(phase, "fast"));
        Change { group: Key::new("default", "home"), before: before.map(facts), after: after.map(facts) }
    }

    #[test]
    fn only_a_claim_that_gets_its_volume_tells_of_its_class() {
        let volumes = Volumes::default();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        let waiting = claim(ClaimPhase::Pending, "fast");
        for (before, after) in [
            (None, Some(ClaimPhase::Bound)),
            (None, Some(ClaimPhase::Pending)),
            (Some(ClaimPhase::Bound), Some(ClaimPhase::Bound)),
            (Some(ClaimPhase::Bound), Some(ClaimPhase::Lost)),
            (Some(ClaimPhase::Pending), None),
        ] {
            volumes.learn(&became(before, after), now);
            assert_eq!(volumes.last_made(&waiting), None, "{before:?} {after:?}");
        }
        volumes.learn(&became(Some(ClaimPhase::Pending), Some(ClaimPhase::Bound)), now);
        assert_eq!(volumes.last_made(&waiting), Some(now));
        assert_eq!(volumes.last_made(&claim(ClaimPhase::Pending, "slow")), None);
    }
}
