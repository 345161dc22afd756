//! This machine's clock against that of AWS, by the `Date` header of any answer.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::BeforeDeserializationInterceptorContextRef, dyn_dispatch_hint},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{DateTime, config_bag::ConfigBag, date_time::Format};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::surroundings::AwsClock;

/// AWS rejects signatures that are more than 5 min old or early. A clock that is almost that far off soon fails.
const TOLERATED: Duration = Duration::from_mins(4);

/// How far this machine's clock is off that of AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Skew {
    /// This clock is ahead.
    Ahead(Duration),
    /// This clock is behind.
    Behind(Duration),
}

impl Skew {
    /// Returns the skew of `own` against `other`.
    pub fn of(own: Timestamp, other: Timestamp) -> Self {
        let ahead: SignedDuration = own.duration_since(other);
        if ahead.is_negative() {
            Self::Behind(ahead.unsigned_abs())
        } else {
            Self::Ahead(ahead.unsigned_abs())
        }
    }

    /// Returns whether AWS accepts signatures with this time.
    pub fn is_tolerated(self) -> bool {
        let (Self::Ahead(by) | Self::Behind(by)) = self;
        by < TOLERATED
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Ahead(by) | Self::Behind(by)) = self;
        let direction = match self {
            Self::Ahead(_) => "ahead of",
            Self::Behind(_) => "behind",
        };
        match by.as_secs() {
            seconds @ 0..60 => write!(f, "{seconds} s {direction}"),
            seconds @ 60..7200 => write!(f, "{} min {direction}", (seconds + 30) / 60),
            seconds => write!(f, "{} h {direction}", (seconds + 1800) / 3600),
        }
    }
}

/// Remembers the skew of the last answer.
#[derive(Clone)]
pub(crate) struct Watch {
    now: AwsClock,
    seen: Arc<Mutex<Option<Skew>>>,
}

impl Watch {
    pub(crate) fn new(now: AwsClock) -> Self {
        Self { now, seen: Arc::default() }
    }

    pub(crate) fn skew(&self) -> Option<Skew> {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers the skew against the time in a `Date` header. A malformed one is ignored.
    fn note(&self, date: &str) {
        let Ok(theirs) = DateTime::from_str(date, Format::HttpDate) else { return };
        let Ok(theirs) = Timestamp::from_second(theirs.secs()) else { return };
        let skew = Skew::of((self.now)(), theirs);
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(skew);
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("seen", &self.skew()).finish_non_exhaustive()
    }
}

#[dyn_dispatch_hint]
impl Intercept for Watch {
    fn name(&self) -> &'static str {
        "Watch"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if let Some(date) = context.response().headers().get("date") {
            self.note(date);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn skew_has_a_direction_and_a_rounded_size() {
        let own = at("2026-11-01T12:00:00Z");
        for (other, shown, tolerated) in [
            ("2026-11-01T12:00:00Z", "0 s ahead of", true),
            ("2026-11-01T12:00:31Z", "31 s behind", true),
            ("2026-11-01T11:56:01Z", "4 min ahead of", true),
            ("2026-11-01T12:07:10Z", "7 min behind", false),
            ("2026-11-01T09:00:00Z", "3 h ahead of", false),
        ] {
            let skew = Skew::of(own, at(other));
            assert_eq!((skew.to_string().as_str(), skew.is_tolerated()), (shown, tolerated), "{other}");
        }
    }

    #[test]
    fn date_of_an_answer_is_compared_with_the_own_clock() {
        let watch = Watch::new(Arc::new(|| at("2026-11-01T12:00:00Z")));
        watch.note("not a date");
        assert_eq!(watch.skew(), None);
        watch.note("Sun, 01 Nov 2026 12:10:00 GMT");
        assert_eq!(watch.skew(), Some(Skew::Behind(Duration::from_mins(10))));
    }
}
