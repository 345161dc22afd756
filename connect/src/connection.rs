//! The reasons why a request got no answer, as types in the error of a client.

use std::{error::Error as StdError, fmt, io, time::Duration};

use tower::BoxError;

use crate::CredentialError;

/// How long an API server may be silent: while a connection is opened, and after a short question.
pub const SILENCE: Duration = Duration::from_secs(8);

/// A connection that failed.
#[derive(Debug)]
pub struct ConnectionError {
    /// The address of the API server, if known.
    pub server: Option<String>,
    /// The proxy in between, with its origin, such as `http://proxy:3128, from HTTPS_PROXY`.
    pub proxy: Option<String>,
    pub cause: ConnectionCause,
}

/// The causes of a failed connection.
#[derive(Debug)]
pub enum ConnectionCause {
    /// It timed out.
    Slow(Duration),
    /// The connection was refused, or broke.
    Broken(Box<dyn StdError + Send + Sync>),
}

impl ConnectionCause {
    /// Returns the cause in an error of the HTTP client, which reports that its own limit has passed by a type alone.
    pub(super) fn of(source: BoxError) -> Self {
        let timed_out = deepest(source.as_ref()).downcast_ref::<io::Error>().is_some_and(|error| {
            // A time-out of the kernel is another one, and has its own text.
            error.kind() == io::ErrorKind::TimedOut && error.raw_os_error().is_none()
        });
        if timed_out { Self::Slow(SILENCE) } else { Self::Broken(source) }
    }
}

/// The reason why a request got no answer.
#[derive(Debug)]
pub enum NoAnswer {
    /// There is no usable credential.
    Credentials(CredentialError),
    /// The connection failed.
    Connection(ConnectionError),
}

impl NoAnswer {
    /// Returns the reason in the error of a client's service, such as that of `kube::Error::Service`.
    pub fn of(source: BoxError) -> Self {
        let source = match source.downcast::<CredentialError>() {
            Ok(error) => return Self::Credentials(*error),
            Err(source) => source,
        };
        Self::Connection(match source.downcast::<ConnectionError>() {
            Ok(connection) => *connection,
            Err(source) => {
                ConnectionError { server: None, proxy: None, cause: ConnectionCause::Broken(source) }
            }
        })
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, proxy, cause } = self;
        let server = server.as_deref().unwrap_or("the API server");
        match cause {
            ConnectionCause::Slow(after) => {
                write!(f, "no answer from {server} after {} s", after.as_secs())?;
            }
            ConnectionCause::Broken(_) => write!(f, "cannot connect to {server}")?,
        }
        match proxy {
            Some(proxy) => write!(f, " through proxy {proxy}"),
            None => Ok(()),
        }
    }
}

impl StdError for ConnectionError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.cause {
            ConnectionCause::Slow(_) => None,
            ConnectionCause::Broken(source) => Some(deepest(source.as_ref())),
        }
    }
}

/// Returns the last cause. The errors above it are words of the HTTP client, such as `client error (Connect)`.
fn deepest<'a>(error: &'a (dyn StdError + 'static)) -> &'a (dyn StdError + 'static) {
    // The bound is for a chain that leads back to itself.
    let mut deepest = error;
    for _ in 0..32 {
        let Some(cause) = deepest.source() else { break };
        deepest = cause;
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limit_of_the_client_has_the_same_words_everywhere() {
        let shown = |source: io::Error| {
            let cause = ConnectionCause::of(Box::new(source));
            ConnectionError { server: Some("https://a:6443".to_owned()), proxy: None, cause }.to_string()
        };
        let ended = io::Error::new(io::ErrorKind::TimedOut, "deadline has elapsed");
        assert_eq!(shown(ended), "no answer from https://a:6443 after 8 s");
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(shown(refused), "cannot connect to https://a:6443");
    }
}
