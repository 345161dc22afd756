//! Waiting until it is with a dev server as it should be, and saying meanwhile what is waited for.

use std::{pin::pin, time::Duration};

use clap::Args;
use devplat_api::name::ServerName;
use futures::StreamExt;
use k8s_openapi::jiff::{SignedDuration, Timestamp};

use super::Session;
use crate::{
    failure::{Exit, Failure},
    object::{Event, Seen, Server, State, of_server},
};

/// How long to wait.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Patience {
    /// Wait until that is done
    #[arg(long, short)]
    pub(super) wait: bool,
    /// How long to wait at most, such as 20s or 5m; a number without a unit is seconds
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration)]
    timeout: Duration,
}

/// The rule for a length of time.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a length of time; write 20s, 5m, 1h30m or a number of seconds")]
struct InvalidDuration(String);

fn duration(text: &str) -> Result<Duration, InvalidDuration> {
    let invalid = || InvalidDuration(text.to_owned());
    if let Ok(seconds) = text.parse() {
        return Ok(Duration::from_secs(seconds));
    }
    let parsed: SignedDuration = text.parse().map_err(|_| invalid())?;
    Duration::try_from(parsed).map_err(|_| invalid())
}

/// What is waited for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Goal {
    /// That it can be used.
    Ready,
    /// That it can be used, in a pod that started after this one's.
    ReadyAgain(Box<Server>),
    /// That it is gone.
    Gone,
}

/// How far it is.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Reached,
    Waits(String),
    Hopeless(String),
}

impl Goal {
    fn wants_a_pod(&self) -> bool {
        match self {
            Self::Ready | Self::ReadyAgain(_) => true,
            Self::Gone => false,
        }
    }

    fn judge(&self, server: Option<&Server>) -> Verdict {
        match (self, server) {
            (Self::Gone, None) => Verdict::Reached,
            (Self::Gone, Some(server)) => {
                Verdict::Waits(server.trouble().unwrap_or_else(|| "the operator takes it down".to_owned()))
            }
            (Self::Ready | Self::ReadyAgain(_), None) => Verdict::Hopeless("it was deleted".to_owned()),
            (Self::Ready, Some(server)) => ready(server),
            (Self::ReadyAgain(before), Some(server)) => {
                let same = server.started == before.started && server.pods == before.pods;
                if server.state() == State::Ready && same {
                    Verdict::Waits("Restarting: the pod gives way to a new one".to_owned())
                } else {
                    ready(server)
                }
            }
        }
    }
}

fn ready(server: &Server) -> Verdict {
    let trouble = server.trouble().unwrap_or_default();
    match (server.seen, server.state()) {
        // What is said of an older spec says nothing of this one.
        (Seen::BeforeAChange, _) => Verdict::Waits("the operator has not looked at it yet".to_owned()),
        (Seen::Never, _) | (Seen::AsItIs, State::Coming) => Verdict::Waits(trouble),
        (Seen::AsItIs, State::Ready) => Verdict::Reached,
        (Seen::AsItIs, State::Failed | State::Going) => Verdict::Hopeless(trouble),
    }
}

/// Waits for `goal`, if that is wanted.
pub(super) async fn until(
    session: &Session,
    name: &ServerName,
    goal: &Goal,
    patience: Patience,
) -> Result<(), Failure> {
    let mut waited_for = String::from("the API server");
    let (bound, begun) = (patience.timeout, Timestamp::now());
    let waiting = wait(session, name, goal, &mut waited_for);
    match tokio::time::timeout(bound, waiting).await {
        Ok(outcome) => outcome,
        Err(_) => {
            let what = match goal {
                Goal::Ready | Goal::ReadyAgain(_) => "not ready",
                Goal::Gone => "not gone",
            };
            let message = format!("{} is {what} after {} s", name.as_str(), bound.as_secs());
            let mut failure = Failure::new(Exit::NotReady, message);
            failure.causes.push(waited_for);
            if goal.wants_a_pod() {
                failure.causes.extend(warned(session, name, begun).await);
            }
            Err(failure.run(format!("describe {}", name.as_str()), "for details; the operator continues"))
        }
    }
}

/// How long the events may take, once the wait is over.
const EVENTS: Duration = Duration::from_secs(3);
/// How much earlier than here the API server's clock may be.
const SKEW: Duration = Duration::from_secs(5);

/// Returns the newest warning about the dev server since `begun`: the operator reports the reason only some seconds later.
async fn warned(session: &Session, name: &ServerName, begun: Timestamp) -> Option<String> {
    let events = async { session.cluster().await.ok()?.events().await.ok() };
    let events = tokio::time::timeout(EVENTS, events).await.ok()??;
    newest_warning(&of_server(name, &events), begun.checked_sub(SKEW).unwrap_or(begun))
}

