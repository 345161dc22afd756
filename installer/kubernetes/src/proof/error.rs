//! The reasons why a proof fails, with the remedies.

use std::time::Duration;

use devplat_api::condition::Reason;
use devplat_keys::HostRefusal;

use crate::{
    CallError, CommandLines, Error, ObjectRef, Waiting,
    bastion::{RouteError, ssh::SshError},
    call,
    pace::Stopped,
    release::NotReady,
};

/// The reason why a proof failed.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// An object of that name exists and is not devplat's.
    #[error("{0} is not devplat's")]
    Foreign(ObjectRef),
    /// An object was not ready in time.
    #[error("it was not ready after {} s: {last}", .after.as_secs())]
    NotReady {
        /// The limit.
        after: Duration,
        /// The object, and the last reason.
        last: Waiting,
    },
    /// The operator reports a permanent reason.
    #[error("{object} cannot become ready ({reason}): {message}")]
    Hopeless {
        object: ObjectRef,
        /// The reason of its condition `Ready`.
        reason: Reason,
        /// The message of that condition.
        message: String,
    },
    /// The operator has not created the host authority.
    #[error(
        "the platform's host authority does not exist: ConfigMap {}/{}",
        devplat_api::name::BASTION_NAMESPACE,
        devplat_api::name::AUTHORITIES_CONFIG_MAP
    )]
    NoAuthority,
    /// The operating system returned no random numbers.
    #[error("cannot generate a key: {0}")]
    Random(getrandom::Error),
    /// A command over SSH failed or had the wrong output.
    #[error("`{command}` as {user} failed: {why}")]
    Command {
        command: String,
        user: String,
        /// Its output or exit status.
        why: String,
    },
    /// A command over SSH did not run to its end.
    #[error("cannot run a command over SSH as {user}")]
    Ssh {
        user: String,
        /// The reason.
        source: SshError,
    },
    /// A deleted object was not gone in time.
    #[error(transparent)]
    NotGone(NotReady),
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The user asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl From<Error> for ProofError {
    fn from(error: Error) -> Self {
        match error {
            Error::Call(error) => Self::Call(error),
            Error::Stopped(stopped) => Self::Stopped(stopped),
        }
    }
}

impl ProofError {
    /// The remedies.
    pub fn hints(&self, lines: &CommandLines) -> Vec<String> {
        match self {
            Self::Call(error) | Self::Ssh { user: _, source: SshError::Route(RouteError::Call(error)) } => {
                call::hints(error, Some(lines))
            }
            Self::Hopeless { object, reason: Reason::Forbidden, message: _ } => {
                let namespace = object.namespace.as_deref().unwrap_or_default();
                vec![
                    format!(
                        "if it is Pod Security: label the namespaces of dev servers, such as `{} label namespace \
                         {namespace} pod-security.kubernetes.io/enforce=baseline` (or privileged)",
                        lines.kubectl
                    ),
                    "if it is a quota or a policy: make room for dev servers there".to_owned(),
                ]
            }
            // The address of a load balancer is known only after its creation.
            Self::Ssh { user: _, source: SshError::Host(HostRefusal::Name { wanted, given: _ }) } => {
                vec![format!(
                    "put {wanted} into bastion.hostNames of the profile, then run the same command again"
                )]
            }
            Self::NotGone(error) => error.hints(lines),
            Self::Foreign(_) => vec!["rename or delete this object, or use another cluster".to_owned()],
            Self::NotReady { .. }
            | Self::Hopeless { .. }
            | Self::NoAuthority
            | Self::Random(_)
            | Self::Command { .. }
            | Self::Ssh { .. }
            | Self::Stopped(_) => Vec::new(),
        }
    }
}
