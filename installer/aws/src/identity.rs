//! The account and the principal of the credentials, by `GetCallerIdentity` of STS, which needs no permission.

use std::{error::Error, time::Duration};

use aws_config::{BehaviorVersion, SdkConfig, retry::RetryConfig};
use aws_sdk_sts::{Client, operation::get_caller_identity::GetCallerIdentityOutput};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use serde::Serialize;
use tokio::time::Instant;

use crate::{
    AccountId, Arn, AwsCredentialsError, CallerSettings, CertificatesError, ChosenRegion, CredentialSource,
    FoundCredentials, MalformedArn, Partition, Region, RegionError, Skew,
    call::{self, AwsRefusal, Failed},
    chain,
    clock::Watch,
    config_file::ConfigFile,
    http, partition, region,
    regions::{self, RegionState},
};

/// The account and the principal that AWS names for the credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Identity {
    pub account: AccountId,
    pub partition: Partition,
    pub principal: Arn,
}

/// A failed question for the identity. Several of them look like wrong credentials to AWS and are something else.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Temporary credentials have ended.
    #[error("the session from {from} has expired")]
    Expired {
        /// Their source.
        from: CredentialSource,
    },
    /// This machine's clock is off, so that AWS rejects signatures.
    #[error("this machine's clock is {0} the clock of AWS, which rejects requests that are 5 min off")]
    Clock(Skew),
    /// There is no such region.
    #[error("there is no AWS region {region}")]
    AbsentRegion {
        region: Region,
        /// One with a similar name.
        nearest: Option<Region>,
    },
    /// The region gives no answer, while another region of the partition does. Whether it exists is not known.
    #[error("AWS has no answer in region {region}, while region {other} answers")]
    SilentRegion {
        region: Region,
        /// The one that answers.
        other: Region,
        /// The failure in the region.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The region rejects credentials that another region of the partition accepts.
    #[error(
        "region {region} is switched off for account {account}: its STS rejects credentials that {other} accepts"
    )]
    RegionOff {
        region: Region,
        account: AccountId,
        /// The region that accepts them.
        other: Region,
    },
    /// STS of the region rejects credentials that another region accepts, although the region is switched on.
    #[error(
        "STS is not active in region {region} for account {account}: it rejects credentials that {other} accepts"
    )]
    StsOff {
        region: Region,
        account: AccountId,
        /// The region that accepts them.
        other: Region,
    },
    /// No region knows the key.
    #[error("AWS does not know the access key or session token from {from}")]
    UnknownKey {
        /// The source of the credentials.
        from: CredentialSource,
    },
    /// The secret does not belong to the key, and the clock is right.
    #[error("AWS rejects the signature: the secret access key from {from} does not belong to its access key")]
    WrongSecret {
        /// The source of the credentials.
        from: CredentialSource,
    },
    /// Another refusal.
    #[error("AWS refused GetCallerIdentity: {code}: {message}")]
    Refused { code: String, message: String },
    /// No answer came.
    #[error("no answer from STS at {endpoint} in {} s", waited.as_secs())]
    Unreachable {
        endpoint: String,
        /// The time that the call took with its second attempt.
        waited: Duration,
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The certificate of the endpoint is not trusted, as behind a proxy that opens TLS.
    #[error("the certificate of {endpoint} is not trusted")]
    Certificate {
        endpoint: String,
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The answer is not one of STS.
    #[error("cannot use the answer of STS at {endpoint}")]
    Answer {
        endpoint: String,
        /// The reason.
        source: Box<dyn Error + Send + Sync>,
    },
}

/// Everything found, step by step. After a failed step, the later ones are `None`.
#[derive(Debug)]
pub struct Look {
    pub region: Result<ChosenRegion, RegionError>,
    pub credentials: Option<Result<FoundCredentials, AwsCredentialsError>>,
    pub identity: Option<Result<Identity, IdentityError>>,
}

/// Chooses the region, finds credentials and asks STS for their identity. `named` is the region of the caller's choice.
pub async fn look(named: Option<Region>, surroundings: &CallerSettings) -> Result<Look, CertificatesError> {
    let http = http::client(surroundings)?;
    let file = match ConfigFile::read(surroundings).await {
        Ok(file) => file,
        Err(error) => {
            let region = region::without_file(named, surroundings);
            let credentials = Some(Err(AwsCredentialsError::Files(error)));
            return Ok(Look { region, credentials, identity: None });
        }
    };
    let region = region::choose(named, surroundings, &file);
    let Ok(chosen) = &region else { return Ok(Look { region, credentials: None, identity: None }) };
    let credentials = chain::find(surroundings, &file, &chosen.region, &http).await;
    let identity = match &credentials {
        Ok(found) => {
            let asking = Asking { surroundings, file: &file, http: &http, found };
            Some(Box::pin(asking.identity(&chosen.region)).await)
        }
        Err(_) => None,
    };
    Ok(Look { region, credentials: Some(credentials), identity })
}

/// The inputs of a question.
struct Asking<'a> {
    surroundings: &'a CallerSettings,
    file: &'a ConfigFile,
    http: &'a SharedHttpClient,
    found: &'a FoundCredentials,
}

