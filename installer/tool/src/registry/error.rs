//! Errors of a registry, classified by status codes, by the registry's own codes and by the types of errors behind a
//! failed connection.

use std::{error::Error as _, io, time::Duration};

use oci_client::errors::{OciDistributionError, OciErrorCode};
use serde_json::Value;

use super::credentials::CredentialsError;

/// The number of characters of a registry's explanation that are shown.
const DETAIL_LIMIT: usize = 300;

/// The reason why an image could not be found in a registry or pushed to it.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The reference is not the reference of an image in a registry.
    #[error("{reference:?} is not an image reference: {why}")]
    Reference {
        reference: String,
        /// Its mistake.
        why: &'static str,
    },
    /// The registry requires credentials, or rejects the given ones.
    #[error("registry {registry} answered 401: {}", if *with_credentials { "it rejects the credentials that `docker login` stored" } else { "it requires credentials, and `docker login` stored none for it" })]
    Unauthorized {
        registry: String,
        /// Whether credentials were sent.
        with_credentials: bool,
    },
    /// The account does not have the right to push.
    #[error("registry {registry} answered 403: this account may not push to {repository}")]
    Denied { registry: String, repository: String },
    /// The registry does not have the repository and does not create it on a push.
    #[error("registry {registry} answered 404: it has no repository {repository}")]
    NotFound { registry: String, repository: String },
    /// The registry is not reachable.
    #[error("cannot reach registry {registry}{}", proxy.as_ref().map(|proxy| format!(" (proxies: {proxy})")).unwrap_or_default())]
    Unreachable {
        registry: String,
        /// The proxies in the environment, with their variables.
        proxy: Option<String>,
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The name of the registry has no address here.
    #[error("cannot find the address of registry {registry}")]
    Unresolved {
        registry: String,
        /// The resolver's error.
        source: io::Error,
    },
    /// The registry, or another program at its address, gives no answer.
    #[error("registry {registry} gave no answer within {} s", .after.as_secs())]
    Silent {
        registry: String,
        /// The limit.
        after: Duration,
    },
    /// This machine does not trust the registry's certificate.
    #[error("registry {registry} has a certificate that is not trusted here: {why}")]
    Untrusted {
        registry: String,
        /// The reason.
        why: rustls::Error,
    },
    /// The registry answers HTTPS with plain HTTP.
    #[error("registry {registry} speaks plain HTTP, not HTTPS")]
    SpeaksPlainHttp { registry: String },
    /// The registry's storage is full.
    #[error("registry {registry} answered 507: it has no space left")]
    NoSpace { registry: String },
    /// The registry failed, which a full disk of its own also causes.
    #[error("registry {registry} answered {status}{}", detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default())]
    Failing {
        registry: String,
        /// The HTTP status, 500 or above.
        status: u16,
        /// The registry's explanation.
        detail: Option<String>,
    },
    /// The credentials that Docker's configuration names cannot be read.
    #[error("cannot get the credentials for registry {registry}")]
    Credentials {
        registry: String,
        /// The reason.
        source: Box<CredentialsError>,
    },
    /// A blob cannot be read from the image store.
    #[error("cannot read image {image} in the image store")]
    Store {
        image: String,
        /// The reason.
        source: io::Error,
    },
    /// The registry's answer was unexpected.
    #[error("unexpected answer of registry {registry}")]
    Other {
        registry: String,
        /// Its answer.
        source: Box<OciDistributionError>,
    },
}

impl RegistryError {
    /// The remedy, where one is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Reference { .. } => "write host and path, such as registry.example/team/devplat".to_owned(),
            Self::Unauthorized { registry, .. } => {
                format!("log in with `docker login {registry}`, then run the same command")
            }
            Self::Denied { registry, .. } => {
                format!("log in with an account that may push: `docker login {registry}`")
            }
            Self::NotFound { repository, .. } => format!("create repository {repository} there first"),
            Self::Unreachable { registry, .. } => {
                format!("run `curl -v https://{registry}/v2/` to see the reason")
            }
            Self::Unresolved { .. } => {
                "check the spelling of its name, and the network and DNS of this machine".to_owned()
            }
            Self::Silent { registry, .. } => format!(
                "check that a registry, and no other program, listens there: `curl -v https://{registry}/v2/` should answer \
                 within a second"
            ),
            Self::Untrusted { .. } => {
                "add its certificate authority to this machine's (on Debian: /usr/local/share/ca-certificates, \
                then `sudo update-ca-certificates`)"
                    .to_owned()
            }
            Self::SpeaksPlainHttp { .. } => {
                "if plain HTTP is intended, set images.plainHttp to true and configure the nodes' container runtime for it".to_owned()
            }
            Self::NoSpace { .. } => "delete images there, or extend its storage".to_owned(),
            Self::Credentials { source, .. } => return source.hint(),
            Self::Store { .. } => {
                "delete the image store, then run the same command, which assembles the images again".to_owned()
            }
            Self::Failing { .. } | Self::Other { .. } => {
                "read the registry's own log for the reason, such as a full disk, then run the same command"
                    .to_owned()
            }
        })
    }
}

