//! Goals, and whether a measurement meets one.

use std::fmt;

/// The largest value that a figure may have.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Goal {
    /// The ratio to the peer's time.
    Ratio(f64),
    Seconds(f64),
    /// Seconds more than the peer takes.
    MoreSeconds(f64),
}

/// Whether a measurement meets the goal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Met,
    Missed,
}

impl Goal {
    /// Compares an unrounded measurement with the goal. `NaN` misses it.
    pub(super) fn verdict(self, measured: f64) -> Verdict {
        let (Self::Ratio(limit) | Self::Seconds(limit) | Self::MoreSeconds(limit)) = self;
        if measured <= limit { Verdict::Met } else { Verdict::Missed }
    }

    /// Returns a measurement with the goal's unit.
    pub(super) fn show(self, measured: f64) -> String {
        match self {
            Self::Ratio(_) => format!("{measured:.2}"),
            Self::Seconds(_) => format!("{measured:.2} s"),
            Self::MoreSeconds(_) => format!("{measured:+.2} s"),
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ratio(limit) => write!(f, "at most {limit}"),
            Self::Seconds(limit) => write!(f, "at most {limit} s"),
            Self::MoreSeconds(limit) => write!(f, "at most {limit} s more"),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Met => "met",
            Self::Missed => "missed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn goal_is_met_up_to_its_limit() {
        for goal in [Goal::Ratio(1.5), Goal::Seconds(1.5), Goal::MoreSeconds(1.5)] {
            assert_eq!(goal.verdict(1.5), Verdict::Met, "{goal}");
            assert_eq!(goal.verdict(-0.2), Verdict::Met, "{goal}");
            // Shown as 1.50.
            assert_eq!(goal.verdict(1.501), Verdict::Missed, "{goal}");
        }
    }

    #[test]
    fn missing_measurement_misses_its_goal() {
        assert_eq!(Goal::Seconds(1.0).verdict(f64::NAN), Verdict::Missed);
    }

    #[test]
    fn goals_and_measurements_have_the_same_unit() {
        let shown = |goal: Goal| format!("{goal}: {}", goal.show(0.456));
        assert_eq!(shown(Goal::Ratio(2.2)), "at most 2.2: 0.46");
        assert_eq!(shown(Goal::Seconds(5.0)), "at most 5 s: 0.46 s");
        assert_eq!(shown(Goal::MoreSeconds(1.5)), "at most 1.5 s more: +0.46 s");
        assert_eq!(Goal::MoreSeconds(1.5).show(-0.25), "-0.25 s");
    }
}
