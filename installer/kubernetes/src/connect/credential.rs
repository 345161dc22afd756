//! What a client shows to the API server to be let in, and where that comes from.

use std::{error::Error as StdError, path::PathBuf, sync::Arc};

use futures::future::BoxFuture;
use k8s_openapi::jiff::Timestamp;
use secrecy::SecretString;

use super::plugin::PluginError;

/// A credential that may expire. Its secrets cannot be printed.
#[derive(Debug, Clone, Default)]
pub struct Token {
    /// The bearer token.
    pub bearer: Option<SecretString>,
    /// The client certificate, in place of a bearer token or beside it.
    pub certificate: Option<ClientCertificate>,
    /// The end of its life, where it has one.
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
    /// The credential; a new one where `fresh`, because the API server did not accept the last one.
    fn token(&self, fresh: bool) -> BoxFuture<'_, Result<Token, CredentialError>>;
}

/// Why there is no credential that can be used.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CredentialError {
    /// The plugin gave none.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// The client certificate of the kubeconfig is no longer valid.
    #[error("your client certificate expired on {}", .on.strftime("%Y-%m-%d"))]
    CertificateExpired {
        /// The end of its life.
        on: Timestamp,
    },
    /// The client certificate has X.509 version 1, as `openssl x509 -req` without extensions makes it.
    #[error("your client certificate has X.509 version 1, and only version 3 is accepted")]
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
    /// An `auth-provider` that kubectl does not have any more either.
    #[error("the kubeconfig logs in with auth-provider {0}, which Kubernetes 1.26 removed")]
    Provider(String),
    /// A source of tokens other than the kubeconfig failed.
    #[error("cannot log in to the cluster")]
    Source {
        /// The reason.
        source: Arc<dyn StdError + Send + Sync>,
    },
}

impl CredentialError {
    /// The remedies.
    pub(crate) fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Plugin(error) => return error.hints(),
            Self::CertificateExpired { on: _ } => {
                "get a new kubeconfig from the cluster's maker (kubeadm: `kubeadm certs renew all`)".to_owned()
            }
            Self::CertificateVersion => {
                "have the certificate signed again with an extension (openssl: `-extfile` with basicConstraints)"
                    .to_owned()
            }
            Self::Provider(_) => {
                "have the cluster's maker write the kubeconfig again: it uses a plugin (exec) then".to_owned()
            }
            Self::Unusable { .. } | Self::Tls { .. } | Self::File { .. } => {
                "correct the user's entry in the kubeconfig, or have the cluster's maker write it again".to_owned()
            }
            Self::Source { .. } => "log in to the cluster again, then run the same command".to_owned(),
        };
        vec![hint]
    }
}
