//! Waits until objects are gone. A wait ends early if nothing is going to release them.

use std::time::Duration;

use kube::{
    ResourceExt,
    api::{DynamicObject, PartialObjectMeta},
};
use tokio::time::Instant;

use super::{
    NotReady,
    held::{Held, held},
    holder::Holder,
    is_ours,
    wait::PermanentSince,
};
use crate::{Error, ObjectRef, call::ApiServer, pace::Reporter};

/// The period between two checks.
const PERIOD: Duration = Duration::from_millis(200);
/// The time after which the reason of a wait is looked up, and the period between two lookups. Most waits are shorter.
const EXPLAINED_AFTER: Duration = Duration::from_secs(1);

/// The operator, which removes finalizers, while a wait goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatorPresence {
    /// It is expected to be running, so a wait that needs it ends early without it.
    Installed,
    /// Another step may still be starting it.
    MayStart,
}

/// Waits until all of `objects` that belong to `platform` are gone.
pub(super) async fn wait_gone(
    server: ApiServer<'_>,
    objects: &[ObjectRef],
    platform: &str,
    patience: Duration,
) -> Result<Result<(), NotReady>, Error> {
    wait_while(server, objects, |live| is_ours(live, platform), OperatorPresence::Installed, patience).await
}

/// Waits while one of `objects` exists and `meant` returns true for it.
pub(crate) async fn wait_while(
    server: ApiServer<'_>,
    objects: &[ObjectRef],
    meant: impl Fn(&PartialObjectMeta<DynamicObject>) -> bool,
    operator: OperatorPresence,
    patience: Duration,
) -> Result<Result<(), NotReady>, Error> {
    let start = Instant::now();
    let mut reporter = Reporter::new(server.pace);
    for object in objects {
        let mut standing = PermanentSince::default();
        let mut explained: Option<(Instant, Held)> = None;
        loop {
            let live = server.metadata(object).await?;
            let Some(live) = live.filter(|live| meant(live)) else { break };
            let outdated = explained.as_ref().is_none_or(|(at, _)| at.elapsed() >= EXPLAINED_AFTER);
            if outdated && start.elapsed() >= EXPLAINED_AFTER {
                let reason = Box::pin(held(server, object, live.finalizers())).await?;
                explained = Some((Instant::now(), reason));
            }
            let Held { waiting, holder } = match &explained {
                Some((_, held)) => held.clone(),
                None => Held::by(object, live.finalizers()),
            };
            let may_last = match operator {
                OperatorPresence::Installed => holder.as_ref().and_then(Holder::may_last),
                OperatorPresence::MayStart => None,
            };
            if standing.lasts(may_last) || start.elapsed() > patience {
                return Ok(Err(NotReady {
                    after: start.elapsed(),
                    waiting,
                    holder: holder.map(Box::new),
                    obstacles: Vec::new(),
                }));
            }
            reporter.report(waiting);
            server.pace.pause(PERIOD).await?;
        }
    }
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{CommandLines, call::tests::client, pace::Steady};

    /// Waits for a user that is being deleted, in a cluster with this Deployment of the operator; returns the time that
    /// the wait took and its error.
    async fn waited_for_user(operator: OperatorPresence, deployment: Option<Value>) -> (Duration, NotReady) {
        let client = client(move |request| {
            let path = request.uri().path();
            if path.ends_with("/devusers/ann") {
                let metadata = json!({"name": "ann", "finalizers": ["devserver.io/user"]});
                (200, json!({"apiVersion": "apps.devservers.io/v1", "kind": "DevUser", "metadata": metadata}))
            } else if path.ends_with("/pods") {
                (200, json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": []}))
            } else if let Some(deployment) = &deployment {
                (200, deployment.clone())
            } else {
                (404, json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found"}))
            }
        });
        let server = ApiServer { client: &client, pace: &Steady };
        let user = ObjectRef::new("apps.devservers.io/v1", "DevUser", None, "ann");
        let begun = Instant::now();
        let patience = Duration::from_mins(5);
        let outcome = wait_while(server, &[user], |_| true, operator, patience).await.unwrap();
        (begun.elapsed(), outcome.unwrap_err())
    }

    fn deployment(available: u32) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "devserver-operator", "namespace": "devserver-operator-system", "generation": 1},
            "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "a"}}, "template": {}},
            "status": {"observedGeneration": 1, "replicas": 2, "availableReplicas": available}
        })
    }

    #[tokio::test(start_paused = true)]
    async fn wait_ends_early_only_without_an_operator_that_should_be_running() {
        for (operator, deployment, from, to) in [
            (OperatorPresence::Installed, None, 5, 10),
            (OperatorPresence::Installed, Some(deployment(0)), 30, 40),
            (OperatorPresence::Installed, Some(deployment(1)), 300, 310),
            (OperatorPresence::MayStart, None, 300, 310),
        ] {
            let (waited, error) = waited_for_user(operator, deployment.clone()).await;
            assert!((from..to).contains(&waited.as_secs()), "{operator:?} {deployment:?}: {waited:?}");
            assert!(error.to_string().contains("being deleted: held by devserver.io/user"), "{error}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn error_without_an_operator_has_two_ways_out() {
        let (_, error) = waited_for_user(OperatorPresence::Installed, None).await;
        let text = error.to_string();
        let why = "waiting for DevUser ann: being deleted: held by devserver.io/user; the operator, which releases it, \
                   does not exist";
        assert!(text.ends_with(why), "{text}");
        let hints = error.hints(&CommandLines::example());
        assert!(hints[0].contains("`devplat up --name team-a`"), "{hints:?}");
        let patch = r#"patch devuser ann --type merge --patch '{"metadata":{"finalizers":null}}'"#;
        assert!(hints[1].contains(&format!("`kubectl --context prod {patch}`")), "{hints:?}");
    }
}
