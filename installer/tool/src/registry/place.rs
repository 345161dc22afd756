//! The name to connect to for a registry, and the choice between HTTP and HTTPS.

use std::{io, net::SocketAddr, time::Duration};

use devplat_image::Reference;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{RegistryError, host};
use crate::{
    ports,
    server_address::{ServerAddress, all_loopback},
};

/// How long the first bytes of a registry on this machine may take.
pub(super) const PROBE_LIMIT: Duration = Duration::from_secs(5);
/// How long the resolver may take.
const RESOLVE_LIMIT: Duration = Duration::from_secs(10);

/// The parts of a reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    /// The registry's name in the reference.
    pub(super) registry: String,
    pub(super) repository: String,
    pub(super) digest: String,
}

impl Parts {
    /// Splits a reference. Accepts IPv6 addresses, which the client's own parser rejects.
    pub(super) fn of(reference: &Reference) -> Result<Self, RegistryError> {
        let text = reference.as_str();
        let wrong = |why| RegistryError::Reference { reference: text.to_owned(), why };
        let (name, digest) = text.split_once('@').ok_or_else(|| wrong("it has no digest"))?;
        let (first, rest) = name.split_once('/').ok_or_else(|| wrong("it has no path"))?;
        let (registry, repository) = if host::is_host(first) { (first, rest) } else { (host::HUB, name) };
        let letter = |letter: char| letter.is_ascii_alphanumeric() || "-.:[]".contains(letter);
        if registry.is_empty() || !registry.chars().all(letter) {
            return Err(wrong("its host has characters that a host cannot have"));
        }
        if repository.chars().any(|letter| letter.is_ascii_uppercase()) {
            return Err(wrong("its path has capital letters"));
        }
        let part = |part: &str| {
            let inside = |letter: char| {
                letter.is_ascii_lowercase() || letter.is_ascii_digit() || "._-".contains(letter)
            };
            let end = |letter: char| letter.is_ascii_alphanumeric();
            part.chars().all(inside) && part.starts_with(end) && part.ends_with(end)
        };
        if repository.len() > 255 || !repository.split('/').all(part) {
            return Err(wrong("its path has characters that a path cannot have"));
        }
        let (registry, repository) = (registry.to_owned(), repository.to_owned());
        Ok(Self { registry, repository, digest: digest.to_owned() })
    }

    /// Returns the name to connect to. Names below `localhost` are this machine (RFC 6761), but its resolver need not
    /// know them.
    pub(super) fn connected_as(&self) -> String {
        let address = ServerAddress::of(&self.registry);
        match (address.is_localhost(), address.port) {
            (false, _) => self.registry.clone(),
            (true, None) => "localhost".to_owned(),
            (true, Some(port)) => format!("localhost:{port}"),
        }
    }
}

/// Returns the addresses of a registry if all of them are loopback addresses or this machine's own.
pub(super) async fn on_this_machine(registry: &str) -> io::Result<Option<Vec<SocketAddr>>> {
    let addresses = resolved(registry).await?;
    let own = ports::own_addresses();
    let local =
        !addresses.is_empty() && addresses.iter().all(|address| own.contains(&address.ip().to_canonical()));
    Ok((all_loopback(&addresses) || local).then_some(addresses))
}

async fn resolved(registry: &str) -> io::Result<Vec<SocketAddr>> {
    let address = ServerAddress::of(registry);
    match tokio::time::timeout(RESOLVE_LIMIT, address.resolve(443)).await {
        Ok(addresses) => addresses,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Returns whether a registry answers plain HTTP. Fails if it does not answer. Sends no credentials.
pub async fn answers_in_plain_http(registry: &str) -> io::Result<bool> {
    first_answer(&resolved(registry).await?).await
}

/// Returns whether a server at one of these addresses answers plain HTTP; `None` if it accepts connections and gives no
/// answer.
pub(super) async fn speaks_plain_http(addresses: &[SocketAddr]) -> Option<bool> {
    match first_answer(addresses).await {
        Ok(plain) => Some(plain),
        Err(error) if error.kind() == io::ErrorKind::TimedOut => None,
        Err(_) => Some(false),
    }
}

async fn first_answer(addresses: &[SocketAddr]) -> io::Result<bool> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match tokio::time::timeout(PROBE_LIMIT, probe(*address)).await {
            Ok(Ok(plain)) => return Ok(plain),
            Ok(Err(error)) => last = error,
            Err(_) => last = io::ErrorKind::TimedOut.into(),
        }
    }
    Err(last)
}

async fn probe(address: SocketAddr) -> io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /v2/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = [0; 12];
    match stream.read_exact(&mut answer).await {
        // An HTTPS server answers plain HTTP with status 400 or with a TLS alert.
        Ok(_) => Ok(answer.starts_with(b"HTTP/1.") && &answer[8..] != b" 400"),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use devplat_image::{Digest, ImageName};
    use tokio::net::TcpListener;

    use super::*;

    fn of(prefix: &str) -> Result<Parts, RegistryError> {
        Parts::of(&Reference::in_registry(prefix, ImageName::Agent, &Digest::of(b"x")))
    }

    #[test]
    fn registry_is_the_part_before_the_path() {
        for (prefix, registry, repository, connected) in [
            ("localhost:5001/team", "localhost:5001", "team/devplat-agent", "localhost:5001"),
            ("[::1]:5001/team", "[::1]:5001", "team/devplat-agent", "[::1]:5001"),
            (
                "registry.localhost:5001/team",
                "registry.localhost:5001",
                "team/devplat-agent",
                "localhost:5001",
            ),
            ("127.0.0.2:5001", "127.0.0.2:5001", "devplat-agent", "127.0.0.2:5001"),
            ("team/a", "docker.io", "team/a/devplat-agent", "docker.io"),
        ] {
            let parts = of(prefix).unwrap();
            assert_eq!((parts.registry.as_str(), parts.repository.as_str()), (registry, repository));
            assert_eq!(parts.connected_as(), connected);
        }
    }

    #[test]
    fn mistakes_in_references_are_named() {
        for (prefix, why) in [
            ("registry.example/Team", "its path has capital letters"),
            ("registry.example/a//b", "its path has characters that a path cannot have"),
            ("regis try.example:5/a", "its host has characters that a host cannot have"),
        ] {
            let error = of(prefix).unwrap_err();
            assert!(error.to_string().ends_with(why), "{error}");
        }
        assert!(Parts::of(&Reference::given("registry.example/a:tag")).is_err());
    }

    #[tokio::test]
    async fn plain_http_is_distinguished_from_https_and_silence() {
        async fn server(answer: &'static [u8]) -> SocketAddr {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 8];
                stream.read_exact(&mut request).await.unwrap();
                stream.write_all(answer).await.unwrap();
            });
            address
        }
        for (answer, plain) in [
            (b"HTTP/1.1 401 Unauthorized\r\n\r\n".as_slice(), true),
            (b"HTTP/1.0 400 Bad Request\r\n\r\n", false),
            (b"\x15\x03\x01\x00\x02\x02\x46", false),
        ] {
            assert_eq!(speaks_plain_http(&[server(answer).await]).await, Some(plain));
        }
        let nothing = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        assert_eq!(speaks_plain_http(&[nothing]).await, Some(false));
        assert!(answers_in_plain_http(&nothing.to_string()).await.is_err());
    }
}
