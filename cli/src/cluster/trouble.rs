//! Why the API server did not do what it was asked for, in words for its user.

use std::{error::Error as StdError, path::PathBuf};

use devplat_connect::{
    ConnectError, ConnectionCause, ConnectionError, CredentialError, EntryError, NoAnswer,
    kubeconfig::KubeconfigError,
};
use kube::{core::Status, runtime::watcher};
use thiserror::Error;

use super::unreachable::Unreachable;
use crate::{
    failure::{Exit, Failure},
    object::nearest,
};

/// Why it did not.
#[derive(Debug, Error)]
pub(crate) enum Trouble {
    /// KUBECONFIG is set, and all its entries are empty.
    #[error("KUBECONFIG names no file")]
    NoFile,
    /// KUBECONFIG is not set, and there is no home folder.
    #[error("no cluster to talk to: KUBECONFIG is not set, and there is no home folder")]
    NoHome,
    /// No context is set, and no file has a current one.
    #[error("no cluster to talk to: no current context in {}", shown(.files))]
    NoContext {
        /// The files of the kubeconfig, whether they exist or not.
        files: Vec<PathBuf>,
    },
    /// A file of the kubeconfig cannot be read.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// The context leads to no cluster.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The cluster's entry in the kubeconfig cannot be used.
    #[error("the kubeconfig cannot be used")]
    Unusable(#[source] Box<ConnectError>),
    /// There is no usable credential.
    #[error("cannot log in to the API server at {server}")]
    Credentials {
        /// Its URL.
        server: String,
        /// Why.
        source: CredentialError,
    },
    /// What the bastion says of the cluster cannot be used.
    #[error("the bastion does not say how to reach the cluster")]
    Bastion(#[source] ConnectError),
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
    #[error(transparent)]
    Unreachable(Unreachable),
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
            kube::Error::Service(source) => Self::of_service(source, server),
            kube::Error::HyperError(source) => Self::of_service(source.into(), server),
            other => Self::Other { server, source: other.into() },
        }
    }

    /// Why there is no client for the kubeconfig's cluster at `server`.
    pub(super) fn of_connect(error: ConnectError, server: &str) -> Self {
        match error {
            ConnectError::Credentials(source) => Self::Credentials { server: server.to_owned(), source },
            error @ (ConnectError::NoServer | ConnectError::Address { .. } | ConnectError::Other(_)) => {
                Self::Unusable(Box::new(error))
            }
        }
    }

    fn of_service(source: Box<dyn StdError + Send + Sync>, server: String) -> Self {
        match NoAnswer::of(source) {
            NoAnswer::Credentials(source) => Self::Credentials { server, source },
            NoAnswer::Connection(ConnectionError {
                server: _,
                proxy: _,
                cause: ConnectionCause::Slow(after),
            }) => Self::Slow { server, seconds: after.as_secs() },
            NoAnswer::Connection(connection) => Self::Unreachable(Unreachable { server, connection }),
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
            Self::Unreachable(_) | Self::Slow { .. } | Self::Other { .. } => true,
            Self::NoFile
            | Self::NoHome
            | Self::NoContext { .. }
            | Self::Kubeconfig(_)
            | Self::Entry(_)
            | Self::Unusable(_)
            | Self::Credentials { .. }
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
            Trouble::NoHome | Trouble::NoContext { .. } => {
                of(Exit::Usage).hint("set KUBECONFIG, name a --context, or log in to the bastion with ssh")
            }
            Trouble::Kubeconfig(error) => of(Exit::Usage).hint(error.hint()),
            Trouble::Entry(error) => of(Exit::Usage).hint(context_hint(error)),
            Trouble::Unusable(_) => {
                of(Exit::Usage).hint("correct the cluster in the kubeconfig, or name another --context")
            }
            Trouble::Credentials { server: _, source } => {
                source.hints().into_iter().fold(of(Exit::Absent), Failure::hint)
            }
            Trouble::Bastion(_) | Trouble::Other { .. } => of(Exit::Internal),
            Trouble::Unauthorized { .. } => of(Exit::Absent)
                .hint("a token lives for minutes only: log in again, or fetch a new kubeconfig"),
            Trouble::Forbidden { .. } => of(Exit::Absent)
                .run("info", "to see your namespace")
                .run("test-k8s", "to see what you may do"),
            Trouble::Absent { .. } => of(Exit::Absent),
            Trouble::NotInstalled { .. } => of(Exit::Absent).hint("name another --context"),
            Trouble::Taken { .. } | Trouble::Invalid { .. } => of(Exit::Usage),
            Trouble::Unreachable(unreachable) if unreachable.connection.proxy.is_some() => {
                of(Exit::Absent).hint("check the proxy, or exclude the API server with NO_PROXY")
            }
            Trouble::Unreachable(_) | Trouble::Slow { .. } => {
                of(Exit::Absent).hint("dev servers run on without it; sessions with them go on")
            }
        }
    }
}

