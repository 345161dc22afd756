//! The causes of a wait for the end of a deletion: how long each may last, its text and its remedies. Pure.

use std::time::Duration;

use devplat_api::name;

use crate::{CommandLines, ObjectRef, Waiting};

/// The operator's Deployment.
pub(super) const OPERATOR: &str = "devserver-operator";
/// The number of objects that a reason names.
const SHOWN: usize = 3;

/// How long a wait goes on without the operator: its Deployment may be replaced, or its pod be moved.
const ABSENT: Duration = Duration::from_secs(5);
const NOT_READY: Duration = Duration::from_secs(30);
/// How long a wait goes on for a flavor that dev servers use: they may be about to be deleted.
const USED: Duration = Duration::from_secs(5);

/// The cause of a wait for the end of a deletion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// The operator, which removes the finalizer of this object.
    Operator {
        object: ObjectRef,
        /// The state of the operator.
        state: OperatorState,
    },
    /// Dev servers that use a flavor; the operator keeps it for them.
    DevServers {
        flavor: ObjectRef,
        /// The dev servers.
        servers: Vec<ObjectRef>,
    },
    /// A controller that devplat does not know, which removes the finalizer of this object.
    Controller(ObjectRef),
    /// An aggregated API that does not answer, so that the content of a namespace is unknown.
    AggregatedApi,
}

/// The state of the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OperatorState {
    /// Its Deployment does not exist.
    Absent,
    /// None of its replicas is available.
    NotReady(Waiting),
    /// A replica is available.
    Running,
}

impl Holder {
    /// Returns how long a wait with this cause may last; `None` if the cause may end by itself.
    pub(super) fn may_last(&self) -> Option<Duration> {
        match self {
            Self::Operator { object: _, state: OperatorState::Absent } => Some(ABSENT),
            Self::Operator { object: _, state: OperatorState::NotReady(_) } => Some(NOT_READY),
            Self::DevServers { .. } => Some(USED),
            Self::Operator { object: _, state: OperatorState::Running }
            | Self::Controller(_)
            | Self::AggregatedApi => None,
        }
    }

    /// Returns the remedies.
    pub(super) fn hints(&self, lines: &CommandLines) -> Vec<String> {
        let CommandLines { up, kubectl } = lines;
        match self {
            Self::Operator { object, state: OperatorState::Absent | OperatorState::NotReady(_) } => vec![
                format!(
                    "start the operator with `{up}`: it finishes the deletion, and homes stay unless their homeRetention \
                     is Delete"
                ),
                format!(
                    "or release it without the operator, which leaves its other objects in the cluster: `{}`",
                    release(object, kubectl)
                ),
            ],
            Self::Operator { object: _, state: OperatorState::Running } => vec![format!(
                "read why the operator keeps it: `{kubectl} logs --namespace {} deployment/{OPERATOR}`",
                name::OPERATOR_NAMESPACE
            )],
            Self::DevServers { flavor, servers: _ } => vec![
                "delete these dev servers, or have their users delete them".to_owned(),
                format!(
                    "or release the flavor: `{}`; the dev servers go on, and `{up}` creates the flavors of the profile \
                     again",
                    release(flavor, kubectl)
                ),
            ],
            Self::Controller(object) => vec![format!(
                "check the controller that removes this finalizer; if it no longer exists, release the object: `{}`",
                release(object, kubectl)
            )],
            Self::AggregatedApi => vec![format!(
                "repair or delete the APIService that does not answer: `{kubectl} get apiservices` lists it"
            )],
        }
    }

    /// Returns the part of the reason that follows the finalizers.
    pub(super) fn reason(&self) -> Option<String> {
        match self {
            Self::Operator { object: _, state: OperatorState::Absent } => {
                Some("the operator, which releases it, does not exist".to_owned())
            }
            Self::Operator { object: _, state: OperatorState::NotReady(waiting) } => {
                let Waiting { object: _, progress, reason } = waiting;
                let reason = reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
                Some(format!("the operator, which releases it, is not ready: {progress}{reason}"))
            }
            Self::DevServers { flavor: _, servers } => {
                let names: Vec<String> = servers.iter().map(ObjectRef::to_string).collect();
                Some(format!("used by {}", shortened(&names)))
            }
            Self::Operator { object: _, state: OperatorState::Running }
            | Self::Controller(_)
            | Self::AggregatedApi => None,
        }
    }
}

/// Returns the command line that removes all finalizers of `object`.
fn release(object: &ObjectRef, kubectl: &str) -> String {
    let ObjectRef { api_version: _, kind, namespace, name } = object;
    let place = namespace.as_ref().map(|namespace| format!("--namespace {namespace} ")).unwrap_or_default();
    let kind = kind.to_lowercase();
    format!(
        r#"{kubectl} patch {place}{kind} {name} --type merge --patch '{{"metadata":{{"finalizers":null}}}}'"#
    )
}

/// Joins the first names, and the number of the others.
pub(super) fn shortened(names: &[String]) -> String {
    let (shown, others) = names.split_at(names.len().min(SHOWN));
    let others = if others.is_empty() { String::new() } else { format!(" and {} more", others.len()) };
    format!("{}{others}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_line_is_for_the_platform_and_its_cluster() {
        let lines = CommandLines::example();
        let user = ObjectRef::new("apps.devservers.io/v1", "DevUser", None, "ann");
        let operator = |state| Holder::Operator { object: user.clone(), state };
        for holder in [
            operator(OperatorState::Absent),
            operator(OperatorState::NotReady(Waiting::absent(user.clone()))),
            operator(OperatorState::Running),
            Holder::DevServers { flavor: user.clone(), servers: Vec::new() },
            Holder::Controller(user.clone()),
            Holder::AggregatedApi,
        ] {
            let hints = holder.hints(&lines).join("\n");
            let printed: Vec<&str> = hints.split('`').skip(1).step_by(2).collect();
            assert!(!printed.is_empty(), "{hints}");
            for line in printed {
                assert!(line == lines.up || line.starts_with("kubectl --context prod "), "{line}");
            }
        }
    }
}
