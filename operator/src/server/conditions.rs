//! A list of conditions that keeps the time of the last change where nothing changed.

use devplat_api::condition::{ConditionType, Reason};
use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

/// Longest message; the schedulers' can be longer than anybody reads.
const MESSAGE_MAX: usize = 1024;

/// Whether something is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    /// It is.
    True,
    /// It is not.
    False,
    /// Nobody knows yet.
    Unknown,
}

impl Truth {
    fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// Conditions being put together.
#[derive(Debug)]
pub(crate) struct Conditions<'a> {
    previous: &'a [Condition],
    generation: Option<i64>,
    now: Timestamp,
    list: Vec<Condition>,
}

impl<'a> Conditions<'a> {
    /// Starts after `previous`, for `generation` of the spec.
    pub(crate) fn after(previous: &'a [Condition], generation: Option<i64>, now: Timestamp) -> Self {
        Self { previous, generation, now, list: Vec::new() }
    }

    /// Says so.
    pub(crate) fn set(
        &mut self,
        kind: ConditionType,
        truth: Truth,
        reason: Reason,
        message: impl Into<String>,
    ) {
        let mut message: String = message.into();
        if let Some((end, _)) = message.char_indices().nth(MESSAGE_MAX) {
            message.truncate(end);
        }
        let before = self.before(kind).filter(|before| before.status == truth.as_str());
        // Whole seconds, as Kubernetes itself writes them.
        let now = Timestamp::from_second(self.now.as_second()).unwrap_or(self.now);
        self.list.push(Condition {
            type_: kind.as_str().to_owned(),
            status: truth.as_str().to_owned(),
            reason: reason.as_str().to_owned(),
            message,
            observed_generation: self.generation,
            last_transition_time: before.map_or(Time(now), |before| before.last_transition_time.clone()),
        });
    }

    /// Leaves it as it was, or says so where it was not said before.
    pub(crate) fn keep_or(&mut self, kind: ConditionType, truth: Truth, reason: Reason, message: &str) {
        match self.before(kind) {
            Some(before) => {
                let kept = Condition { observed_generation: self.generation, ..before.clone() };
                self.list.push(kept);
            }
            None => self.set(kind, truth, reason, message),
        }
    }

    /// All of them.
    pub(crate) fn finish(self) -> Vec<Condition> {
        self.list
    }

    fn before(&self, kind: ConditionType) -> Option<&'a Condition> {
        self.previous.iter().find(|condition| condition.type_ == kind.as_str())
    }
}
