//! The reasons why a client cannot be created.

use tower::BoxError;

use crate::CredentialError;

/// The reason why a client cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The credentials cannot be used.
    #[error(transparent)]
    Credentials(#[from] CredentialError),
    /// The cluster's entry has no address.
    #[error("the cluster's entry in the kubeconfig has no server")]
    NoServer,
    /// An address does not parse.
    #[error("{part} {text:?} of the kubeconfig or the environment is not an address: {source}")]
    Address {
        /// `server` or `proxy`.
        part: &'static str,
        text: String,
        /// The reason.
        source: http::uri::InvalidUri,
    },
    /// Anything else.
    #[error("the entry cannot be used")]
    Other(#[source] BoxError),
}
