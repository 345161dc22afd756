//! Calls of killed runs that may still have an effect.

use std::time::Duration;

use devplat_plan::Action;

use super::{JournalEntry, Outcome};

/// The reason to wait before a search for everything that a run has created.
#[derive(Debug, PartialEq, Eq)]
pub enum Pending<'a> {
    /// A run was killed in this call.
    Call(&'a str),
    /// The journal is gone, and with it the last call of a run that may have been killed.
    Unknown,
}

/// How long a receiver of a call may work on it after the caller was killed. Docker's engine creates a network within a
/// second, also under load.
const AFTER_A_KILL: Duration = Duration::from_secs(5);

/// Returns how long to wait at the time `now`, and why. Without its journal, a run may have been killed just now.
pub fn pending(
    entries: &[JournalEntry],
    lost: bool,
    now: jiff::Timestamp,
) -> Option<(Duration, Pending<'_>)> {
    if lost {
        return Some((AFTER_A_KILL, Pending::Unknown));
    }
    let unanswered = unanswered(entries).into_iter();
    let waits = unanswered
        .filter_map(|entry| Some((left_after_a_kill(entry, now)?, Pending::Call(entry.call.as_deref()?))));
    waits.max_by_key(|(left, _)| *left)
}

/// Returns the last entry of each call that was about to be made and has no outcome: its run was killed, and the receiver
/// may still be working on it.
fn unanswered(entries: &[JournalEntry]) -> Vec<&JournalEntry> {
    let mut open: Vec<&JournalEntry> = Vec::new();
    for entry in entries.iter().filter(|entry| entry.call.is_some()) {
        open.retain(|earlier| (&earlier.step, &earlier.call) != (&entry.step, &entry.call));
        if entry.outcome == Outcome::Calling {
            open.push(entry);
        }
    }
    open
}

/// Returns the rest of [`AFTER_A_KILL`] for a call; `None` if it is over or the call creates nothing. A time in the
/// future, by another clock, counts as now.
fn left_after_a_kill(entry: &JournalEntry, now: jiff::Timestamp) -> Option<Duration> {
    if entry.action == Action::Delete {
        return None;
    }
    let past = Duration::try_from(now.duration_since(entry.at)).unwrap_or_default();
    AFTER_A_KILL.checked_sub(past).filter(|left| !left.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATE: &str = "create Docker network devplat-a";

    fn second(second: i64) -> jiff::Timestamp {
        jiff::Timestamp::from_second(second).unwrap()
    }

    /// A call at a second.
    fn call(name: &str, outcome: Outcome, at: i64) -> JournalEntry {
        JournalEntry {
            at: second(at),
            step: "network".to_owned(),
            action: Action::Create,
            outcome,
            generation: 0,
            call: Some(name.to_owned()),
            physical: None,
        }
    }

    #[test]
    fn calls_without_an_outcome_are_unanswered() {
        let step = JournalEntry { call: None, ..call("", Outcome::Begun, 0) };
        let entries = [
            step,
            call("a", Outcome::Calling, 0),
            call("b", Outcome::Calling, 0),
            call("a", Outcome::Made, 0),
            call("c", Outcome::Calling, 0),
            call("c", Outcome::Failed("full".to_owned()), 0),
        ];
        assert_eq!(unanswered(&entries), [&entries[2]]);
    }

    #[test]
    fn look_waits_for_the_rest_of_a_call_whose_run_was_killed() {
        let left = |entry: &JournalEntry| {
            pending(std::slice::from_ref(entry), false, second(1000)).map(|(left, _)| left.as_secs())
        };
        let created = |at| call(CREATE, Outcome::Calling, at);
        assert_eq!(left(&created(998)), Some(3));
        assert_eq!(left(&created(995)), None);
        assert_eq!(left(&created(1060)), Some(5), "the clock was set back");
        assert_eq!(left(&JournalEntry { action: Action::Delete, ..created(998) }), None);
        let entries = [created(998), call("b", Outcome::Calling, 999)];
        let last = (Duration::from_secs(4), Pending::Call("b"));
        assert_eq!(pending(&entries, false, second(1000)), Some(last));
    }

    #[test]
    fn lost_journal_counts_as_a_call_of_this_moment() {
        assert_eq!(pending(&[], true, second(1000)), Some((AFTER_A_KILL, Pending::Unknown)));
        assert_eq!(pending(&[], false, second(1000)), None);
    }
}
