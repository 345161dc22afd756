//! Waits until objects are gone.

use std::time::Duration;

use kube::{
    ResourceExt,
    api::{DynamicObject, PartialObjectMeta},
};
use tokio::time::Instant;

use super::{NotReady, is_ours};
use crate::{Error, ObjectRef, Waiting, call::ApiServer, pace::Reporter};

/// The period between two checks.
const PERIOD: Duration = Duration::from_millis(200);

/// Waits until all of `objects` that belong to `platform` are gone.
pub(super) async fn wait_gone(
    server: ApiServer<'_>,
    objects: &[ObjectRef],
    platform: &str,
    patience: Duration,
) -> Result<Result<(), NotReady>, Error> {
    wait_while(server, objects, |live| is_ours(live, platform), patience).await
}

/// Waits while one of `objects` exists and `meant` returns true for it.
pub(crate) async fn wait_while(
    server: ApiServer<'_>,
    objects: &[ObjectRef],
    meant: impl Fn(&PartialObjectMeta<DynamicObject>) -> bool,
    patience: Duration,
) -> Result<Result<(), NotReady>, Error> {
    let start = Instant::now();
    let mut reporter = Reporter::new(server.pace);
    for object in objects {
        loop {
            let live = server.metadata(object).await?;
            let Some(live) = live.filter(|live| meant(live)) else { break };
            let waiting = Waiting::deletion(object.clone(), live.finalizers());
            if start.elapsed() > patience {
                return Ok(Err(NotReady { after: start.elapsed(), waiting }));
            }
            reporter.report(waiting);
            server.pace.pause(PERIOD).await?;
        }
    }
    Ok(Ok(()))
}
