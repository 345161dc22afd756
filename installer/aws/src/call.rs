//! Failed calls, sorted into classes by the types and codes of AWS.

use std::{error::Error, io, time::Duration};

use aws_config::timeout::TimeoutConfig;
use aws_sdk_sso::operation::get_role_credentials::GetRoleCredentialsError;
use aws_sdk_sts::operation::{
    assume_role::AssumeRoleError, assume_role_with_web_identity::AssumeRoleWithWebIdentityError,
};
use aws_smithy_runtime_api::{client::result::SdkError, http::Response};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

/// The limit for a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// The limit for one attempt of a call.
const ATTEMPT: Duration = Duration::from_secs(4);
/// The limit for a call with its second attempt.
pub(crate) const PATIENCE: Duration = Duration::from_secs(9);

/// The limits of every call.
pub(crate) fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(CONNECT)
        .operation_attempt_timeout(ATTEMPT)
        .operation_timeout(PATIENCE)
        .build()
}

/// A refusal by AWS, by its code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AwsRefusal {
    /// Temporary credentials, or a token that is exchanged for some, have ended.
    ExpiredToken,
    /// The key or the session token is unknown in this region.
    UnknownKey,
    /// STS is not active in this region for the account.
    RegionDisabled,
    /// The signature does not match.
    Signature,
    /// IAM Identity Center rejects the login.
    SsoUnauthorized,
    /// Another code, with its message.
    Other { code: String, message: String },
}

impl AwsRefusal {
    fn of(error: &impl ProvideErrorMetadata) -> Self {
        let code = error.code().unwrap_or("unknown");
        match code {
            "ExpiredToken" | "ExpiredTokenException" => Self::ExpiredToken,
            "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidAccessKeyId" => Self::UnknownKey,
            "RegionDisabledException" => Self::RegionDisabled,
            "SignatureDoesNotMatch"
            | "InvalidSignatureException"
            | "RequestExpired"
            | "IncompleteSignature" => Self::Signature,
            _ => Self::Other {
                code: code.to_owned(),
                message: error.message().unwrap_or("no message").to_owned(),
            },
        }
    }
}

/// A failed call.
#[derive(Debug)]
pub(crate) enum Failed {
    /// AWS answered, and refused.
    Refused(AwsRefusal),
    /// No answer came.
    Unreachable(Box<dyn Error + Send + Sync>),
    /// The certificate of the other end is not trusted.
    Certificate(Box<dyn Error + Send + Sync>),
    /// Something else, such as an answer that cannot be parsed.
    Other(Box<dyn Error + Send + Sync>),
}

impl Failed {
    /// Sorts an error of the SDK.
    pub(crate) fn of<E>(error: SdkError<E, Response>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        match error {
            SdkError::ServiceError(refused) => Self::Refused(AwsRefusal::of(refused.err())),
            SdkError::TimeoutError(_) => Self::Unreachable(Box::new(error)),
            SdkError::DispatchFailure(ref failure) => {
                let certificate = failure.as_connector_error().is_some_and(|error| is_certificate(error));
                // hyper has no kind of its own for a connection that ends before the answer.
                match (certificate, failure.is_user()) {
                    (true, _) => Self::Certificate(Box::new(error)),
                    (false, false) => Self::Unreachable(Box::new(error)),
                    (false, true) => Self::Other(Box::new(error)),
                }
            }
            // The connection ended in the middle of the answer.
            SdkError::ResponseError(_) | SdkError::ConstructionFailure(_) => Self::Other(Box::new(error)),
            error => Self::Other(Box::new(error)),
        }
    }
}

/// Returns the refusal in the chain of an error of aws-config, which keeps the error of the SDK as a source.
pub(crate) fn refusal(error: &(dyn Error + 'static)) -> Option<AwsRefusal> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = service_error::<AssumeRoleError>(error) {
            return Some(AwsRefusal::of(found));
        }
        if let Some(found) = service_error::<AssumeRoleWithWebIdentityError>(error) {
            return Some(AwsRefusal::of(found));
        }
        if let Some(found) = service_error::<GetRoleCredentialsError>(error) {
            return Some(match found {
                GetRoleCredentialsError::UnauthorizedException(_) => AwsRefusal::SsoUnauthorized,
                other => AwsRefusal::of(other),
            });
        }
        next = error.source();
    }
    None
}

fn service_error<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    error.downcast_ref::<SdkError<E, Response>>()?.as_service_error()
}

/// Returns whether rustls rejects a certificate. `io::Error` hides it from the chain of sources.
fn is_certificate(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return true;
        }
        let hidden = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = hidden.map(|hidden| hidden as &(dyn Error + 'static)).or_else(|| error.source());
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificate_is_found_within_an_input_output_error() {
        let rejected = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let outer = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, rejected));
        assert!(is_certificate(&outer));
        assert!(!is_certificate(&io::Error::from(io::ErrorKind::ConnectionRefused)));
    }
}
