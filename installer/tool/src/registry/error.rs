//! Why a registry does not do what it is asked: by status codes, by the registry's own codes and by the types of errors
//! behind a failed connection.

use std::{error::Error as _, io};

use oci_client::errors::{OciDistributionError, OciErrorCode};

use super::credentials::CredentialsError;

/// Why an image is not in a registry, or could not be put there.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// The reference does not name an image of a registry.
    #[error("{reference:?} is not a reference of an image: {why}")]
    Reference {
        /// The reference.
        reference: String,
        /// Its mistake.
        why: &'static str,
    },
    /// The registry wants credentials, or other ones.
    #[error("registry {registry} answered 401: {}", if *with_credentials { "it does not take the credentials that `docker login` left" } else { "it wants credentials, and `docker login` left none for it" })]
    Unauthorized {
        /// The registry.
        registry: String,
        /// Whether it got some.
        with_credentials: bool,
    },
    /// The account may not do that.
    #[error("registry {registry} answered 403: this account may not push to {repository}")]
    Denied {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
    },
    /// The registry has no such repository, and makes none by itself.
    #[error("registry {registry} answered 404: it has no repository {repository}")]
    NotFound {
        /// The registry.
        registry: String,
        /// The repository.
        repository: String,
    },
    /// The registry cannot be connected to.
    #[error("cannot reach registry {registry}{}", proxy.as_ref().map(|proxy| format!(" (proxies: {proxy})")).unwrap_or_default())]
    Unreachable {
        /// The registry.
        registry: String,
        /// The proxies that are named, and by which variables.
        proxy: Option<String>,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The registry's certificate is not trusted here.
    #[error("registry {registry} has a certificate that is not trusted here: {why}")]
    Untrusted {
        /// The registry.
        registry: String,
        /// Why.
        why: rustls::Error,
    },
    /// The registry answers HTTPS with plain HTTP.
    #[error("registry {registry} speaks plain HTTP, not HTTPS")]
    SpeaksPlainHttp {
        /// The registry.
        registry: String,
    },
    /// The registry has no room.
    #[error("registry {registry} answered 507: it has no space left")]
    NoSpace {
        /// The registry.
        registry: String,
    },
    /// The credentials that Docker's configuration names cannot be had.
    #[error("cannot get the credentials for registry {registry}")]
    Credentials {
        /// The registry.
        registry: String,
        /// Why.
        source: Box<CredentialsError>,
    },
    /// A blob of the image cannot be read here.
    #[error("cannot read image {image} in the image store")]
    Store {
        /// The image.
        image: String,
        /// Why.
        source: io::Error,
    },
    /// The registry answered something else.
    #[error("registry {registry} does not do what it is asked")]
    Other {
        /// The registry.
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
                format!("`docker login {registry}`, then run the same command")
            }
            Self::Denied { registry, .. } => {
                format!("is this the right account? `docker login {registry}` takes another one")
            }
            Self::NotFound { repository, .. } => format!("create repository {repository} there first"),
            Self::Unreachable { registry, .. } => {
                format!("`curl -v https://{registry}/v2/` shows what is in the way")
            }
            Self::Untrusted { .. } => {
                "add its authority to this machine's (in Debian: /usr/local/share/ca-certificates, \
                 then `sudo update-ca-certificates`)"
                    .to_owned()
            }
            Self::SpeaksPlainHttp { .. } => {
                "if that is meant, set images.plainHttp to true; the nodes have to be told, too".to_owned()
            }
            Self::NoSpace { .. } => "delete images there, or give it more room".to_owned(),
            Self::Credentials { source, .. } => return source.hint(),
            Self::Store { .. } => {
                "delete the image store, then run the same command: images are put together again".to_owned()
            }
            Self::Other { .. } => {
                "the registry's own log may say why: a full disk, for example; then run the same command"
                    .to_owned()
            }
        })
    }
}

/// The facts of a call that failed.
pub(super) struct Called<'a> {
    pub(super) registry: &'a str,
    pub(super) repository: &'a str,
    pub(super) with_credentials: bool,
    pub(super) proxy: Option<String>,
}

impl Called<'_> {
    pub(super) fn explain(&self, error: OciDistributionError) -> RegistryError {
        let registry = self.registry.to_owned();
        let with_status = |status: u16| {
            let (registry, repository) = (registry.clone(), self.repository.to_owned());
            match status {
                401 => {
                    Some(RegistryError::Unauthorized { registry, with_credentials: self.with_credentials })
                }
                403 => Some(RegistryError::Denied { registry, repository }),
                404 => Some(RegistryError::NotFound { registry, repository }),
                507 => Some(RegistryError::NoSpace { registry }),
                _ => None,
            }
        };
        let known = match &error {
            OciDistributionError::UnauthorizedError { .. }
            | OciDistributionError::AuthenticationFailure(_) => with_status(401),
            OciDistributionError::ServerError { code, .. } => with_status(*code),
            OciDistributionError::RegistryError { envelope, .. } => {
                envelope.errors.iter().find_map(|error| status_of(&error.code)).and_then(with_status)
            }
            OciDistributionError::RequestError(failed) => {
                failed.status().map(|status| status.as_u16()).and_then(with_status)
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
                // Its own words repeat those of its causes, with a URL between.
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

/// The status that goes with a code of the OCI distribution specification.
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

/// The error of TLS behind a failed connection.
fn tls_error(error: &OciDistributionError) -> Option<rustls::Error> {
    let OciDistributionError::RequestError(failed) = error else { return None };
    let mut cause = failed.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<rustls::Error>() {
            return Some(error.clone());
        }
        cause = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            // The source of such an error is not the error in it, but the source of that.
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
