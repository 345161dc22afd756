//! The waits of a step for a resource that is being created or deleted, each with its own limit.

use std::time::Duration;

use tokio::time::Instant;

/// The change that a step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Transition {
    /// The resource is being created.
    Creation,
    /// The resource is being deleted, such as a namespace whose pods have to end.
    Deletion,
}

impl Transition {
    /// How long it may take.
    pub(super) fn patience(self) -> Duration {
        match self {
            Self::Creation => Duration::from_mins(15),
            Self::Deletion => Duration::from_mins(5),
        }
    }

    /// The word for its end.
    pub(super) fn done(self) -> &'static str {
        match self {
            Self::Creation => "created",
            Self::Deletion => "deleted",
        }
    }
}

/// The time that a step has waited for each transition. A resource can go from one to the other, such as a half-made one
/// that another program deletes; the time of the first does not count for the second, and no sequence of both is endless.
#[derive(Debug, Default)]
pub(super) struct Waits {
    creation: Duration,
    deletion: Duration,
    last: Option<(Transition, Instant)>,
}

impl Waits {
    /// Counts the time since the last look, and returns whether the waits for this transition have exceeded its limit.
    pub(super) fn exceed(&mut self, transition: Transition, now: Instant) -> bool {
        if let Some((before, since)) = self.last.replace((transition, now)) {
            *self.spent(before) += now.duration_since(since);
        }
        *self.spent(transition) > transition.patience()
    }

    fn spent(&mut self, transition: Transition) -> &mut Duration {
        match transition {
            Transition::Creation => &mut self.creation,
            Transition::Deletion => &mut self.deletion,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deletion_after_a_long_creation_has_its_own_limit() {
        let (mut waits, begun) = (Waits::default(), Instant::now());
        let at = |minutes| begun + Duration::from_mins(minutes);
        assert!(!waits.exceed(Transition::Creation, begun));
        assert!(!waits.exceed(Transition::Creation, at(14)));
        assert!(!waits.exceed(Transition::Deletion, at(15)));
        assert!(!waits.exceed(Transition::Deletion, at(19)));
        assert!(waits.exceed(Transition::Deletion, at(21)));
    }

    #[test]
    fn alternating_transitions_are_not_endless() {
        let (mut waits, begun) = (Waits::default(), Instant::now());
        let both = [Transition::Creation, Transition::Deletion].into_iter().cycle();
        let exceeded = both
            .zip(0..)
            .position(|(transition, minute)| waits.exceed(transition, begun + Duration::from_mins(minute)));
        assert!(exceeded.is_some_and(|minute| minute <= 20), "{exceeded:?}");
    }

    #[test]
    fn creation_ends_after_its_limit() {
        let (mut waits, begun) = (Waits::default(), Instant::now());
        assert!(!waits.exceed(Transition::Creation, begun));
        assert!(!waits.exceed(Transition::Creation, begun + Transition::Creation.patience()));
        let late = begun + Transition::Creation.patience() + Duration::from_secs(1);
        assert!(waits.exceed(Transition::Creation, late));
    }
}
