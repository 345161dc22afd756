//! Calls to an API server: which may be tried again, and what their failures are called.

use std::{
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

/// Does `call` until it works, or fails for a reason that will not pass, or [`PATIENCE`] is over.
///
/// Only for calls that may be done twice: reads, server-side apply, deletes with a precondition.
pub(crate) async fn retried<T, F>(what: impl Fn() -> String, mut call: impl FnMut() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, kube::Error>>,
{
    let start = Instant::now();
    let mut pause = Duration::from_millis(200);
    loop {
        match call().await {
            Ok(value) => return Ok(value),
            Err(error) if passes(&error) && start.elapsed() < PATIENCE => {
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
        kube::Error::Service(_) | kube::Error::HyperError(_) => true,
        _ => false,
    }
}

/// Whether the error says that what was asked for is not there.
pub(crate) fn absent(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// Turns "not there" into nothing.
pub(crate) fn if_there<T>(result: Result<T, kube::Error>) -> Result<Option<T>, kube::Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
