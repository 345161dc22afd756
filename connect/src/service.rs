//! The HTTP service of a client: sets the credential, renews it before it expires and after one 401, and names server
//! and proxy in its errors.

use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Request, Response, StatusCode, header::AUTHORIZATION};
use k8s_openapi::jiff::{SignedDuration, Timestamp};
use kube::{Client, Config, client::Body};
use secrecy::{ExposeSecret, SecretString};
use tokio::{sync::Mutex, time::Instant};
use tower::BoxError;

use crate::{
    ClientCertificate, Clock, ConnectionCause, ConnectionError, CredentialError, Token, TokenSource, clock,
    in_flight::InFlight,
};

/// How long the head of an answer may take; an API server ends requests itself after 60 s.
const ANSWER: Duration = Duration::from_secs(62);
/// How long before its expiry a credential is renewed.
const EARLY: SignedDuration = SignedDuration::from_secs(30);
/// How long a failed source is not asked again, so that concurrent calls share one failure.
const FAILED: Duration = Duration::from_secs(5);

/// A connection to an API server with its credential.
pub(super) struct Connection {
    /// The configuration, without a credential or with one that never changes.
    pub(super) config: Config,
    /// The address and the origin of the proxy, if there is one.
    pub(super) proxy: Option<String>,
    /// The source of credentials that change.
    pub(super) source: Option<Arc<dyn TokenSource>>,
    clock: Clock,
    state: Mutex<CredentialCache>,
    in_flight: InFlight,
}

#[derive(Default)]
struct CredentialCache {
    /// The last credential, and a client that has its certificate.
    current: Option<Current>,
    failure: Option<(Instant, CredentialError)>,
    /// Counts the credentials, so that only the first of many calls with a 401 renews the credential.
    generation: u64,
}

#[derive(Clone)]
struct Current {
    client: Client,
    authorization: Option<HeaderValue>,
    expires: Option<Timestamp>,
    generation: u64,
}

impl Connection {
    pub(super) fn new(
        config: Config,
        proxy: Option<String>,
        source: Option<Arc<dyn TokenSource>>,
        clock: Clock,
    ) -> Self {
        Self { config, proxy, source, clock, state: Mutex::default(), in_flight: InFlight::default() }
    }

    /// Gets the first credential, so that a failed login is reported before any call.
    pub(super) async fn log_in(&self) -> Result<(), BoxError> {
        self.current(None).await.map(drop)
    }

    /// Sends a request; if the answer is 401, sends it again with a renewed credential.
    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Body>, BoxError> {
        let current = self.current(None).await?;
        let again = self.source.as_ref().and_then(|_| clone(&request));
        let answer = self.attempt(&current, request).await?;
        match again {
            Some(again) if answer.status() == StatusCode::UNAUTHORIZED => {
                let renewed = self.current(Some(current.generation)).await?;
                self.attempt(&renewed, again).await
            }
            _ => Ok(answer),
        }
    }

    async fn attempt(
        &self,
        current: &Current,
        mut request: Request<Body>,
    ) -> Result<Response<Body>, BoxError> {
        if let Some(value) = &current.authorization {
            request.headers_mut().insert(AUTHORIZATION, value.clone());
        }
        let failed = |cause| -> BoxError {
            let server = Some(self.config.cluster_url.to_string().trim_end_matches('/').to_owned());
            Box::new(ConnectionError { server, proxy: self.proxy.clone(), cause })
        };
        // Released when the answer begins, so that watches and forwarded ports hold no permit.
        let _permit = self.in_flight.permit().await;
        match tokio::time::timeout(ANSWER, current.client.send(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(kube::Error::Service(source))) => Err(failed(ConnectionCause::of(source))),
            Ok(Err(kube::Error::HyperError(source))) => Err(failed(ConnectionCause::of(Box::new(source)))),
            Ok(Err(error)) => Err(Box::new(error)),
            Err(_) => Err(failed(ConnectionCause::Slow(ANSWER))),
        }
    }

    /// Returns the credential to use; a new one if `rejected` is the generation of the last one.
    async fn current(&self, rejected: Option<u64>) -> Result<Current, BoxError> {
        let mut state = self.state.lock().await;
        if let Some(current) = &state.current
            && rejected != Some(current.generation)
            && current.expires.is_none_or(|end| clock::now(&self.clock) + EARLY < end)
        {
            return Ok(current.clone());
        }
        if let Some((since, failure)) = &state.failure
            && since.elapsed() < FAILED
        {
            return Err(Box::new(failure.clone()));
        }
        let token = match &self.source {
            None => Token::default(),
            Some(source) => match source.token(rejected.is_some()).await {
                Ok(token) => token,
                Err(failure) => {
                    state.failure = Some((Instant::now(), failure.clone()));
                    return Err(Box::new(failure));
                }
            },
        };
        let Token { bearer, certificate, expires } = token;
        let client = match (&state.current, &certificate) {
            // If only the bearer token changes, the connections are kept.
            (Some(current), None) => current.client.clone(),
            _ => self.client(certificate)?,
        };
        state.generation += 1;
        let authorization = bearer.as_ref().map(bearer_header).transpose()?;
        let current = Current { client, authorization, expires, generation: state.generation };
        state.failure = None;
        state.current = Some(current.clone());
        Ok(current)
    }

    fn client(&self, certificate: Option<ClientCertificate>) -> Result<Client, BoxError> {
        let mut config = self.config.clone();
        if let Some(ClientCertificate { certificate, key }) = certificate {
            crate::certificate::check(certificate.as_bytes(), clock::now(&self.clock))?;
            let encode =
                |text: &str| base64::Engine::encode(&base64::engine::general_purpose::STANDARD, text);
            config.auth_info.client_certificate_data = Some(encode(&certificate));
            config.auth_info.client_key_data = Some(SecretString::from(encode(key.expose_secret())));
        }
        Client::try_from(config).map_err(|error| match error {
            kube::Error::RustlsTls(source) => Box::new(CredentialError::Tls { source: Arc::new(source) }),
            error => BoxError::from(error),
        })
    }
}

fn bearer_header(token: &SecretString) -> Result<HeaderValue, CredentialError> {
    let text = format!("Bearer {}", token.expose_secret().trim());
    let mut value = HeaderValue::try_from(text).map_err(|_| CredentialError::Unusable {
        part: "bearer token",
        why: "it has characters that a header cannot have".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

/// Copies a request; `None` if its body cannot be sent twice.
fn clone(request: &Request<Body>) -> Option<Request<Body>> {
    let mut again = Request::new(request.body().try_clone()?);
    *again.method_mut() = request.method().clone();
    *again.uri_mut() = request.uri().clone();
    *again.version_mut() = request.version();
    *again.headers_mut() = request.headers().clone();
    *again.extensions_mut() = request.extensions().clone();
    Some(again)
}
