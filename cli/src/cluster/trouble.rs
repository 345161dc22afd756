//! Why the API server did not do what it was asked for, in words for its user.

use std::error::Error as StdError;

use kube::{config::KubeconfigError, core::Status, runtime::watcher};
use thiserror::Error;

use crate::failure::{Exit, Failure};

/// Why it did not.
#[derive(Debug, Error)]
pub(crate) enum Trouble {
    /// KUBECONFIG is set, and all its entries are empty.
    #[error("KUBECONFIG names no file")]
    NoFile,
    /// There is no kubeconfig that leads to a cluster.
    #[error("no cluster to talk to")]
    Unconfigured(#[source] KubeconfigError),
    /// What the bastion says of the cluster cannot be used.
    #[error("the bastion does not say how to reach the cluster")]
    Bastion(#[source] KubeconfigError),
    /// The token or certificate is not good, or not any more.
    #[error("the API server at {server} does not let you in")]
    Unauthorized {
        /// Its URL.
        server: String,
    },
    /// The user may not do that.
    #[error("you may not do that: {message}")]
    Forbidden {
        /// In the API server's words.
        message: String,
    },
    /// There is nothing of that name.
    #[error("{message}")]
    Absent {
        /// In the API server's words.
        message: String,
    },
    /// There is nothing of that kind.
    #[error("the cluster at {server} has no dev servers: devplat is not installed in it")]
    NotInstalled {
        /// Its URL.
        server: String,
    },
    /// There is something of that name already.
    #[error("{message}")]
    Taken {
        /// In the API server's words.
        message: String,
    },
    /// What was asked for may not be.
    #[error("{message}")]
    Invalid {
        /// In the API server's words.
        message: String,
    },
    /// It cannot be reached.
    #[error("the API server at {server} cannot be reached")]
    Unreachable {
        /// Its URL.
        server: String,
        /// Why.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
    /// It took too long.
    #[error("the API server at {server} gave no answer within {seconds} s")]
    Slow {
        /// Its URL.
        server: String,
        /// How long was waited.
        seconds: u64,
    },
    /// It failed itself.
    #[error("the API server at {server} failed")]
    Other {
        /// Its URL.
        server: String,
        /// Why.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl Trouble {
    pub(super) fn of(error: kube::Error, server: &str) -> Self {
        let server = server.to_owned();
        match error {
            kube::Error::Api(status) => Self::of_status(*status, server),
            kube::Error::Service(source) => Self::Unreachable { server, source },
            kube::Error::HyperError(source) => Self::Unreachable { server, source: source.into() },
            other => Self::Other { server, source: other.into() },
        }
    }

    pub(super) fn of_watch(error: watcher::Error, server: &str) -> Self {
        match error {
            watcher::Error::InitialListFailed(error)
            | watcher::Error::WatchStartFailed(error)
            | watcher::Error::WatchFailed(error) => Self::of(error, server),
            watcher::Error::WatchError(status) => Self::of_status(*status, server.to_owned()),
            other @ watcher::Error::NoResourceVersion => {
                Self::Other { server: server.to_owned(), source: other.into() }
            }
        }
    }

    fn of_status(status: Status, server: String) -> Self {
        let named = status.details.as_ref().is_some_and(|details| !details.name.is_empty());
        let message = status.message.clone();
        match (status.code, &*status.reason) {
            (401, _) => Self::Unauthorized { server },
            (403, _) => Self::Forbidden { message },
            (404, _) if named => Self::Absent { message },
            (404, _) => Self::NotInstalled { server },
            (409, "AlreadyExists") => Self::Taken { message },
            (400 | 409 | 413 | 422, _) => Self::Invalid { message },
            _ => Self::Other { server, source: Box::new(status) },
        }
    }

    /// Whether asking again later may help.
    pub(crate) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Slow { .. } | Self::Other { .. } => true,
            Self::NoFile
            | Self::Unconfigured(_)
            | Self::Bastion(_)
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Absent { .. }
            | Self::NotInstalled { .. }
            | Self::Taken { .. }
            | Self::Invalid { .. } => false,
        }
    }
}

impl From<Trouble> for Failure {
    fn from(trouble: Trouble) -> Self {
        let of = |exit| Self::of(exit, &trouble);
        match &trouble {
            Trouble::NoFile => {
                of(Exit::Usage).hint("name a file in KUBECONFIG, or `unset KUBECONFIG` to use ~/.kube/config")
            }
            Trouble::Unconfigured(_) => of(Exit::Usage)
                .hint("set KUBECONFIG, name another --context, or log in to the bastion with ssh"),
            Trouble::Bastion(_) | Trouble::Other { .. } => of(Exit::Internal),
            Trouble::Unauthorized { .. } => of(Exit::Absent)
                .hint("a token lives for minutes only: log in again, or fetch a new kubeconfig"),
            Trouble::Forbidden { .. } => of(Exit::Absent)
                .run("info", "to see your namespace")
                .run("test-k8s", "to see what you may do"),
            Trouble::Absent { .. } => of(Exit::Absent),
            Trouble::NotInstalled { .. } => of(Exit::Absent).hint("name another --context"),
            Trouble::Taken { .. } | Trouble::Invalid { .. } => of(Exit::Usage),
            Trouble::Unreachable { .. } | Trouble::Slow { .. } => {
                of(Exit::Absent).hint("dev servers run on without it; sessions with them go on")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use kube::core::response::StatusDetails;

    use super::*;

    fn of(code: u16, reason: &str, name: &str) -> Trouble {
        let details: StatusDetails = serde_json::from_value(serde_json::json!({"name": name})).unwrap();
        let status = Status::failure("in its words", reason).with_code(code).with_details(details);
        Trouble::of(kube::Error::Api(status.boxed()), "https://10.0.0.1")
    }

    #[test]
    fn answers_are_told_apart() {
        assert!(matches!(of(401, "Unauthorized", ""), Trouble::Unauthorized { .. }));
        assert!(matches!(of(403, "Forbidden", ""), Trouble::Forbidden { .. }));
        assert!(matches!(of(404, "NotFound", "mydev"), Trouble::Absent { .. }));
        assert!(matches!(of(404, "NotFound", ""), Trouble::NotInstalled { .. }));
        assert!(matches!(of(409, "AlreadyExists", "mydev"), Trouble::Taken { .. }));
        assert!(matches!(of(422, "Invalid", "mydev"), Trouble::Invalid { .. }));
        assert!(matches!(of(500, "InternalError", ""), Trouble::Other { .. }));
    }

    #[test]
    fn words_of_the_api_server_are_kept_once() {
        let failure = Failure::from(of(422, "Invalid", "mydev"));
        assert_eq!((&*failure.message, failure.exit), ("in its words", Exit::Usage));
        assert_eq!(failure.causes, [""; 0]);
        let failure = Failure::from(of(500, "InternalError", ""));
        assert_eq!(failure.causes, ["in its words: InternalError"]);
    }

    #[test]
    fn list_without_a_file_is_reported_with_its_variable() {
        let failure = Failure::from(Trouble::NoFile);
        assert_eq!((&*failure.message, failure.exit), ("KUBECONFIG names no file", Exit::Usage));
        assert_eq!(failure.hints.len(), 1);
        assert!(!Trouble::NoFile.may_pass());
    }

    #[test]
    fn only_what_may_pass_is_waited_out() {
        assert!(of(500, "InternalError", "").may_pass());
        assert!(!of(403, "Forbidden", "").may_pass());
    }
}
