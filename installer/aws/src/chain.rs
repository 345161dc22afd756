//! The search for credentials: the sources of the AWS CLI, in its order, one at a time, so that a failure names its source.
//! aws-config has this chain as one provider, whose errors name no source but in words.

use std::{error::Error, fmt, sync::Arc, time::Duration};

use aws_config::{
    ecs::EcsCredentialsProvider,
    environment::EnvironmentVariableCredentialsProvider,
    imds::{self, client::error::ImdsError, credentials::ImdsCredentialsProvider},
    profile::ProfileFileCredentialsProvider,
    provider_config::ProviderConfig,
    retry::RetryConfig,
    web_identity_token::WebIdentityTokenCredentialsProvider,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError as Reason, future},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use jiff::{SignedDuration, Timestamp};

use crate::{
    AwsCredentialsError, CallerSettings, CredentialSource, Region,
    call::{self, AwsRefusal},
    config_file::{ConfigFile, Means},
    sso::{self, Cached},
    surroundings::AwsClock,
};

/// The limit for one source, such as a program or a request with its retries.
const PATIENCE: Duration = Duration::from_secs(15);
/// The limit for a connection to the instance metadata service, which answers within milliseconds where it exists.
const METADATA_CONNECT: Duration = Duration::from_secs(1);
/// The limit for one answer of it.
const METADATA_ANSWER: Duration = Duration::from_secs(2);

/// Credentials are renewed this long before their end, as in the AWS CLI.
const RENEWAL: SignedDuration = SignedDuration::from_mins(5);

/// Credentials, with their source.
#[derive(Debug)]
pub struct FoundCredentials {
    /// The source.
    pub from: CredentialSource,
    /// Their end, if they have one.
    pub until: Option<Timestamp>,
    /// Gives them, and renews them.
    pub(crate) provider: SharedCredentialsProvider,
}

/// A source to ask.
struct Candidate {
    from: CredentialSource,
    provider: Arc<dyn ProvideCredentials>,
}

/// Finds credentials. The first source that has some decides: if it fails, later ones are not asked.
pub(crate) async fn find(
    surroundings: &CallerSettings,
    file: &ConfigFile,
    region: &Region,
    http: &SharedHttpClient,
) -> Result<FoundCredentials, AwsCredentialsError> {
    let config = ProviderConfig::without_region()
        .with_region(Some(region.for_sdk()))
        .with_http_client(http.clone())
        .with_retry_config(RetryConfig::standard().with_max_attempts(2))
        .with_timeout_config(call::timeouts());
    let now = &surroundings.now;
    let environment = CredentialSource::Environment { instead_of: file.named().map(str::to_owned) };
    let provider = Arc::new(EnvironmentVariableCredentialsProvider::new());
    if let Some(found) = ask(Candidate { from: environment, provider }, None, now).await? {
        return Ok(found);
    }
    check_profile(file, surroundings)?;
    let login = file.sso().map(|(profile, _)| profile.to_owned());
    for source in rest(file, &config) {
        if let Some(found) = ask(source, login.as_deref(), now).await? {
            return Ok(found);
        }
    }
    let selected = file.selected().to_owned();
    let profile = file.profiles().contains(&selected).then_some(selected);
    Err(AwsCredentialsError::Absent { profile })
}

/// Fails if the selected profile cannot give credentials, for reasons that its sections or a cached login show.
fn check_profile(file: &ConfigFile, surroundings: &CallerSettings) -> Result<(), AwsCredentialsError> {
    if let Some(name) = file.absent() {
        return Err(AwsCredentialsError::NoSuchProfile { name: name.to_owned(), known: file.profiles() });
    }
    if let Some(profile) = file.second_factor() {
        return Err(AwsCredentialsError::SecondFactor { profile: profile.to_owned() });
    }
    if file.means() == Some(Means::Login) {
        return Err(AwsCredentialsError::Login { profile: file.selected().to_owned() });
    }
    if let (Some((profile, login)), Some(home)) = (file.sso(), &surroundings.home) {
        let profile = profile.to_owned();
        match sso::state(home, &login, (surroundings.now)()) {
            Cached::Usable => {}
            Cached::Absent => return Err(AwsCredentialsError::NoSsoLogin { profile }),
            Cached::Expired(at) => return Err(AwsCredentialsError::SsoExpired { profile, at: Some(at) }),
        }
    }
    Ok(())
}