impl Asking<'_> {
    async fn identity(&self, region: &Region) -> Result<Identity, IdentityError> {
        let watch = Watch::new(self.surroundings.now.clone());
        let start = Instant::now();
        let answer = self.ask(region, &watch).await;
        let waited = start.elapsed();
        // First, because a wrong clock makes AWS report wrong credentials.
        if let Some(skew) = watch.skew().filter(|skew| !skew.is_tolerated()) {
            return Err(IdentityError::Clock(skew));
        }
        let failed = match answer {
            Ok(answer) => return parsed(&answer).map_err(|error| self.malformed(region, error.into())),
            Err(failed) => failed,
        };
        let from = self.found.from.clone();
        let endpoint = self.endpoint(region);
        Err(match failed {
            Failed::Refused(AwsRefusal::ExpiredToken) => IdentityError::Expired { from },
            Failed::Refused(AwsRefusal::Signature) => IdentityError::WrongSecret { from },
            Failed::Refused(AwsRefusal::UnknownKey | AwsRefusal::RegionDisabled) => {
                match self.elsewhere(region).await {
                    Some((other, Ok(Identity { account, .. }))) => {
                        let region = region.clone();
                        match regions::state(&self.config(&other).await, &region).await {
                            Some(RegionState::On) => IdentityError::StsOff { region, account, other },
                            Some(RegionState::Off | RegionState::Absent(_)) | None => {
                                IdentityError::RegionOff { region, account, other }
                            }
                        }
                    }
                    Some((_, Err(_))) | None => IdentityError::UnknownKey { from },
                }
            }
            Failed::Refused(AwsRefusal::SsoUnauthorized) => IdentityError::UnknownKey { from },
            Failed::Refused(AwsRefusal::Other { code, message }) => IdentityError::Refused { code, message },
            Failed::Unreachable(source) => match self.elsewhere(region).await {
                // Also a refusal is an answer.
                Some((other, Ok(_) | Err(Failed::Refused(_)))) => {
                    let region = region.clone();
                    match regions::state(&self.config(&other).await, &region).await {
                        Some(RegionState::Absent(nearest)) => IdentityError::AbsentRegion { region, nearest },
                        Some(RegionState::On | RegionState::Off) | None => {
                            IdentityError::SilentRegion { region, other, source }
                        }
                    }
                }
                Some((_, Err(_))) | None => IdentityError::Unreachable { endpoint, waited, source },
            },
            Failed::Certificate(source) => IdentityError::Certificate { endpoint, source },
            Failed::Other(source) => IdentityError::Answer { endpoint, source },
        })
    }

    /// Asks a region of the same partition that every account has. `None` if that is the same one.
    async fn elsewhere(&self, region: &Region) -> Option<(Region, Result<Identity, Failed>)> {
        let other = partition::first_region(region);
        if other == *region {
            return None;
        }
        let watch = Watch::new(self.surroundings.now.clone());
        let answer = self.ask(&other, &watch).await;
        let answer = answer.and_then(|answer| parsed(&answer).map_err(|error| Failed::Other(error.into())));
        Some((other, answer))
    }

    async fn ask(&self, region: &Region, watch: &Watch) -> Result<GetCallerIdentityOutput, Failed> {
        let config =
            aws_sdk_sts::config::Builder::from(&self.config(region).await).interceptor(watch.clone()).build();
        Client::from_conf(config).get_caller_identity().send().await.map_err(Failed::of)
    }

    async fn config(&self, region: &Region) -> SdkConfig {
        aws_config::defaults(BehaviorVersion::latest())
            .region(region.for_sdk())
            .credentials_provider(self.found.provider.clone())
            .http_client(self.http.clone())
            .timeout_config(call::timeouts())
            .retry_config(RetryConfig::standard().with_max_attempts(2))
            .load()
            .await
    }

    /// Returns the endpoint, for messages: the one that the user names, or the name of AWS's own.
    fn endpoint(&self, region: &Region) -> String {
        let variables = ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"];
        let named = variables.into_iter().find_map(|name| self.surroundings.get(name));
        let named = named.or_else(|| self.file.value("endpoint_url"));
        named.map_or_else(|| format!("the endpoint of region {region}"), str::to_owned)
    }

    fn malformed(&self, region: &Region, source: Box<dyn Error + Send + Sync>) -> IdentityError {
        IdentityError::Answer { endpoint: self.endpoint(region), source }
    }
}

fn parsed(answer: &GetCallerIdentityOutput) -> Result<Identity, MalformedArn> {
    let principal: Arn = answer.arn().unwrap_or_default().parse()?;
    let account = answer.account().unwrap_or_default().parse()?;
    Ok(Identity { account, partition: principal.partition().clone(), principal })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answer_names_account_partition_and_principal() {
        let arn = "arn:aws-cn:sts::123456789012:assumed-role/Admin/ada";
        let answer = GetCallerIdentityOutput::builder().account("123456789012").arn(arn).build();
        let identity = parsed(&answer).unwrap();
        assert_eq!(identity.account.to_string(), "123456789012");
        assert_eq!(identity.partition.name(), "aws-cn");
        assert_eq!(identity.principal.to_string(), arn);
    }

    #[test]
    fn answer_without_an_account_is_malformed() {
        let answer = GetCallerIdentityOutput::builder().arn("arn:aws:iam::123456789012:root").build();
        assert!(parsed(&answer).is_err());
    }
}
