//! Tokens of users' own `ServiceAccount`s, good for minutes. They are never logged, and never written anywhere.

use std::{collections::HashMap, fmt, time::Duration};

use devplat_api::Slug;
use k8s_openapi::api::{
    authentication::v1::{TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{Api, Client, api::PostParams};
use serde::{Serialize, Serializer};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};

/// How long a token is good.
const VALIDITY: Duration = Duration::from_mins(15);
/// One that is good for less is not handed out any more.
const SPARE: Duration = Duration::from_mins(5);
/// How long asking for one may take, with all attempts.
const ANSWER: Duration = Duration::from_secs(5);
/// The pause after an attempt that did not reach the API server.
const PAUSE: Duration = Duration::from_millis(300);

/// A token. Nothing shows what it is.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token(String);

/// Where tokens come from.
pub struct Tokens {
    source: Source,
    /// By slug and by the user's uid: whoever was made anew has another ServiceAccount, and an old token is good for
    /// nothing.
    cache: Mutex<HashMap<(Slug, String), (Token, Instant)>>,
}

enum Source {
    Cluster(Client),
    Fixed(Token),
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoToken {
    /// It does not answer.
    #[error("the API server does not answer; open sessions go on, and \"ssh NAME+SERVER@...\" still works")]
    Timeout,
    /// It answers with no.
    #[error("the API server gives no token for your account")]
    Refused(#[source] Box<kube::Error>),
    /// It cannot be reached.
    #[error("the API server cannot be reached; open sessions go on, and \"ssh NAME+SERVER@...\" still works")]
    Unreachable(#[source] Box<kube::Error>),
    /// It answers with nothing.
    #[error("the API server gives an empty token for your account")]
    Empty,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl Serialize for Token {
    /// For devctl, which has asked for it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(…)")
    }
}

impl Token {
    /// For the environment of devctl, and for nothing else.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl Tokens {
    /// From the API server.
    pub fn of(client: Client) -> Self {
        Self { source: Source::Cluster(client), cache: Mutex::default() }
    }

    /// Always the same, without a cluster.
    pub fn fixed(text: &str) -> Self {
        Self { source: Source::Fixed(Token(text.to_owned())), cache: Mutex::default() }
    }

    /// One for the user of that slug and uid, good for some minutes at least.
    pub(super) async fn token(&self, slug: &Slug, uid: &str) -> Result<Token, NoToken> {
        let client = match &self.source {
            Source::Cluster(client) => client,
            Source::Fixed(token) => return Ok(token.clone()),
        };
        let key = (slug.clone(), uid.to_owned());
        let now = Instant::now();
        {
            let mut cache = self.cache.lock().await;
            cache.retain(|_, (_, until)| *until > now);
            if let Some((token, _)) = cache.get(&key) {
                return Ok(token.clone());
            }
        }
        let token = answered(|| request(client, slug)).await?;
        let until = now + VALIDITY.saturating_sub(SPARE);
        self.cache.lock().await.insert(key, (token.clone(), until));
        Ok(token)
    }
}

/// Asks until the API server has answered. After its node was restarted, a kept connection fails at its next use, and a
/// new one is refused until it listens again.
async fn answered<A>(attempt: impl Fn() -> A) -> Result<Token, NoToken>
where
    A: Future<Output = Result<Token, NoToken>>,
{
    let start = Instant::now();
    loop {
        let left = ANSWER.saturating_sub(start.elapsed());
        match timeout(left, attempt()).await {
            Ok(Err(NoToken::Unreachable(_))) if start.elapsed() + PAUSE < ANSWER => sleep(PAUSE).await,
            Ok(outcome) => return outcome,
            Err(_) => return Err(NoToken::Timeout),
        }
    }
}

async fn request(client: &Client, slug: &Slug) -> Result<Token, NoToken> {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), &slug.namespace());
    let wanted = TokenRequest {
        spec: TokenRequestSpec {
            audiences: Vec::new(),
            expiration_seconds: i64::try_from(VALIDITY.as_secs()).ok(),
            bound_object_ref: None,
        },
        ..TokenRequest::default()
    };
    let made = accounts
        .create_token_request(&slug.service_account(), &PostParams::default(), &wanted)
        .await
        .map_err(|error| match error {
            // An API server that is just starting, or has too much to do.
            kube::Error::Api(status) if status.code >= 500 || status.code == 429 => {
                NoToken::Unreachable(Box::new(kube::Error::Api(status)))
            }
            kube::Error::Api(status) => NoToken::Refused(Box::new(kube::Error::Api(status))),
            error => NoToken::Unreachable(Box::new(error)),
        })?;
    made.status.map(|status| Token(status.token)).filter(|token| !token.0.is_empty()).ok_or(NoToken::Empty)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[tokio::test]
    async fn nothing_shows_a_token() {
        let tokens = Tokens::fixed("very secret");
        let token = tokens.token(&Slug::of("alice"), "").await.unwrap();
        assert_eq!(token.reveal(), "very secret");
        assert!(!format!("{tokens:?} {token:?}").contains("secret"));
    }

    fn unreachable() -> NoToken {
        NoToken::Unreachable(Box::new(kube::Error::TlsRequired))
    }

    #[tokio::test(start_paused = true)]
    async fn api_server_that_restarts_is_asked_again() {
        let asked = Cell::new(0);
        let token = answered(|| {
            asked.set(asked.get() + 1);
            let outcome = if asked.get() < 4 { Err(unreachable()) } else { Ok(Token("new".to_owned())) };
            std::future::ready(outcome)
        });
        assert_eq!(token.await.unwrap().reveal(), "new");
        assert_eq!(asked.get(), 4);
    }

    #[tokio::test(start_paused = true)]
    async fn api_server_that_stays_away_is_reported_within_the_bound() {
        let start = Instant::now();
        let gone = answered(|| std::future::ready(Err(unreachable()))).await;
        assert!(matches!(gone, Err(NoToken::Unreachable(_))), "{gone:?}");
        let silent = answered(std::future::pending).await;
        assert!(matches!(silent, Err(NoToken::Timeout)), "{silent:?}");
        assert!(start.elapsed() <= ANSWER * 2, "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn refusal_is_not_repeated() {
        let asked = Cell::new(0);
        let outcome = answered(|| {
            asked.set(asked.get() + 1);
            std::future::ready(Err(NoToken::Empty))
        });
        assert!(matches!(outcome.await, Err(NoToken::Empty)));
        assert_eq!(asked.get(), 1);
    }
}
