//! Where credentials come from, and why there are none.

use std::{error::Error, fmt, time::Duration};

use aws_config::profile::ProfileFileLoadError;
use jiff::Timestamp;
use serde::Serialize;

use crate::config_file::{Means, SsoLogin};

/// The origin of credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum CredentialSource {
    /// Keys in environment variables.
    Environment {
        /// The AWS profile that a variable names, which is not used.
        instead_of: Option<String>,
    },
    /// A profile in the configuration files of AWS.
    AwsProfile { name: String, means: Option<Means> },
    /// A token in the file that `AWS_WEB_IDENTITY_TOKEN_FILE` names.
    WebIdentity,
    /// The endpoint of a container, as in ECS or through EKS Pod Identity.
    Container,
    /// The instance metadata service of EC2.
    InstanceMetadata,
}

impl fmt::Display for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment { instead_of: None } => f.write_str("environment variables"),
            Self::Environment { instead_of: Some(profile) } => {
                write!(f, "environment variables, which take precedence over AWS profile {profile}")
            }
            Self::AwsProfile { name, means: None } => write!(f, "AWS profile {name}"),
            Self::AwsProfile { name, means: Some(means) } => write!(f, "AWS profile {name} ({means})"),
            Self::WebIdentity => f.write_str("the web identity token of AWS_WEB_IDENTITY_TOKEN_FILE"),
            Self::Container => f.write_str("the credentials endpoint of this container"),
            Self::InstanceMetadata => f.write_str("the instance metadata service of EC2"),
        }
    }
}

impl fmt::Display for Means {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys => f.write_str("keys in its file"),
            Self::Sso(SsoLogin::Session(name)) => write!(f, "SSO session {name}"),
            Self::Sso(SsoLogin::StartUrl(url)) => write!(f, "SSO at {url}"),
            Self::Process => f.write_str("credential_process"),
            Self::WebIdentity => f.write_str("web identity token"),
            Self::Login => f.write_str("aws login"),
            Self::Role { with } => write!(f, "role, assumed with {with}"),
        }
    }
}

/// A failed search for credentials.
#[derive(Debug, thiserror::Error)]
pub enum AwsCredentialsError {
    /// No source has any.
    #[error("no AWS credentials were found")]
    Absent {
        /// The selected profile, if the configuration files have it.
        profile: Option<String>,
    },
    /// A variable names a profile that does not exist.
    #[error("there is no AWS profile {name:?}, which $AWS_PROFILE names")]
    NoSuchProfile {
        name: String,
        /// The existing ones.
        known: Vec<String>,
    },
    /// The configuration files cannot be parsed or read.
    #[error("cannot read the configuration files of AWS")]
    Files(#[from] ProfileFileLoadError),
    /// The profile of a role needs a code of a second factor.
    #[error(
        "AWS profile {profile} needs a code of a second factor (mfa_serial), which devplat cannot ask for"
    )]
    SecondFactor { profile: String },
    /// The profile wants `aws login`.
    #[error("AWS profile {profile} uses `aws login`, which devplat does not support")]
    Login { profile: String },
    /// There is no login with IAM Identity Center.
    #[error("AWS profile {profile} has no SSO login on this machine")]
    NoSsoLogin { profile: String },
    /// The login with IAM Identity Center has ended.
    #[error("the SSO login of AWS profile {profile} has expired{}", since(*at))]
    SsoExpired {
        profile: String,
        /// The end; `None` if IAM Identity Center rejects the login, although its date is in the future.
        at: Option<Timestamp>,
    },
    /// A token or a session that is exchanged for credentials has ended.
    #[error("the token that is exchanged for credentials has expired: {from}")]
    ExpiredToken {
        /// The source.
        from: CredentialSource,
    },
    /// A source is set up, and fails.
    #[error("cannot get credentials from {from}")]
    Failed {
        /// The source.
        from: CredentialSource,
        /// The reason.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A source gives no answer.
    #[error("{from} gave no credentials within {} s", waited.as_secs())]
    Silent {
        /// The source.
        from: CredentialSource,
        /// The limit.
        waited: Duration,
    },
}

fn since(at: Option<Timestamp>) -> String {
    at.map(|at| format!(" at {at:.0}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_named() {
        let role = Means::Role { with: "corp".to_owned() };
        let sources = [
            CredentialSource::Environment { instead_of: None },
            CredentialSource::Environment { instead_of: Some("corp".to_owned()) },
            CredentialSource::AwsProfile { name: "dev".to_owned(), means: None },
            CredentialSource::AwsProfile { name: "dev".to_owned(), means: Some(role) },
            CredentialSource::WebIdentity,
            CredentialSource::Container,
            CredentialSource::InstanceMetadata,
        ];
        let shown: Vec<String> = sources.iter().map(ToString::to_string).collect();
        insta::assert_snapshot!(shown.join("\n"));
    }
}
