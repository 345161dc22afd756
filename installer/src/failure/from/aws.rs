//! Converts the errors of AWS.

use devplat_aws::{AwsCredentialsError, CertificatesError, CredentialSource, IdentityError, RegionError};

use super::super::{Cause, Exit, Failure};

impl From<CertificatesError> for Failure {
    fn from(error: CertificatesError) -> Self {
        match &error {
            CertificatesError::Bundle { .. } => Self::of(Exit::Usage, &error)
                .hint("name a file of certificates in PEM format, or `unset AWS_CA_BUNDLE`"),
            CertificatesError::Absent => Self::of(Exit::Missing, &error)
                .hint("install the package ca-certificates, or name a file in AWS_CA_BUNDLE"),
        }
    }
}

impl From<&RegionError> for Failure {
    fn from(error: &RegionError) -> Self {
        let hint = match error {
            RegionError::Unset => "name one with --set cluster.eks.region=eu-central-1, or set AWS_REGION",
            RegionError::Malformed { .. } => "name a region such as eu-central-1",
        };
        Self::of(Exit::Usage, error).hint(hint)
    }
}

impl From<&AwsCredentialsError> for Failure {
    fn from(error: &AwsCredentialsError) -> Self {
        let exit = match error {
            AwsCredentialsError::NoSuchProfile { .. } | AwsCredentialsError::Files(_) => Exit::Usage,
            AwsCredentialsError::Absent { .. }
            | AwsCredentialsError::SecondFactor { .. }
            | AwsCredentialsError::Login { .. }
            | AwsCredentialsError::NoSsoLogin { .. }
            | AwsCredentialsError::SsoExpired { .. }
            | AwsCredentialsError::ExpiredToken { .. }
            | AwsCredentialsError::Failed { .. } => Exit::Missing,
            AwsCredentialsError::Silent { .. } => Exit::of_place(true),
        };
        let hint = match error {
            AwsCredentialsError::Absent { profile: None } => {
                "set up an AWS profile with `aws configure sso` or `aws configure`, and name it in AWS_PROFILE".to_owned()
            }
            AwsCredentialsError::Absent { profile: Some(profile) } => {
                format!("AWS profile {profile} has no credentials: name another one in AWS_PROFILE")
            }
            AwsCredentialsError::NoSuchProfile { known, .. } if known.is_empty() => {
                "create it with `aws configure sso` or `aws configure`".to_owned()
            }
            AwsCredentialsError::NoSuchProfile { known, .. } => {
                format!("name one of these in AWS_PROFILE: {}", known.join(", "))
            }
            AwsCredentialsError::Files(_) => {
                "correct the file; AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE name others".to_owned()
            }
            AwsCredentialsError::SecondFactor { profile } | AwsCredentialsError::Login { profile } => format!(
                "let the AWS CLI ask for it: `eval \"$(aws configure export-credentials --profile {profile} --format env)\"`"
            ),
            AwsCredentialsError::NoSsoLogin { profile } | AwsCredentialsError::SsoExpired { profile, .. } => {
                format!("log in: `aws sso login --profile {profile}`")
            }
            AwsCredentialsError::ExpiredToken { from } => renewal(from),
            AwsCredentialsError::Failed { .. } | AwsCredentialsError::Silent { .. } => {
                "compare with the AWS CLI: `aws sts get-caller-identity`".to_owned()
            }
        };
        Self { cause: Cause::Login, ..Self::of(exit, error).hint(hint) }
    }
}

impl From<&IdentityError> for Failure {
    fn from(error: &IdentityError) -> Self {
        let exit = match error {
            IdentityError::Unreachable { .. } => Exit::of_place(true),
            IdentityError::AbsentRegion { .. }
            | IdentityError::SilentRegion { .. }
            | IdentityError::StsOff { .. }
            | IdentityError::Expired { .. }
            | IdentityError::Clock(_)
            | IdentityError::RegionOff { .. }
            | IdentityError::UnknownKey { .. }
            | IdentityError::WrongSecret { .. }
            | IdentityError::Refused { .. }
            | IdentityError::Certificate { .. }
            | IdentityError::Answer { .. } => Exit::Missing,
        };
        let hint = match error {
            IdentityError::Expired { from } => renewal(from),
            IdentityError::Clock(_) => "set the clock: `sudo timedatectl set-ntp true`".to_owned(),
            IdentityError::SilentRegion { region, .. } => {
                format!("check the name {region}; if it is right, a firewall or proxy rejects its endpoint")
            }
            IdentityError::AbsentRegion { nearest: Some(nearest), .. } => format!("did you mean {nearest}?"),
            IdentityError::AbsentRegion { nearest: None, .. } => {
                "`aws ec2 describe-regions --all-regions` lists the regions".to_owned()
            }
            IdentityError::StsOff { region, .. } => format!(
                "activate it in the IAM console under Account settings, Endpoints, {region}; or name another region"
            ),
            IdentityError::RegionOff { region, .. } => format!(
                "switch it on, which takes some minutes: `aws account enable-region --region-name {region}`; or name another region"
            ),
            IdentityError::UnknownKey { .. } => {
                "the key may be deleted or inactive, or a temporary key may lack its AWS_SESSION_TOKEN"
                    .to_owned()
            }
            IdentityError::WrongSecret { .. } => {
                "copy access key and secret access key again, both of them".to_owned()
            }
            IdentityError::Refused { .. } => {
                "compare with the AWS CLI: `aws sts get-caller-identity`".to_owned()
            }
            IdentityError::Unreachable { .. } => {
                "check the network, and the proxy in HTTPS_PROXY; then run the same command".to_owned()
            }
            IdentityError::Certificate { .. } => {
                "name the file with your proxy's certificate: AWS_CA_BUNDLE=FILE".to_owned()
            }
            IdentityError::Answer { .. } => {
                "check that AWS_ENDPOINT_URL and HTTPS_PROXY lead to AWS".to_owned()
            }
        };
        Self::of(exit, error).hint(hint)
    }
}

/// Returns the hint for expired credentials.
fn renewal(from: &CredentialSource) -> String {
    match from {
        CredentialSource::Environment { .. } => {
            "set new ones, or `unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN` to use an AWS profile"
                .to_owned()
        }
        CredentialSource::AwsProfile { name, means: _ } => {
            format!("log in again, or renew the credentials of AWS profile {name} in ~/.aws")
        }
        CredentialSource::WebIdentity => {
            "start a new job or pod, which gets a new token in AWS_WEB_IDENTITY_TOKEN_FILE".to_owned()
        }
        CredentialSource::Container | CredentialSource::InstanceMetadata => {
            "run the same command in a few minutes: AWS renews these credentials by itself".to_owned()
        }
    }
}
