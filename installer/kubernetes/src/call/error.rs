//! The error of a call to the API server, classified by HTTP code, `Status.reason` and the types in the source
//! chain, never by message text.

use std::{error::Error as StdError, io, sync::Arc};

use devplat_connect::{ConnectionCause, ConnectionError, CredentialError, NoAnswer};

use super::{ErrorAnswer, ObjectDamage};
use crate::{ObjectRef, admission::AdmissionRefusal, pace::Stopped};

/// The error of a function that only makes calls.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The user asked to stop.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A call that failed permanently.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what}")]
pub struct CallError {
    /// The call, such as `apply Deployment a/b`.
    pub what: String,
    /// The object of the call, if it has one.
    pub object: Option<ObjectRef>,
    /// The kind of failure, with its cause.
    #[source]
    pub class: Box<Class>,
}

impl CallError {
    /// Whether a new login may help.
    pub fn is_login(&self) -> bool {
        matches!(*self.class, Class::Unauthorized(_) | Class::Credentials(_))
    }

    /// Whether one end does not trust the other's certificate.
    pub fn is_untrusted(&self) -> bool {
        matches!(*self.class, Class::Untrusted(_))
    }

    /// Whether the API server, or the program with its credentials, gave no answer in time.
    pub fn is_silent(&self) -> bool {
        self.class.is_silent()
    }

    /// Whether the call got no answer, late or not: there was no connection or no credential.
    pub fn is_without_answer(&self) -> bool {
        matches!(*self.class, Class::Unreachable(_) | Class::Credentials(_))
    }

    /// Whether the API server does not serve the kind.
    pub fn is_kind_absent(&self) -> bool {
        matches!(*self.class, Class::KindNotServed(_))
    }
}

/// The kinds of failures, each with its cause.
#[derive(Debug, thiserror::Error)]
pub enum Class {
    /// No answer: connection refused, name not found, timeout.
    #[error(transparent)]
    Unreachable(ConnectionError),
    /// One end does not trust the other's certificate.
    #[error(transparent)]
    Untrusted(ConnectionError),
    /// 401: the API server does not accept the credentials.
    #[error(transparent)]
    Unauthorized(ErrorAnswer),
    /// 403: the user does not have the right.
    #[error(transparent)]
    Forbidden(ErrorAnswer),
    /// 404 with reason `NotFound`: there is no such object.
    #[error(transparent)]
    NotFound(ErrorAnswer),
    /// 404 without that reason: the API server does not serve the kind. If the kind is devplat's, no platform is
    /// installed.
    #[error(transparent)]
    KindNotServed(ErrorAnswer),
    /// 409: the name is taken, or another version of the object exists.
    #[error(transparent)]
    Conflict(ErrorAnswer),
    /// 400 or 422: the API server rejects the content.
    #[error(transparent)]
    Invalid(ErrorAnswer),
    /// Admission: a policy, a quota, or a webhook whose service does not answer.
    #[error(transparent)]
    Admission(Box<AdmissionRefusal>),
    /// 429 for as long as the call was retried.
    #[error(transparent)]
    TooManyRequests(ErrorAnswer),
    /// 5xx for as long as the call was retried.
    #[error(transparent)]
    ServerError(ErrorAnswer),
    /// The credentials of the kubeconfig cannot be used.
    #[error(transparent)]
    Credentials(CredentialError),
    /// The object was read, and its content is damaged.
    #[error(transparent)]
    Damaged(ObjectDamage),
    /// Anything else.
    #[error(transparent)]
    Other(Box<dyn StdError + Send + Sync>),
}

impl Class {
    /// Whether no answer came in time.
    pub(crate) fn is_silent(&self) -> bool {
        match self {
            Self::Unreachable(connection) => is_silent(connection),
            Self::Credentials(error) => error.is_silent(),
            Self::Untrusted(_)
            | Self::Unauthorized(_)
            | Self::Forbidden(_)
            | Self::NotFound(_)
            | Self::KindNotServed(_)
            | Self::Conflict(_)
            | Self::Invalid(_)
            | Self::Admission(_)
            | Self::TooManyRequests(_)
            | Self::ServerError(_)
            | Self::Damaged(_)
            | Self::Other(_) => false,
        }
    }
}