/// Returns the newest warning since `begun` of events in their order.
fn newest_warning(events: &[Event], begun: Timestamp) -> Option<String> {
    let counts = |event: &&Event| event.warning && event.at.is_some_and(|at| at >= begun);
    let newest = events.iter().rev().find(counts)?;
    Some(format!("{}: {}", newest.reason, newest.message))
}

async fn wait(
    session: &Session,
    name: &ServerName,
    goal: &Goal,
    waited_for: &mut String,
) -> Result<(), Failure> {
    let cluster = session.cluster().await?;
    let mut progress = session.terminal.progress(name.as_str());
    let mut changes = pin!(cluster.watch(name));
    while let Some(change) = changes.next().await {
        let server = match change {
            Ok(object) => object.as_ref().map(Server::of),
            Err(trouble) if trouble.may_pass() => {
                progress.waits(&trouble.to_string());
                // The watch begins anew at once, and the API server may need a moment.
                tokio::time::sleep(Duration::from_secs(1)).await;
                continue;
            }
            Err(trouble) => return Err(trouble.into()),
        };
        match goal.judge(server.as_ref()) {
            Verdict::Reached => return Ok(()),
            Verdict::Waits(what) => {
                progress.waits(&what);
                *waited_for = what;
            }
            Verdict::Hopeless(why) => {
                let mut failure = Failure::new(Exit::NotReady, format!("{} does not come up", name.as_str()));
                failure.causes.push(why);
                return Err(failure.run(format!("describe {}", name.as_str()), "for details"));
            }
        }
    }
    Err(Failure::new(Exit::Internal, "the watch of a dev server ended by itself"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::object::tests::server::{object, ready, waiting};

    fn server(status: Value) -> Server {
        Server::of(&object("mydev", json!({}), status))
    }

    #[test]
    fn ready_is_reached_when_the_operator_says_so_of_the_spec_as_it_is() {
        assert_eq!(Goal::Ready.judge(Some(&server(ready()))), Verdict::Reached);
        let mut old = ready();
        old["observedGeneration"] = json!(0);
        assert!(matches!(Goal::Ready.judge(Some(&server(old))), Verdict::Waits(_)));
        assert!(matches!(Goal::Ready.judge(Some(&server(Value::Null))), Verdict::Waits(_)));
    }

    #[test]
    fn what_may_yet_come_is_waited_for_by_its_reason() {
        let pulling = server(waiting("Pending", "ImagePull", "no such image"));
        assert_eq!(Goal::Ready.judge(Some(&pulling)), Verdict::Waits("ImagePull: no such image".into()));
    }

    #[test]
    fn what_will_not_come_is_not_waited_for() {
        let failed = server(waiting("Failed", "FlavorNotFound", "no flavor \"x\""));
        let why = "FlavorNotFound: no flavor \"x\"";
        assert_eq!(Goal::Ready.judge(Some(&failed)), Verdict::Hopeless(why.into()));
        assert!(matches!(Goal::Ready.judge(None), Verdict::Hopeless(_)));
    }

    #[test]
    fn restart_is_over_when_another_pod_is_ready() {
        let before = server(ready());
        let goal = Goal::ReadyAgain(Box::new(before.clone()));
        assert!(matches!(goal.judge(Some(&before)), Verdict::Waits(_)));
        let mut after = ready();
        after["podNames"] = json!(["mydev-6d4cf56db6-zzzzz"]);
        assert_eq!(goal.judge(Some(&server(after))), Verdict::Reached);
    }

    #[test]
    fn time_is_given_with_a_unit_or_in_seconds() {
        for (text, seconds) in [("20s", 20), ("5m", 300), ("1h30m", 5400), ("50", 50), ("0", 0)] {
            assert_eq!(duration(text).unwrap(), Duration::from_secs(seconds), "{text}");
        }
        for text in ["", "soon", "-5s", "5 apples", "1.5"] {
            let error = duration(text).unwrap_err().to_string();
            assert!(error.ends_with("write 20s, 5m, 1h30m or a number of seconds"), "{text}: {error}");
        }
    }

    #[test]
    fn newest_warning_of_this_wait_is_quoted() {
        let event = |second: i8, warning, reason: &str| Event {
            at: format!("2026-11-24T10:00:{second:02}Z").parse().ok(),
            warning,
            reason: reason.to_owned(),
            message: "0/1 nodes are available".to_owned(),
            ..Event::default()
        };
        let events = [event(1, true, "Old"), event(7, true, "FailedScheduling"), event(8, false, "Created")];
        let since = |second: i8| newest_warning(&events, event(second, true, "").at.unwrap());
        assert_eq!(since(5).as_deref(), Some("FailedScheduling: 0/1 nodes are available"));
        assert_eq!(since(8), None);
    }

    #[test]
    fn gone_is_reached_when_there_is_nothing() {
        assert_eq!(Goal::Gone.judge(None), Verdict::Reached);
        assert!(matches!(Goal::Gone.judge(Some(&server(ready()))), Verdict::Waits(_)));
    }
}
