//! How long things take: one table, each row with its source or marked as assumed.

use std::time::Duration;

/// The durations of a kind of thing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Life {
    /// From the creating call until it is ready.
    pub(crate) coming: Duration,
    /// From the deleting call until it is gone.
    pub(crate) leaving: Duration,
    /// How long it is listed after it is gone.
    pub(crate) lingering: Duration,
}

const fn seconds(coming: u64, leaving: u64, lingering: u64) -> Life {
    Life {
        coming: Duration::from_secs(coming),
        leaving: Duration::from_secs(leaving),
        lingering: Duration::from_secs(lingering),
    }
}

/// Ready in the creating call and gone in the deleting one.
pub(crate) const INSTANT: Life = seconds(0, 0, 0);
/// Assumed: `DescribeVpcs` shows `pending` for a moment, and the SDK has a waiter for it.
pub(crate) const VPC: Life = seconds(1, 0, 0);
/// Ready after 1 to 3 minutes by common experience (assumed: 100 s), gone after about a minute (assumed). Listed as
/// deleted for about an hour: VPC user guide, "Delete a NAT gateway".
pub(crate) const NAT_GATEWAY: Life = seconds(100, 60, 3600);
/// An interface endpoint is ready after 1 to 2 minutes and gone after one, both by common experience (assumed).
pub(crate) const INTERFACE_ENDPOINT: Life = seconds(90, 60, 0);
/// Assumed: AWS answers with `available` from the first look on.
pub(crate) const GATEWAY_ENDPOINT: Life = INSTANT;
/// How long something that failed is listed: VPC user guide, "NAT gateway creation fails", about an hour.
pub(crate) const FAILED: Duration = Duration::from_hours(1);
/// How long a client token is known. EC2's guide on idempotency promises no less.
pub(crate) const TOKEN: Duration = Duration::from_hours(24);

/// Where a thing is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Coming,
    Ready,
    Leaving,
    /// Deleted, and still listed for a while.
    Gone,
    /// No longer listed.
    Forgotten,
}

impl Life {
    /// Returns the phase of a thing that was made, and perhaps deleted, at these times.
    pub(crate) fn phase(&self, made: Duration, deleted: Option<Duration>, now: Duration) -> Phase {
        match deleted {
            Some(deleted) if now >= deleted + self.leaving + self.lingering => Phase::Forgotten,
            Some(deleted) if now >= deleted + self.leaving => Phase::Gone,
            Some(_) => Phase::Leaving,
            None if now >= made + self.coming => Phase::Ready,
            None => Phase::Coming,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn deleted_nat_gateway_is_listed_for_an_hour() {
        let phase = |deleted, now| NAT_GATEWAY.phase(at(10), deleted, at(now));
        assert_eq!(phase(None, 109), Phase::Coming);
        assert_eq!(phase(None, 110), Phase::Ready);
        assert_eq!(phase(Some(at(200)), 259), Phase::Leaving);
        assert_eq!(phase(Some(at(200)), 260), Phase::Gone);
        assert_eq!(phase(Some(at(200)), 3859), Phase::Gone);
        assert_eq!(phase(Some(at(200)), 3860), Phase::Forgotten);
    }

    #[test]
    fn most_things_are_ready_and_forgotten_immediately() {
        assert_eq!(INSTANT.phase(at(5), None, at(5)), Phase::Ready);
        assert_eq!(INSTANT.phase(at(5), Some(at(6)), at(6)), Phase::Forgotten);
    }
}
