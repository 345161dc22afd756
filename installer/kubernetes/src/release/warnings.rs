//! Kubernetes' warnings about a pod that starts without a failure in its status, such as a volume that cannot be mounted.

use std::time::Duration;

use k8s_openapi::{
    api::core::v1::{Event, Pod},
    jiff::Timestamp,
};
use kube::{Api, ResourceExt, api::ListParams};
use tokio::time::Instant;

use crate::{
    Error, ObjectRef,
    call::{ApiServer, Call, CallVerb},
};

/// How long a pod may start before its events are read: mounts are often tried a second time.
const SILENT: Duration = Duration::from_secs(5);
/// The period between two reads.
const PERIOD: Duration = Duration::from_secs(2);
/// Events that are read.
const READ: u32 = 50;
/// Characters of a message that are shown.
const SHOWN: usize = 300;

/// The warnings that one wait has read.
#[derive(Default)]
pub(super) struct Warnings {
    /// The begin of the wait.
    since: Option<Instant>,
    /// The last read, and its result.
    last: Option<(Instant, Option<String>)>,
}

impl Warnings {
    /// Returns the newest warning about `pod`; `None` if there is none, the wait has just begun, or events cannot be read.
    pub(super) async fn about(&mut self, server: ApiServer<'_>, pod: &Pod) -> Result<Option<String>, Error> {
        if self.since.get_or_insert_with(Instant::now).elapsed() < SILENT {
            return Ok(None);
        }
        if let Some((read, found)) = &self.last
            && read.elapsed() < PERIOD
        {
            return Ok(found.clone());
        }
        let found = newest(events(server, pod).await?);
        self.last = Some((Instant::now(), found.clone()));
        Ok(found)
    }
}

async fn events(server: ApiServer<'_>, pod: &Pod) -> Result<Vec<Event>, Error> {
    let (namespace, uid) = (pod.namespace().unwrap_or_default(), pod.uid().unwrap_or_default());
    let about = ListParams::default().fields(&format!("involvedObject.uid={uid},type=Warning")).limit(READ);
    let api: Api<Event> = Api::namespaced(server.client.clone(), &namespace);
    let call = Call::new(CallVerb::List, &ObjectRef::all("v1", "Event", Some(&namespace)));
    match server.call(&call, || async { api.list(&about).await }).await {
        Ok(events) => Ok(events.items),
        // They only explain the wait.
        Err(Error::Call(error)) => {
            tracing::debug!(%error, "events were not read");
            Ok(Vec::new())
        }
        Err(error) => Err(error),
    }
}

/// Returns the reason and the message of the newest event.
fn newest(events: Vec<Event>) -> Option<String> {
    let Event { reason, message, .. } = events.into_iter().max_by_key(time)?;
    let message = message.unwrap_or_default();
    let line: String = message.lines().next().unwrap_or_default().chars().take(SHOWN).collect();
    Some(match reason {
        Some(reason) => format!("{reason}: {line}"),
        None => line,
    })
}

fn time(event: &Event) -> Option<Timestamp> {
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    last.or_else(|| event.event_time.as_ref().map(|time| time.0))
        .or_else(|| event.creation_timestamp().map(|time| time.0))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{call::tests::client, pace::Steady};

    fn event(second: u8, message: &str) -> Value {
        json!({
            "metadata": {"name": message}, "involvedObject": {}, "reason": "FailedMount", "message": message,
            "lastTimestamp": format!("2001-02-03T12:00:{second:02}Z")
        })
    }

    fn pod() -> Pod {
        serde_json::from_value(json!({"metadata": {"name": "a", "namespace": "n", "uid": "u"}})).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn newest_warning_is_reported_once_the_pod_has_started_for_5_s() {
        let client = client(|request| {
            let query = request.uri().query().unwrap_or_default();
            assert!(query.contains("involvedObject.uid%3Du%2Ctype%3DWarning"), "{query}");
            let items = [event(3, "secret \"keys\" not found\nmore"), event(1, "older")];
            (200, json!({"apiVersion": "v1", "kind": "EventList", "metadata": {}, "items": items}))
        });
        let server = ApiServer { client: &client, pace: &Steady };
        let mut warnings = Warnings::default();
        assert_eq!(warnings.about(server, &pod()).await.unwrap(), None);
        tokio::time::advance(SILENT).await;
        let told = warnings.about(server, &pod()).await.unwrap();
        assert_eq!(told.as_deref(), Some("FailedMount: secret \"keys\" not found"));
    }

    #[tokio::test(start_paused = true)]
    async fn forbidden_events_do_not_fail_the_wait() {
        let client =
            client(|_| (403, json!({"kind": "Status", "code": 403, "reason": "Forbidden", "message": "no"})));
        let server = ApiServer { client: &client, pace: &Steady };
        let mut warnings = Warnings::default();
        assert_eq!(warnings.about(server, &pod()).await.unwrap(), None);
        tokio::time::advance(SILENT).await;
        assert_eq!(warnings.about(server, &pod()).await.unwrap(), None);
    }

    #[test]
    fn long_message_is_cut() {
        let event: Event = serde_json::from_value(event(1, &"x".repeat(1000))).unwrap();
        assert_eq!(newest(vec![event]).unwrap().len(), "FailedMount: ".len() + SHOWN);
    }
}
