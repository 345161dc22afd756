//! Whether a replica may take the Lease. Pure.

use std::time::Duration;

use k8s_openapi::{api::coordination::v1::LeaseSpec, apimachinery::pkg::apis::meta::v1::MicroTime};
use tokio::time::Instant;

/// A term; a leader that dies without a word is followed after it.
pub(super) const TERM: Duration = Duration::from_secs(15);

/// The holder as last seen, and since when by this machine's clock.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Seen {
    holder: String,
    renewed: Option<MicroTime>,
    since: Instant,
}

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Somebody leads.
    Wait,
    /// Nobody leads, or not any more.
    Take {
        /// How often the lease changed hands, this time included.
        transitions: i32,
    },
}

pub(super) fn decide(lease: Option<&LeaseSpec>, seen: &mut Option<Seen>, me: &str, now: Instant) -> Step {
    let Some(spec) = lease else { return Step::Take { transitions: 0 } };
    let holder = spec.holder_identity.clone().unwrap_or_default();
    let transitions = spec.lease_transitions.unwrap_or(0).saturating_add(1);
    if holder.is_empty() || holder == me {
        return Step::Take { transitions };
    }
    let term = spec
        .lease_duration_seconds
        .and_then(|seconds| u64::try_from(seconds).ok())
        .map_or(TERM, Duration::from_secs);
    match seen {
        Some(seen) if seen.holder == holder && seen.renewed == spec.renew_time => {
            if now.duration_since(seen.since) > term { Step::Take { transitions } } else { Step::Wait }
        }
        _ => {
            *seen = Some(Seen { holder, renewed: spec.renew_time.clone(), since: now });
            Step::Wait
        }
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::Timestamp;

    use super::*;

    fn held_by(holder: &str, renewed: i64) -> LeaseSpec {
        LeaseSpec {
            holder_identity: Some(holder.into()),
            lease_duration_seconds: Some(15),
            renew_time: Some(MicroTime(Timestamp::from_second(renewed).unwrap())),
            lease_transitions: Some(3),
            ..LeaseSpec::default()
        }
    }

    #[test]
    fn a_lease_nobody_made_is_taken() {
        assert_eq!(decide(None, &mut None, "me", Instant::now()), Step::Take { transitions: 0 });
    }

    #[test]
    fn a_released_lease_is_taken_at_once() {
        assert_eq!(
            decide(Some(&held_by("", 0)), &mut None, "me", Instant::now()),
            Step::Take { transitions: 4 }
        );
    }

    #[test]
    fn a_lease_first_seen_is_respected_however_old_it_claims_to_be() {
        assert_eq!(decide(Some(&held_by("other", 0)), &mut None, "me", Instant::now()), Step::Wait);
    }

    #[test]
    fn a_lease_not_renewed_for_a_term_is_taken() {
        let (mut seen, start) = (None, Instant::now());
        decide(Some(&held_by("other", 0)), &mut seen, "me", start);
        let before = start + Duration::from_secs(14);
        assert_eq!(decide(Some(&held_by("other", 0)), &mut seen, "me", before), Step::Wait);
        let after = start + Duration::from_secs(16);
        assert_eq!(decide(Some(&held_by("other", 0)), &mut seen, "me", after), Step::Take { transitions: 4 });
    }

    #[test]
    fn a_renewed_lease_is_respected_for_another_term() {
        let (mut seen, start) = (None, Instant::now());
        decide(Some(&held_by("other", 0)), &mut seen, "me", start);
        decide(Some(&held_by("other", 5)), &mut seen, "me", start + Duration::from_secs(10));
        let later = start + Duration::from_secs(20);
        assert_eq!(decide(Some(&held_by("other", 5)), &mut seen, "me", later), Step::Wait);
    }
}