pub(crate) fn is_silent(connection: &ConnectionError) -> bool {
    match connection.cause {
        ConnectionCause::Slow(_) => true,
        ConnectionCause::Broken(_) => false,
    }
}

/// Converts an error of kube's into a [`CallError`], for calls through `kube::Api`.
pub fn call_error(what: impl Into<String>, object: Option<ObjectRef>, error: kube::Error) -> CallError {
    CallError { what: what.into(), object, class: Box::new(classify(error)) }
}

/// Returns the class of a failure.
pub(crate) fn classify(error: kube::Error) -> Class {
    match error {
        kube::Error::Api(status) => classify_answer((*status).into()),
        kube::Error::Service(source) => classify_transport(source),
        kube::Error::HyperError(source) => classify_transport(Box::new(source)),
        kube::Error::ReadEvents(source) => classify_transport(Box::new(source)),
        kube::Error::RustlsTls(source) => {
            Class::Credentials(CredentialError::Tls { source: Arc::new(source) })
        }
        kube::Error::SerdeError(source) => Class::Other(Box::new(source)),
        kube::Error::FromUtf8(source) => Class::Other(Box::new(source)),
        kube::Error::HttpError(source) => Class::Other(Box::new(source)),
        kube::Error::BuildRequest(source) => Class::Other(Box::new(source)),
        kube::Error::UpgradeConnection(source) => Class::Other(Box::new(source)),
        kube::Error::Auth(source) => Class::Other(plain(&source)),
        other => Class::Other(plain(&other)),
    }
}

/// Returns the first line of an error, cut before the debug text of Rust that it may contain.
fn plain(error: &dyn StdError) -> Box<dyn StdError + Send + Sync> {
    let text = error.to_string();
    let end = text.find(['{', '(']).unwrap_or(text.len());
    text[..end].trim().trim_end_matches(':').to_owned().into()
}

fn classify_answer(answer: ErrorAnswer) -> Class {
    match answer.code {
        400 | 422 => Class::Invalid(answer),
        401 => Class::Unauthorized(answer),
        403 => Class::Forbidden(answer),
        404 if answer.reason == "NotFound" => Class::NotFound(answer),
        404 => Class::KindNotServed(answer),
        409 => Class::Conflict(answer),
        429 => Class::TooManyRequests(answer),
        500..=599 => Class::ServerError(answer),
        _ => Class::Other(Box::new(answer)),
    }
}

fn classify_transport(source: Box<dyn StdError + Send + Sync>) -> Class {
    match NoAnswer::of(source) {
        NoAnswer::Credentials(error) => Class::Credentials(error),
        NoAnswer::Connection(connection) if untrusted(&connection) => Class::Untrusted(connection),
        NoAnswer::Connection(connection) => Class::Unreachable(connection),
    }
}

/// Returns whether one end does not trust the other's certificate. An `io::Error` leaves the error that it holds out of
/// its source chain, so this looks into it.
pub(crate) fn untrusted(error: &(dyn StdError + 'static)) -> bool {
    let mut next = Some(error);
    // The limit ends the loop if a source chain leads back to itself.
    for _ in 0..32 {
        let Some(error) = next else { return false };
        if let Some(rustls) = error.downcast_ref::<rustls::Error>() {
            return matches!(
                rustls,
                rustls::Error::InvalidCertificate(_)
                    | rustls::Error::AlertReceived(_)
                    | rustls::Error::NoCertificatesPresented
                    | rustls::Error::UnsupportedNameType
            );
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(held) => Some(held),
            None => error.source(),
        };
    }
    false
}

/// Returns whether the object or its kind is absent.
pub(crate) fn absent(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// Converts the error of an absent object into `None`.
pub(crate) fn if_there<T>(result: Result<T, kube::Error>) -> Result<Option<T>, kube::Error> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}