/// The facts of a failed call.
pub(super) struct FailedCall<'a> {
    pub(super) registry: &'a str,
    pub(super) repository: &'a str,
    pub(super) with_credentials: bool,
    pub(super) proxy: Option<String>,
}

impl FailedCall<'_> {
    pub(super) fn explain(&self, error: OciDistributionError) -> RegistryError {
        let registry = self.registry.to_owned();
        let with_status = |status: u16, body: &str| {
            let (registry, repository) = (registry.clone(), self.repository.to_owned());
            match status {
                401 => {
                    Some(RegistryError::Unauthorized { registry, with_credentials: self.with_credentials })
                }
                403 => Some(RegistryError::Denied { registry, repository }),
                404 => Some(RegistryError::NotFound { registry, repository }),
                507 => Some(RegistryError::NoSpace { registry }),
                500.. => Some(RegistryError::Failing { registry, status, detail: detail(body) }),
                _ => None,
            }
        };
        let known = match &error {
            OciDistributionError::UnauthorizedError { .. }
            | OciDistributionError::AuthenticationFailure(_) => with_status(401, ""),
            OciDistributionError::ServerError { code, message, .. } => with_status(*code, message),
            OciDistributionError::RegistryError { envelope, .. } => {
                let status = envelope.errors.iter().find_map(|error| status_of(&error.code));
                status.and_then(|status| with_status(status, ""))
            }
            OciDistributionError::RequestError(failed) => {
                failed.status().and_then(|status| with_status(status.as_u16(), ""))
            }
            _ => None,
        };
        if let Some(known) = known {
            return known;
        }
        match tls_error(&error) {
            Some(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => {
                return RegistryError::SpeaksPlainHttp { registry };
            }
            Some(why @ (rustls::Error::InvalidCertificate(_) | rustls::Error::NoCertificatesPresented)) => {
                return RegistryError::Untrusted { registry, why };
            }
            Some(_) | None => {}
        }
        match error {
            OciDistributionError::RequestError(failed) if failed.is_connect() || failed.is_timeout() => {
                // Skip this error: its text repeats those of its causes, with a URL in between.
                RegistryError::Unreachable {
                    registry,
                    proxy: self.proxy.clone(),
                    source: Box::new(failed.without_url()),
                }
            }
            error => RegistryError::Other { registry, source: Box::new(error) },
        }
    }
}

/// Returns the explanations in the body of an answer: texts of the OCI distribution specification, or the body itself.
fn detail(body: &str) -> Option<String> {
    let told = |error: &Value| match &error["detail"] {
        Value::Null => error["message"].as_str().map(str::to_owned),
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    };
    let parsed = serde_json::from_str::<Value>(body).unwrap_or_default();
    let text = match parsed["errors"].as_array() {
        Some(errors) => errors.iter().filter_map(told).collect::<Vec<_>>().join("; "),
        None => body.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    let shown: String = text.chars().filter(|letter| !letter.is_control()).take(DETAIL_LIMIT).collect();
    (!shown.is_empty()).then_some(shown)
}

/// Returns the HTTP status for a code of the OCI distribution specification.
fn status_of(code: &OciErrorCode) -> Option<u16> {
    match code {
        OciErrorCode::Unauthorized => Some(401),
        OciErrorCode::Denied => Some(403),
        OciErrorCode::NameUnknown
        | OciErrorCode::ManifestUnknown
        | OciErrorCode::BlobUnknown
        | OciErrorCode::ManifestBlobUnknown
        | OciErrorCode::NotFound => Some(404),
        _ => None,
    }
}

/// Returns the TLS error behind a failed connection.
fn tls_error(error: &OciDistributionError) -> Option<rustls::Error> {
    let OciDistributionError::RequestError(failed) = error else { return None };
    let mut cause = failed.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(error.clone());
        }
        cause = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            // `source` of an `io::Error` skips the error that it holds, so look into it.
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
