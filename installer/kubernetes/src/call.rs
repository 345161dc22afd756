//! Calls to an API server: which may be tried again, and what their failures are called.

use std::{
    error::Error as StdError,
    future::Future,
    time::{Duration, Instant},
};

/// A call that failed for good.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}")]
pub struct Error {
    /// What was to be done, such as `apply Deployment a/b`.
    pub what: String,
    /// Why not.
    #[source]
    pub source: Box<kube::Error>,
}

/// How long a call is tried again that failed for a reason that passes.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long "not there" may be the answer to an apply: a new CRD says that it is established a moment before
/// its objects are accepted.
const NEW_KIND_PATIENCE: Duration = Duration::from_secs(10);
/// How long "you may not" may be the answer to somebody who has just been given the right: API servers learn of a
/// binding a moment after it is made.
const NEW_RIGHTS_PATIENCE: Duration = Duration::from_secs(5);

/// Does `call` until it works, or fails for a reason that will not pass, or [`PATIENCE`] is over.
///
/// Only for calls that may be done twice: reads, server-side apply, deletes with a precondition.
pub(crate) async fn retried<T, F>(what: impl Fn() -> String, call: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, kube::Error>>,
{
    retried_while(|error, since| passes(error) && since < PATIENCE, what, call).await
}

/// What was made a moment ago, and is not known everywhere yet.
#[derive(Debug, Clone, Copy)]
pub(crate) enum New {
    /// The kind of what is applied.
    Kind,
    /// The right of who asks.
    Right,
}

/// The same, where something `new` is a reason that passes, too.
pub(crate) async fn retried_with<T, F>(
    new: New,
    what: impl Fn() -> String,
    call: impl FnMut() -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, kube::Error>>,
{
    let early = |error: &kube::Error, since| match new {
        New::Kind => absent(error) && since < NEW_KIND_PATIENCE,
        New::Right => forbidden(error) && since < NEW_RIGHTS_PATIENCE,
    };
    retried_while(|error, since| passes(error) && since < PATIENCE || early(error, since), what, call).await
}

async fn retried_while<T, F>(
    again: impl Fn(&kube::Error, Duration) -> bool,
    what: impl Fn() -> String,
    mut call: impl FnMut() -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, kube::Error>>,
{
    let start = Instant::now();
    let mut pause = Duration::from_millis(200);
    loop {
        match call().await {
            Ok(value) => return Ok(value),
            Err(error) if again(&error, start.elapsed()) => {
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
            Err(source) => return Err(Error { what: what(), source: Box::new(source) }),
        }
    }
}

/// Whether the same call may work a little later.
fn passes(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => matches!(status.code, 429 | 500 | 502..=504),
        kube::Error::Service(_) | kube::Error::HyperError(_) => !untrusted(error),
        _ => false,
    }
}

/// Whether one of both ends does not accept the other's certificate. The type that says so lies below several
/// others that hide it, so its words have to do.
pub(crate) fn untrusted(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let said = error.to_string();
        if said.contains("invalid peer certificate") || said.contains("received fatal alert") {
            return true;
        }
        next = error.source();
    }
    false
}

/// Whether the error says that what was asked for is not there.
pub(crate) fn absent(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

fn forbidden(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403)
}

/// Turns "not there" into nothing.
pub(crate) fn if_there<T>(result: Result<T, kube::Error>) -> Result<Option<T>, kube::Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use kube::core::Status;

    use super::*;

    fn answer(code: u16) -> kube::Error {
        kube::Error::Api(Box::new(Status { code, ..Status::failure("no", "No") }))
    }

    #[test]
    fn only_what_passes_is_tried_again() {
        for (code, again) in [(429, true), (500, true), (503, true), (401, false), (403, false), (422, false)]
        {
            assert_eq!(passes(&answer(code)), again, "{code}");
        }
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        assert!(passes(&kube::Error::Service(Box::new(refused))));
        let certificate = std::io::Error::other("invalid peer certificate: UnknownIssuer");
        assert!(!passes(&kube::Error::Service(Box::new(certificate))));
    }

    #[tokio::test]
    async fn kind_that_is_only_just_made_is_waited_for() {
        let mut calls = 0;
        let done = retried_with(
            New::Kind,
            || "apply it".to_owned(),
            || {
                calls += 1;
                let answer = if calls < 3 { Err(answer(404)) } else { Ok(()) };
                async { answer }
            },
        );
        done.await.unwrap();
        assert_eq!(calls, 3);
    }
}