/// Returns the sources after the environment variables, in order.
fn rest(file: &ConfigFile, config: &ProviderConfig) -> [Candidate; 4] {
    let metadata = imds::Client::builder()
        .configure(config)
        .max_attempts(2)
        .connect_timeout(METADATA_CONNECT)
        .read_timeout(METADATA_ANSWER)
        .build();
    let profile = CredentialSource::AwsProfile { name: file.selected().to_owned(), means: file.means() };
    [
        Candidate {
            from: profile,
            provider: Arc::new(ProfileFileCredentialsProvider::builder().configure(config).build()),
        },
        Candidate {
            from: CredentialSource::WebIdentity,
            provider: Arc::new(WebIdentityTokenCredentialsProvider::builder().configure(config).build()),
        },
        Candidate {
            from: CredentialSource::Container,
            provider: Arc::new(EcsCredentialsProvider::builder().configure(config).build()),
        },
        Candidate {
            from: CredentialSource::InstanceMetadata,
            provider: Arc::new(
                ImdsCredentialsProvider::builder().configure(config).imds_client(metadata).build(),
            ),
        },
    ]
}

/// Asks one source. `None` if it is not set up. `login` is the profile of the SSO login that it uses.
async fn ask(
    source: Candidate,
    login: Option<&str>,
    now: &AwsClock,
) -> Result<Option<FoundCredentials>, AwsCredentialsError> {
    let Candidate { from, provider } = source;
    let answer = tokio::time::timeout(PATIENCE, provider.provide_credentials()).await;
    let reason = match answer {
        Err(_) => return Err(AwsCredentialsError::Silent { from, waited: PATIENCE }),
        Ok(Ok(credentials)) => {
            let until = end(&credentials);
            let renewed = Renewed { first: credentials, source: provider, now: Arc::clone(now) };
            let provider = SharedCredentialsProvider::new(renewed);
            return Ok(Some(FoundCredentials { from, until, provider }));
        }
        Ok(Err(reason)) => reason,
    };
    if matches!(reason, Reason::CredentialsNotLoaded(_)) || is_without_metadata(&from, &reason) {
        return Ok(None);
    }
    Err(match (call::refusal(&reason), login) {
        (Some(AwsRefusal::ExpiredToken), _) => AwsCredentialsError::ExpiredToken { from },
        (Some(AwsRefusal::SsoUnauthorized), Some(profile)) => {
            AwsCredentialsError::SsoExpired { profile: profile.to_owned(), at: None }
        }
        _ => AwsCredentialsError::Failed { from, source: Box::new(ProviderReason(reason)) },
    })
}

/// Returns whether the machine has no instance metadata service of EC2. Other clouds have another service at the same
/// address, which gives no token.
fn is_without_metadata(from: &CredentialSource, reason: &Reason) -> bool {
    let token = reason.source().and_then(|source| source.downcast_ref());
    *from == CredentialSource::InstanceMetadata && matches!(token, Some(ImdsError::FailedToLoadToken(_)))
}

fn end(credentials: &Credentials) -> Option<Timestamp> {
    credentials.expiry().and_then(|end| Timestamp::try_from(end).ok())
}

/// Gives the found credentials until shortly before their end, then asks the source again.
struct Renewed {
    first: Credentials,
    source: Arc<dyn ProvideCredentials>,
    now: AwsClock,
}

impl fmt::Debug for Renewed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewed").field("source", &self.source).finish_non_exhaustive()
    }
}

impl ProvideCredentials for Renewed {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        let lasts = end(&self.first).is_none_or(|end| end.duration_since((self.now)()) > RENEWAL);
        if lasts {
            return future::ProvideCredentials::ready(Ok(self.first.clone()));
        }
        self.source.provide_credentials()
    }
}

/// The reason of aws-config without its outermost words, once for each wrapped provider, which repeat that there are no
/// credentials.
#[derive(Debug)]
struct ProviderReason(Reason);

impl ProviderReason {
    /// Returns the first error in the chain that is not of this type.
    fn innermost(&self) -> &(dyn Error + 'static) {
        let mut reason = &self.0;
        loop {
            let Some(source) = reason.source() else { return reason };
            match source.downcast_ref::<Reason>() {
                Some(wrapped) => reason = wrapped,
                None => return source,
            }
        }
    }
}

impl fmt::Display for ProviderReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.innermost().to_string().trim_end())
    }
}

impl Error for ProviderReason {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.innermost().source()
    }
}
