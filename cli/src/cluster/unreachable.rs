//! A connection that failed, in devctl's words.

use std::{error::Error as StdError, fmt};

use devplat_connect::ConnectionError;

/// An API server that cannot be reached.
#[derive(Debug)]
pub(crate) struct Unreachable {
    /// Its URL.
    pub(super) server: String,
    /// The connection.
    pub(super) connection: ConnectionError,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, connection } = self;
        write!(f, "the API server at {server} cannot be reached")?;
        match &connection.proxy {
            Some(proxy) => write!(f, " through proxy {proxy}"),
            None => Ok(()),
        }
    }
}

impl StdError for Unreachable {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // The connection's own words would repeat server and proxy.
        self.connection.source()
    }
}
