//! The reasons why a cluster cannot be used, with the remedies.

use std::error::Error as StdError;

use super::{IMAGE_ARCHITECTURE, NEWEST, OLDEST};
use crate::{
    call::{
        ASK_FOR_RIGHTS, CHECK_CLUSTER, CHECK_PROXY, Class, ConnectionError, ErrorAnswer, GET_KUBECONFIG,
        LOG_IN, is_silent,
    },
    connect::{CredentialError, EntryError},
    pace::Stopped,
};

/// The reason why a cluster cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ContextError {
    /// The context names no cluster of the kubeconfig.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The credentials cannot be used.
    #[error("cannot log in to the cluster of context {name:?}")]
    Credentials {
        /// The context.
        name: String,
        /// The reason.
        source: CredentialError,
    },
    /// One end does not trust the other's certificate.
    #[error("cluster of context {name:?} and its kubeconfig do not trust each other's certificates")]
    Untrusted {
        /// The context.
        name: String,
        /// The connection.
        source: ConnectionError,
    },
    /// The entry cannot be used: an address that does not parse.
    #[error("context {name:?} cannot be used")]
    Unusable {
        /// The context.
        name: String,
        /// The reason.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The API server does not answer.
    #[error("cluster of context {name:?} at {server} does not answer")]
    Unreachable {
        /// The context.
        name: String,
        /// The address of the API server.
        server: String,
        /// The reason.
        source: Box<dyn StdError + Send + Sync>,
    },
    /// The API server does not accept the credentials.
    #[error("cluster of context {name:?} does not accept its credentials")]
    Unauthorized {
        /// The context.
        name: String,
        /// The API server's answer.
        source: ErrorAnswer,
    },
    /// The user does not have the rights to install.
    #[error("the user of context {name:?} may not {}", .missing.join(", nor "))]
    Forbidden {
        /// The context.
        name: String,
        /// The missing rights.
        missing: Vec<String>,
    },
    /// The version is too old, or newer than any tested one.
    #[error(
        "cluster of context {name:?} runs Kubernetes {found}; devplat works with 1.{OLDEST} to 1.{NEWEST}"
    )]
    Version {
        /// The context.
        name: String,
        /// The version.
        found: String,
    },
    /// No node can run the images.
    #[error(
        "no node of the cluster of context {name:?} runs images of {IMAGE_ARCHITECTURE}: they have {}",
        .found.join(", ")
    )]
    Architecture {
        /// The context.
        name: String,
        /// The architectures of its nodes.
        found: Vec<String>,
    },
    /// The user asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl ContextError {
    /// Whether a new login may help.
    pub fn is_login(&self) -> bool {
        matches!(self, Self::Credentials { .. } | Self::Unauthorized { .. })
    }

    /// Whether the API server, or the plugin with its credentials, gave no answer in time.
    pub fn is_silent(&self) -> bool {
        match self {
            Self::Credentials { source, .. } => source.is_silent(),
            Self::Unreachable { source, .. } => match source.downcast_ref::<Class>() {
                Some(class) => class.is_silent(),
                None => source.downcast_ref::<ConnectionError>().is_some_and(is_silent),
            },
            Self::Entry(_)
            | Self::Untrusted { .. }
            | Self::Unusable { .. }
            | Self::Unauthorized { .. }
            | Self::Forbidden { .. }
            | Self::Version { .. }
            | Self::Architecture { .. }
            | Self::Stopped(_) => false,
        }
    }

    /// The remedies.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Entry(EntryError::Absent { known, .. }) if known.is_empty() => {
                "the kubeconfig has no contexts; name another file in KUBECONFIG".to_owned()
            }
            Self::Entry(EntryError::Absent { known, name }) => match nearest(name, known) {
                Some(near) => format!("did you mean {near}? there are: {}", known.join(", ")),
                None => format!("there are: {}", known.join(", ")),
            },
            Self::Credentials { name: _, source } => return source.hints(),
            Self::Entry(EntryError::NoCluster { name, .. }) | Self::Unusable { name, .. } => format!(
                "correct the cluster of context {name:?} in the kubeconfig, or write it again with the tool that created \
                 the cluster"
            ),
            Self::Untrusted { .. } => GET_KUBECONFIG.to_owned(),
            Self::Unreachable { source, .. } if through_a_proxy(source.as_ref()) => CHECK_PROXY.to_owned(),
            Self::Unreachable { .. } => CHECK_CLUSTER.to_owned(),
            Self::Unauthorized { .. } => LOG_IN.to_owned(),
            Self::Forbidden { .. } => ASK_FOR_RIGHTS.to_owned(),
            Self::Version { .. } => "upgrade the cluster, or name another with --context".to_owned(),
            Self::Architecture { .. } => {
                format!("add a node of {IMAGE_ARCHITECTURE}, or name another cluster with --context")
            }
            Self::Stopped(_) => return Vec::new(),
        };
        vec![hint]
    }
}

fn through_a_proxy(source: &(dyn StdError + Send + Sync + 'static)) -> bool {
    match source.downcast_ref::<Class>() {
        Some(Class::Unreachable(connection)) => connection.proxy.is_some(),
        Some(_) | None => false,
    }
}

/// Returns the known name that is nearest to a mistyped one.
fn nearest<'a>(name: &str, known: &'a [String]) -> Option<&'a str> {
    let alike = |known: &'a String| (strsim::jaro_winkler(name, known), known.as_str());
    let best = known.iter().map(alike).max_by(|one, other| one.0.total_cmp(&other.0))?;
    (best.0 > 0.8).then_some(best.1)
}
