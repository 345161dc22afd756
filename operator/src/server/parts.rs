//! What is said of a server's parts: its flavor, its home, the place of its pod. Whether it is ready is not said here.

use devplat_api::condition::{ConditionType, Reason};

use super::{
    acceptance::{Refusal, Resolved},
    conditions::{Conditions, Truth},
    snapshot::Failure,
};
use crate::{
    child::Child,
    observed::{ClaimFacts, ClaimPhase, PodFacts, Scheduling},
};

/// The flavor, or why there is none.
pub(super) fn say_flavor(conditions: &mut Conditions<'_>, resolved: &Result<Resolved, Refusal>, made: bool) {
    match resolved {
        Ok(resolved) => {
            conditions.set(
                ConditionType::FlavorResolved,
                Truth::True,
                Reason::Found,
                resolved.flavor.clone(),
            );
        }
        Err(Refusal { reason, message }) => {
            let gone = made && *reason == Reason::FlavorNotFound;
            let reason = if gone { Reason::FlavorGone } else { *reason };
            conditions.set(ConditionType::FlavorResolved, Truth::False, reason, message.clone());
        }
    }
}

/// The home.
pub(super) fn say_storage(
    conditions: &mut Conditions<'_>,
    home: &Child<ClaimFacts>,
    failure: Option<&Failure>,
    young: bool,
) {
    let kind = ConditionType::StorageReady;
    if let Some(failure) = failure {
        return conditions.set(kind, Truth::False, failure.reason, failure.message.clone());
    }
    if young {
        return conditions.keep_or(kind, Truth::Unknown, Reason::Starting, "waiting for the home");
    }
    match home {
        Child::Absent => conditions.set(kind, Truth::False, Reason::VolumePending, "there is no home yet"),
        Child::Foreign => conditions.set(kind, Truth::False, Reason::NameTaken, "the home's name is taken"),
        Child::Ours(facts) => match facts.phase {
            ClaimPhase::Bound => conditions.set(kind, Truth::True, Reason::Bound, ""),
            ClaimPhase::Pending => {
                conditions.set(
                    kind,
                    Truth::False,
                    Reason::VolumePending,
                    "the home's volume is not there yet",
                );
            }
            ClaimPhase::Lost => {
                conditions.set(kind, Truth::False, Reason::VolumeLost, "the home's volume is lost");
            }
        },
    }
}

/// The pod's place.
pub(super) fn say_scheduling(conditions: &mut Conditions<'_>, pod: Option<&PodFacts>, young: bool) {
    let kind = ConditionType::PodScheduled;
    if young {
        return conditions.keep_or(kind, Truth::Unknown, Reason::Starting, "waiting for the pod");
    }
    match pod.map(|pod| &pod.scheduling) {
        Some(Scheduling::Scheduled { since: _ }) => conditions.set(kind, Truth::True, Reason::Found, ""),
        Some(Scheduling::Refused { message, since: _ }) => {
            conditions.set(kind, Truth::False, Reason::Unschedulable, message.clone());
        }
        Some(Scheduling::Unknown) | None => {
            conditions.set(kind, Truth::Unknown, Reason::Starting, "waiting for the pod");
        }
    }
}
