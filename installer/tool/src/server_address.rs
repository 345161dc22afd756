//! Addresses of servers, and whether they name this machine.

use std::net::{IpAddr, SocketAddr};

/// The host of a server and its port, as in `localhost:5001` or `[::1]:5001`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerAddress {
    /// The name or address, without brackets.
    pub(crate) name: String,
    /// The port, if given.
    pub(crate) port: Option<u16>,
}

impl ServerAddress {
    pub(crate) fn of(authority: &str) -> Self {
        if let Some((address, rest)) = authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let port = rest.strip_prefix(':').and_then(|port| port.parse().ok());
            return Self { name: address.to_owned(), port };
        }
        match authority.rsplit_once(':') {
            Some((name, port)) if !name.contains(':') => match port.parse() {
                Ok(port) => Self { name: name.to_owned(), port: Some(port) },
                Err(_) => Self { name: authority.to_owned(), port: None },
            },
            _ => Self { name: authority.to_owned(), port: None },
        }
    }

    /// Returns whether the name alone identifies this machine: a loopback address, `localhost`, or a name that ends in
    /// `.localhost` (RFC 6761).
    pub(crate) fn is_loopback_by_name(&self) -> bool {
        self.is_localhost() || self.name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    /// Returns whether this is `localhost` or a name below it, which resolvers need not know.
    pub(crate) fn is_localhost(&self) -> bool {
        let name = self.name.trim_end_matches('.').to_ascii_lowercase();
        name == "localhost" || name.ends_with(".localhost")
    }

    /// Returns the IP addresses of the host; for names below `localhost` the loopback addresses, without asking the
    /// resolver.
    pub(crate) async fn resolve(&self, usual_port: u16) -> std::io::Result<Vec<SocketAddr>> {
        let port = self.port.unwrap_or(usual_port);
        let name = if self.is_localhost() { "localhost" } else { &self.name };
        Ok(tokio::net::lookup_host((name, port)).await?.collect())
    }
}

/// Returns whether there are addresses and all of them are loopback addresses.
pub(crate) fn all_loopback(addresses: &[SocketAddr]) -> bool {
    !addresses.is_empty() && addresses.iter().all(|address| address.ip().to_canonical().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_is_split_from_its_port() {
        let of = |authority| {
            let ServerAddress { name, port } = ServerAddress::of(authority);
            (name, port)
        };
        assert_eq!(of("localhost:5001"), ("localhost".to_owned(), Some(5001)));
        assert_eq!(of("[::1]:5001"), ("::1".to_owned(), Some(5001)));
        assert_eq!(of("[::1]"), ("::1".to_owned(), None));
        assert_eq!(of("registry.example"), ("registry.example".to_owned(), None));
        assert_eq!(of("::1"), ("::1".to_owned(), None));
    }

    #[tokio::test]
    async fn name_that_resolves_to_loopback_is_loopback() {
        for name in ["localhost", "LOCALHOST:5001", "registry.localhost:5001", "127.0.0.2:5001", "[::1]:5001"]
        {
            let server = ServerAddress::of(name);
            assert!(server.is_loopback_by_name(), "{name}");
            assert!(all_loopback(&server.resolve(443).await.unwrap()), "{name}");
        }
        assert!(!ServerAddress::of("notlocalhost").is_loopback_by_name());
        assert!(!ServerAddress::of("192.0.2.7:5001").is_loopback_by_name());
        assert!(!all_loopback(&[]));
        assert!(all_loopback(&["[::ffff:127.0.0.1]:1".parse().unwrap()]));
    }
}