fn context_hint(error: &EntryError) -> String {
    match error {
        EntryError::Absent { name: _, known } if known.is_empty() => {
            "the kubeconfig has no contexts: name another file in KUBECONFIG".to_owned()
        }
        EntryError::Absent { name, known } => {
            let all = known.join(", ");
            match nearest(name, known.iter().map(String::as_str)) {
                Some(near) => format!("did you mean {near}? there are: {all}"),
                None => format!("there are: {all}"),
            }
        }
        EntryError::NoCluster { .. } => "correct the kubeconfig, or name another --context".to_owned(),
    }
}

fn shown(files: &[PathBuf]) -> String {
    files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use devplat_connect::PluginError;
    use kube::core::response::StatusDetails;

    use super::*;
    use crate::failure::Hint;

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
    fn failed_plugin_is_reported_and_is_not_a_bug() {
        let plugin = PluginError::Failed {
            program: "plug".to_owned(),
            status: "exit status 1".to_owned(),
            stderr: String::new(),
        };
        let at_once = Trouble::of_connect(ConnectError::Credentials(plugin.clone().into()), "https://a");
        let later = Trouble::of(kube::Error::Service(Box::new(CredentialError::from(plugin))), "https://a");
        for trouble in [at_once, later] {
            let failure = Failure::from(trouble);
            assert_eq!(
                (&*failure.message, failure.exit),
                ("cannot log in to the API server at https://a", Exit::Absent)
            );
            assert_eq!(failure.causes, ["credential plugin plug failed: exit status 1"]);
            assert_eq!(failure.hints.len(), 1);
        }
    }

    #[test]
    fn dead_proxy_is_named_with_its_variable() {
        let connection = ConnectionError {
            server: Some("https://a".to_owned()),
            proxy: Some("http://proxy:3128, from HTTPS_PROXY".to_owned()),
            cause: ConnectionCause::Broken("connection refused".into()),
        };
        let failure = Failure::from(Trouble::of(kube::Error::Service(Box::new(connection)), "https://a"));
        let message =
            "the API server at https://a cannot be reached through proxy http://proxy:3128, from HTTPS_PROXY";
        assert_eq!((&*failure.message, failure.exit), (message, Exit::Absent));
        assert_eq!(failure.causes, ["connection refused"]);
        assert_eq!(
            failure.hints,
            [Hint::Text("check the proxy, or exclude the API server with NO_PROXY".to_owned())]
        );
    }

    #[test]
    fn mistyped_context_is_reported_with_the_nearest() {
        let known = ["prod", "stage"].map(str::to_owned).to_vec();
        let failure = Failure::from(Trouble::from(EntryError::Absent { name: "prd".to_owned(), known }));
        assert_eq!(
            (&*failure.message, failure.exit),
            (r#"there is no context "prd" in the kubeconfig"#, Exit::Usage)
        );
        assert_eq!(failure.hints, [Hint::Text("did you mean prod? there are: prod, stage".to_owned())]);
    }

    #[test]
    fn only_what_may_pass_is_waited_out() {
        assert!(of(500, "InternalError", "").may_pass());
        assert!(!of(403, "Forbidden", "").may_pass());
    }
}
