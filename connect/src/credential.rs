//! The credentials that a client presents to the API server, and their sources.

use std::{error::Error as StdError, path::PathBuf, sync::Arc};

use futures::future::BoxFuture;
use k8s_openapi::jiff::Timestamp;
use secrecy::SecretString;

use super::PluginError;

/// A credential that may expire. Its secrets cannot be printed.
#[derive(Debug, Clone, Default)]
pub struct Token {
    /// The bearer token.
    pub bearer: Option<SecretString>,
    /// The client certificate, with or without a bearer token.
    pub certificate: Option<ClientCertificate>,
    /// The time of expiry, if it expires.
    pub expires: Option<Timestamp>,
}

/// A client certificate with its key.
#[derive(Debug, Clone)]
pub struct ClientCertificate {
    /// The certificate and its chain, PEM.
    pub certificate: String,
    /// The private key, PEM.
    pub key: SecretString,
}

/// A source of credentials: a plugin, a file, or a cloud's own login.
pub trait TokenSource: Send + Sync {
    /// Returns the credential; a new one if `fresh`, because the API server rejected the last one.
    fn token(&self, fresh: bool) -> BoxFuture<'_, Result<Token, CredentialError>>;
}

/// The reason why there is no usable credential.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CredentialError {
    /// The plugin returned no credential.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The client certificate of the kubeconfig has expired.
    #[error("your client certificate expired on {}", .on.strftime("%Y-%m-%d"))]
    CertificateExpired {
        /// The time of expiry.
        on: Timestamp,
    },
    /// The client certificate has X.509 version 1, as `openssl x509 -req` without extensions makes it.
    #[error("your client certificate has X.509 version 1; only version 3 is accepted")]
    CertificateVersion,
    /// A certificate or key does not parse.
    #[error("your {part} cannot be used: {why}")]
    Unusable {
        /// Such as `client certificate`.
        part: &'static str,
        /// The reason.
        why: String,
    },
    /// A file that the kubeconfig names cannot be read.
    #[error("cannot read {part} {}", .path.display())]
    File {
        /// Such as `client certificate`.
        part: &'static str,
        /// The file.
        path: PathBuf,
        /// The reason.
        source: Arc<std::io::Error>,
    },
    /// The TLS library rejects certificate and key.
    #[error("the certificates of the kubeconfig cannot be used")]
    Tls {
        /// The reason.
        source: Arc<dyn StdError + Send + Sync>,
    },
    /// An `auth-provider`, which Kubernetes 1.26 removed.
    #[error("the kubeconfig logs in with auth-provider {0}, which Kubernetes 1.26 removed")]
    AuthProvider(String),
    /// A source of tokens other than the kubeconfig failed.
    #[error("cannot log in to the cluster")]
    Source {
        /// The reason.
        source: Arc<dyn StdError + Send + Sync>,
    },
}

impl CredentialError {
    /// Whether a plugin gave no answer in time.
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::Plugin(PluginError::Slow { .. }))
    }

    /// The remedies.
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Plugin(error) => return error.hints(),
            Self::CertificateExpired { on: _ } => {
                "get a new kubeconfig from the tool that created the cluster (kubeadm: `kubeadm certs renew all`)".to_owned()
            }
            Self::CertificateVersion => {
                "have the certificate signed again with an extension (openssl: `-extfile` with basicConstraints)"
                    .to_owned()
            }
            Self::AuthProvider(_) => {
                "write the kubeconfig again with the tool that created the cluster; it then uses a plugin (exec)".to_owned()
            }
            Self::Unusable { .. } | Self::Tls { .. } | Self::File { .. } => {
                "correct the user's entry in the kubeconfig, or write it again with the tool that created the cluster".to_owned()
            }
            Self::Source { .. } => "log in to the cluster again, then run the same command".to_owned(),
        };
        vec![hint]
    }
}
