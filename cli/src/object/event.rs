//! What Kubernetes said about a dev server and what it is made of.

use devplat_api::name::ServerName;
use k8s_openapi::{api::core::v1, jiff::Timestamp};

/// Characters of the suffixes that Kubernetes makes up.
const SUFFIX: &str = "bcdfghjklmnpqrstvwxz2456789";
/// Most that are shown: the latest.
const SHOWN: usize = 12;

/// What is shown of an event.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Event {
    /// When it happened last.
    pub(crate) at: Option<Timestamp>,
    /// Whether it is a warning.
    pub(crate) warning: bool,
    /// In a word.
    pub(crate) reason: String,
    /// What it is about, such as `Pod mydev-…`.
    pub(crate) about: String,
    /// In Kubernetes' words.
    pub(crate) message: String,
    /// How often.
    pub(crate) count: i32,
}

/// Those of `events` that are about `server`, the latest last.
pub(crate) fn of_server(server: &ServerName, events: &[v1::Event]) -> Vec<Event> {
    let mut found: Vec<Event> = events.iter().filter(|event| is_about(server, event)).map(shown).collect();
    found.sort_by_key(|event| event.at);
    found.split_off(found.len().saturating_sub(SHOWN))
}

fn is_about(server: &ServerName, event: &v1::Event) -> bool {
    let object = &event.involved_object;
    let name = object.name.as_deref().unwrap_or_default();
    match object.kind.as_deref().unwrap_or_default() {
        "DevServer" | "Deployment" => name == server.as_str(),
        "PersistentVolumeClaim" => name == server.home(),
        "Service" => name == server.service(),
        "ReplicaSet" => made_up(server, name, 1),
        "Pod" => made_up(server, name, 2),
        _ => false,
    }
}

/// Whether `name` is the server's, followed by that many made-up parts: pods that are gone still have events.
fn made_up(server: &ServerName, name: &str, parts: usize) -> bool {
    let Some(rest) = name.strip_prefix(server.as_str()).and_then(|rest| rest.strip_prefix('-')) else {
        return false;
    };
    rest.split('-').count() == parts && rest.split('-').all(|part| part.chars().all(|c| SUFFIX.contains(c)))
}

fn shown(event: &v1::Event) -> Event {
    let object = &event.involved_object;
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let last = event.last_timestamp.as_ref().map(|time| time.0);
    let series = event.series.as_ref();
    let seen = series.and_then(|series| series.last_observed_time.as_ref()).map(|time| time.0);
    let first = event.event_time.as_ref().map(|time| time.0);
    Event {
        at: last.or(seen).or(first).or_else(|| super::created(&event.metadata)),
        warning: event.type_.as_deref() == Some("Warning"),
        reason: text(&event.reason),
        about: format!("{} {}", text(&object.kind), text(&object.name)),
        message: text(&event.message),
        count: event.count.or_else(|| series?.count).unwrap_or(1),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, name: &str, second: u32) -> v1::Event {
        serde_json::from_value(json!({
            "metadata": {"name": "e"},
            "involvedObject": {"kind": kind, "name": name},
            "type": "Warning", "reason": "Failed", "message": "no", "count": 3,
            "lastTimestamp": format!("2026-11-24T10:00:{second:02}Z"),
        }))
        .unwrap()
    }

    #[test]
    fn events_of_a_server_and_its_parts_are_found_and_those_of_others_are_not() {
        let server = ServerName::parse("my").unwrap();
        for (kind, name) in [
            ("DevServer", "my"),
            ("Deployment", "my"),
            ("PersistentVolumeClaim", "my-home"),
            ("Service", "my-ssh"),
            ("ReplicaSet", "my-6d4cf56db6"),
            ("Pod", "my-6d4cf56db6-x2x7k"),
        ] {
            assert!(is_about(&server, &event(kind, name, 0)), "{name}");
        }
        for (kind, name) in [
            ("DevServer", "my-dev"),
            ("PersistentVolumeClaim", "my"),
            ("ReplicaSet", "my-dev-6d4cf56db6"),
            ("Pod", "my-dev-6d4cf56db6-x2x7k"),
            ("Pod", "my"),
            ("Node", "my"),
        ] {
            assert!(!is_about(&server, &event(kind, name, 0)), "{name}");
        }
    }

    #[test]
    fn latest_event_is_last_and_older_ones_are_left_out() {
        let server = ServerName::parse("my").unwrap();
        let events: Vec<_> = (0..20).rev().map(|second| event("DevServer", "my", second)).collect();
        let found = of_server(&server, &events);
        assert_eq!(found.len(), SHOWN);
        assert_eq!(found.last().unwrap().at, "2026-11-24T10:00:19Z".parse().ok());
        assert_eq!((found[0].count, found[0].about.as_str()), (3, "DevServer my"));
    }
}
