//! Faults of calls, and the errors that they answer with.

use std::{fmt, sync::Arc, time::Duration};

use http::StatusCode;

use crate::{
    refusal::{AwsError, Refusal, refused_with},
    service::Service,
};

/// A fault of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A policy denies it.
    Refused,
    /// No answer comes, and AWS has not acted.
    TimedOut,
    /// AWS answers with status 500 and has not acted.
    ServerError,
    /// AWS asks to come back later.
    Throttled,
    /// The answer comes after this time.
    Slow(Duration),
    /// AWS has acted, and no answer comes.
    AnswerLost,
    /// The client dies before AWS has acted.
    KilledBefore,
    /// AWS has acted, and the client dies before the answer.
    KilledAfter,
    /// The credentials have expired.
    Expired,
}

/// The call that a fault is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum When {
    /// The call with this number, from 1 on.
    Call(u64),
    /// The call with this number among those of this name.
    Named(String, u64),
    /// Every call of this name.
    Every(String),
}

/// A moment in the life of a call, for tests that act there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HookPoint<'a> {
    /// AWS has not acted yet.
    Before {
        /// The number of the call, from 1 on.
        number: u64,
        /// Its name.
        call: &'a str,
    },
    /// AWS has acted.
    After {
        /// The number of the call, from 1 on.
        number: u64,
        /// Its name.
        call: &'a str,
    },
}

type Hook = Arc<dyn Fn(HookPoint<'_>) + Send + Sync>;

/// The faults that are planned, and the hooks.
#[derive(Clone, Default)]
pub(crate) struct Faults {
    planned: Vec<(When, Fault)>,
    pub(crate) hooks: Vec<Hook>,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("planned", &self.planned).finish_non_exhaustive()
    }
}

impl Faults {
    pub(crate) fn plan(&mut self, when: When, fault: Fault) {
        self.planned.push((when, fault));
    }

    pub(crate) fn forget(&mut self) {
        self.planned.clear();
    }

    /// Returns the fault of a call: the first one that is for it. `of_name` is its number among those of its name.
    pub(crate) fn of(&self, number: u64, call: &str, of_name: u64) -> Option<Fault> {
        let is_for = |when: &When| match when {
            When::Call(k) => *k == number,
            When::Named(name, k) => name == call && *k == of_name,
            When::Every(name) => name == call,
        };
        self.planned.iter().find(|(when, _)| is_for(when)).map(|(_, fault)| *fault)
    }
}

/// Returns the error for a call that a policy denies.
pub(crate) fn denied(service: Service, call: &str, arn: &str) -> Refusal {
    let permission = format!("{}:{call}", service.name());
    match service {
        Service::Ec2 => {
            let message = format!(
                "You are not authorized to perform this operation. User: {arn} is not authorized to perform: {permission}"
            );
            refused_with(StatusCode::FORBIDDEN, "UnauthorizedOperation", message)
        }
        Service::Sts => {
            let message = format!("User: {arn} is not authorized to perform: {permission}");
            refused_with(StatusCode::FORBIDDEN, "AccessDenied", message)
        }
    }
}

pub(crate) fn throttled(service: Service) -> AwsError {
    let (status, code, message) = match service {
        Service::Ec2 => (StatusCode::SERVICE_UNAVAILABLE, "RequestLimitExceeded", "Request limit exceeded."),
        Service::Sts => (StatusCode::BAD_REQUEST, "Throttling", "Rate exceeded"),
    };
    AwsError { code: code.to_owned(), message: message.to_owned(), status }
}

pub(crate) fn server_error() -> AwsError {
    AwsError {
        code: "InternalError".to_owned(),
        message: "An internal error has occurred".to_owned(),
        status: StatusCode::INTERNAL_SERVER_ERROR,
    }
}
