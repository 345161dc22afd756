//! Retries: the failures that are temporary, and how long a call is retried.

use std::time::Duration;

use kube::{
    Client,
    api::{DynamicObject, PartialObjectMeta},
};
use tokio::time::Instant;

use super::{Call, CallError, CallVerb, Class, ConnectionCause, ConnectionError, Error, classify, if_there};
use crate::{
    ObjectRef, Waiting,
    admission::webhooks,
    pace::{Pace, Reporter, stoppable},
};

/// How long a single attempt may take: an API server ends its own requests after 60 s.
const ATTEMPT: Duration = Duration::from_mins(1);
/// How long a 404 may answer an apply: a new CRD reports Established a moment before its objects are accepted.
const NEW_KIND_PATIENCE: Duration = Duration::from_secs(10);
/// How long the API server may answer 403 to a user that has just got the right: its cache of bindings lags behind.
const NEW_RIGHTS_PATIENCE: Duration = Duration::from_secs(5);
/// How long 429 is retried: the API server is working and asks callers to retry later.
const LIMITED_PATIENCE: Duration = Duration::from_secs(30);
/// The pause before the only retry of a call that webhooks may have failed.
const SUSPECTED_PAUSE: Duration = Duration::from_secs(1);
/// The time after which a retried call is reported.
const REPORTED_AFTER: Duration = Duration::from_secs(1);

/// An object that was just created, which some API servers do not know yet.
#[derive(Debug, Clone, Copy)]
pub(crate) enum New {
    /// The CRD of the applied object.
    Kind,
    /// The binding that gives the user the right.
    Right,
}

/// An API server, and the caller's pace.
#[derive(Clone, Copy)]
pub(crate) struct ApiServer<'a> {
    pub(crate) client: &'a Client,
    pub(crate) pace: &'a dyn Pace,
}

impl ApiServer<'_> {
    /// Retries `attempt` until it succeeds, fails permanently, or its patience ends.
    ///
    /// Only for idempotent calls: reads, server-side apply, deletes with a precondition.
    pub(crate) async fn call<T, F>(self, call: &Call, attempt: impl FnMut() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        self.recorded(call, None, attempt).await
    }

    /// Repeats the call as [`Self::call`] does; a failure because of something `new` is temporary as well.
    pub(crate) async fn call_new<T, F>(
        self,
        new: New,
        call: &Call,
        attempt: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        self.recorded(call, Some(new), attempt).await
    }

    /// Reads the metadata of `object`; `None` if it does not exist.
    pub(crate) async fn metadata(
        self,
        object: &ObjectRef,
    ) -> Result<Option<PartialObjectMeta<DynamicObject>>, Error> {
        let api = object.api(self.client);
        self.call(&Call::new(CallVerb::Read, object), || async {
            if_there(api.get_metadata(&object.name).await)
        })
        .await
    }

    /// Reads the object; `None` if it does not exist.
    pub(crate) async fn read(self, object: &ObjectRef) -> Result<Option<DynamicObject>, Error> {
        let api = object.api(self.client);
        self.call(&Call::new(CallVerb::Read, object), || async { if_there(api.get(&object.name).await) })
            .await
    }

    /// Records a call that changes an object, and makes it.
    async fn recorded<T, F>(
        self,
        call: &Call,
        new: Option<New>,
        attempt: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        if !call.verb.changes() {
            return self.repeat(call, new, attempt).await;
        }
        let text = call.to_string();
        let unrecorded = |error| call.error(Class::Other(error));
        self.pace.calling(&text).map_err(unrecorded)?;
        let outcome = self.repeat(call, new, attempt).await;
        let failure = match &outcome {
            Ok(_) => None,
            Err(Error::Stopped(_)) => return outcome,
            Err(Error::Call(error)) => Some(chain(error)),
        };
        self.pace.called(&text, &call.object, failure.as_deref()).map_err(unrecorded)?;
        outcome
    }

    async fn repeat<T, F>(
        self,
        call: &Call,
        new: Option<New>,
        mut attempt: impl FnMut() -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = Result<T, kube::Error>>,
    {
        let start = Instant::now();
        let mut pause = Duration::from_millis(200);
        let mut reporter = Reporter::new(self.pace);
        let mut suspected = false;
        loop {
            let class = match stoppable(self.pace, Box::pin(tokio::time::timeout(ATTEMPT, attempt()))).await?
            {
                Ok(Ok(value)) => return Ok(value),
                Ok(Err(error)) => classify(error),
                Err(_) => slow(ATTEMPT),
            };
            if let Class::ServerError(answer) = &class
                && answer.code == 500
                && !call.verb.operations().is_empty()
                && let Some(refusal) =
                    stoppable(self.pace, Box::pin(webhooks::refusal(self.client, call, answer))).await?
            {
                // A 500 may have another cause than the webhooks that the call passes, so one retry decides, unless the
                // first attempt has taken too long.
                let over = start.elapsed() >= self.patience(&class, new);
                if suspected || over || refusal.is_certain() {
                    return Err(call.error(Class::Admission(Box::new(refusal))).into());
                }
                suspected = true;
                pause = pause.max(SUSPECTED_PAUSE);
            }
            if start.elapsed() >= self.patience(&class, new) {
                return Err(call.error(class).into());
            }
            if start.elapsed() >= REPORTED_AFTER {
                reporter.report(Waiting {
                    object: call.object.clone(),
                    progress: format!("cannot {} it yet", call.verb.as_str()),
                    reason: Some(chain(&class)),
                });
            }
            self.pace.pause(pause).await?;
            pause = (pause * 2).min(Duration::from_secs(2));
        }
    }

    /// Returns how long a call with this failure is retried.
    fn patience(self, class: &Class, new: Option<New>) -> Duration {
        match (class, new) {
            (Class::Unreachable(_) | Class::ServerError(_), _) => self.pace.patience(),
            (Class::TooManyRequests(_), _) => LIMITED_PATIENCE,
            (Class::NotFound(_) | Class::KindNotServed(_), Some(New::Kind)) => NEW_KIND_PATIENCE,
            (Class::Forbidden(_), Some(New::Right)) => NEW_RIGHTS_PATIENCE,
            (
                Class::Untrusted(_)
                | Class::Unauthorized(_)
                | Class::Forbidden(_)
                | Class::NotFound(_)
                | Class::KindNotServed(_)
                | Class::Conflict(_)
                | Class::Invalid(_)
                | Class::Admission(_)
                | Class::Credentials(_)
                | Class::Damaged(_)
                | Class::Other(_),
                _,
            ) => Duration::ZERO,
        }
    }
}

/// Makes a call once, within `patience`, for reads whose result is optional.
pub(crate) async fn bounded<T>(
    call: &Call,
    patience: Duration,
    attempt: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, CallError> {
    match tokio::time::timeout(patience, Box::pin(attempt)).await {
        Ok(outcome) => outcome.map_err(|error| call.error(classify(error))),
        Err(_) => Err(call.error(slow(patience))),
    }
}

fn slow(after: Duration) -> Class {
    Class::Unreachable(ConnectionError { server: None, proxy: None, cause: ConnectionCause::Slow(after) })
}

/// Returns an error with its causes on one line, without causes whose text the line already contains.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}
