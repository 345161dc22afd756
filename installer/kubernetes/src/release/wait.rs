//! Waits until a release is ready. A wait ends early if a failure is permanent.

use std::{collections::BTreeMap, time::Duration};

use kube::{Client, api::DynamicObject};
use tokio::time::Instant;

use super::{
    Release, ReleaseError,
    readiness::{self, Unready},
};
use crate::{
    Error, ObjectRef, Pace, Waiting,
    admission::{AdmissionRefusal, PodTrial, RefusalKind, try_pods},
    call::ApiServer,
    pace::Reporter,
};

/// The period between two looks.
const PERIOD: Duration = Duration::from_millis(250);
/// How long pods may be rejected before the wait ends: a quota has room again when other pods end.
const REFUSED: Duration = Duration::from_secs(5);
/// The same if a trial does not confirm the rejection: the `ReplicaSet` controller retries with growing pauses.
const UNCONFIRMED: Duration = Duration::from_secs(20);

/// An object that was not ready in time.
#[derive(Debug, thiserror::Error)]
#[error("gave up after {} s {waiting}", .after.as_secs())]
pub struct NotReady {
    /// The limit.
    pub after: Duration,
    /// The object, and the last reason.
    pub waiting: Waiting,
}

/// Waits until every object of `release` is ready.
pub async fn wait_ready(
    client: &Client,
    release: &Release,
    patience: Duration,
    pace: &dyn Pace,
) -> Result<(), ReleaseError> {
    let server = ApiServer { client, pace };
    let start = Instant::now();
    let mut reporter = Reporter::new(pace);
    for object in &release.objects {
        let reference = ObjectRef::of(object);
        let mut rejection = Rejection::default();
        loop {
            let live = server.read(&reference).await?;
            let unready = match &live {
                Some(live) => readiness::of(server, &reference, live).await?,
                None => Some(Unready { waiting: Waiting::absent(reference.clone()), rejected: None }),
            };
            let Some(Unready { waiting, rejected }) = unready else { break };
            reporter.report(waiting.clone());
            match (rejected, &live) {
                (Some(message), Some(live)) => {
                    Box::pin(rejection.judge(server, &reference, live, message)).await?;
                }
                (Some(_) | None, _) => rejection = Rejection::default(),
            }
            if start.elapsed() > patience {
                return Err(NotReady { after: start.elapsed(), waiting }.into());
            }
            pace.pause(PERIOD).await?;
        }
    }
    Ok(())
}

/// Rejected pods, and the time of the first rejection.
#[derive(Default)]
struct Rejection {
    since: Option<Instant>,
    tried: bool,
    refusal: Option<AdmissionRefusal>,
}

impl Rejection {
    /// Fails if the rejection is permanent. Pod Security and absent webhooks do not change by themselves.
    async fn judge(
        &mut self,
        server: ApiServer<'_>,
        object: &ObjectRef,
        live: &DynamicObject,
        message: String,
    ) -> Result<(), ReleaseError> {
        let since = *self.since.get_or_insert_with(Instant::now);
        if !self.tried {
            self.refusal = confirm(server, live).await?;
            self.tried = true;
        }
        let patience = match self.refusal.as_ref().map(|refusal| &refusal.kind) {
            Some(RefusalKind::PodSecurity) => Duration::ZERO,
            Some(
                RefusalKind::ResourceQuota { .. }
                | RefusalKind::LimitRange { .. }
                | RefusalKind::Webhook(_)
                | RefusalKind::WebhookDenied
                | RefusalKind::Other,
            ) => REFUSED,
            None => UNCONFIRMED,
        };
        if since.elapsed() < patience {
            return Ok(());
        }
        let refusal = self.refusal.take();
        let message = refusal.as_ref().map_or(message, ToString::to_string);
        Err(ReleaseError::Refused { object: object.clone(), message, refusal: refusal.map(Box::new) })
    }
}

/// Tries a pod of the Deployment now, because its condition may be outdated.
async fn confirm(server: ApiServer<'_>, live: &DynamicObject) -> Result<Option<AdmissionRefusal>, Error> {
    let Some(trial) = PodTrial::of(live, BTreeMap::new()) else { return Ok(None) };
    match try_pods(server.client, &[trial], server.pace).await {
        Ok(refusals) => Ok(refusals.into_iter().next()),
        // Without a trial, use the condition's message.
        Err(Error::Call(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
