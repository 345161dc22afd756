//! Whether the registry of an image answers: directly, or through the proxy that the shell names for it.

use std::{io, time::Duration};

use devplat_kubernetes::connect::{Proxy, ProxyRules};
use devplat_tool::{
    Surroundings,
    registry::{HUB, registry_of},
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use crate::host::Host;

/// How long a registry may take to accept a connection, with its proxy.
const PATIENCE: Duration = Duration::from_secs(3);
/// The size limit of the first line of a proxy's answer, in bytes.
const LONGEST_LINE: u64 = 1024;

/// Returns whether the registry of an image answers. If this machine gets no answer, its nodes get none.
pub(super) async fn answers(reference: &str, host: &Host) -> bool {
    let registry = address(reference);
    tokio::select! {
        answered = tokio::time::timeout(PATIENCE, connects(&registry, &host.surroundings)) => {
            matches!(answered, Ok(Ok(true)))
        }
        () = host.stop.until_asked() => false,
    }
}

/// Returns the address of the registry of an image, with its port.
fn address(reference: &str) -> String {
    let registry = match registry_of(reference) {
        HUB => "registry-1.docker.io",
        other => other,
    };
    with_port(registry, 443)
}

fn with_port(authority: &str, usual: u16) -> String {
    let after_address = authority.rfind(']').map_or(0, |end| end + 1);
    if authority[after_address..].contains(':') {
        authority.to_owned()
    } else {
        format!("{authority}:{usual}")
    }
}

async fn connects(registry: &str, surroundings: &Surroundings) -> io::Result<bool> {
    let rules = ProxyRules::from_variables(&surroundings.variables);
    let server = format!("https://{registry}").parse();
    match server.ok().and_then(|server| rules.proxy_for(&server)) {
        None => TcpStream::connect(registry).await.map(|_| true),
        Some(proxy) => connects_through(proxy, registry).await,
    }
}

async fn connects_through(proxy: &Proxy, registry: &str) -> io::Result<bool> {
    let Proxy { url, origin: _ } = proxy;
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, authority)| authority);
    let usual = match scheme {
        "http" => 80,
        "https" => 443,
        _ => 1080,
    };
    let mut stream = BufReader::new(TcpStream::connect(with_port(authority, usual)).await?);
    if scheme != "http" {
        // Only programs that speak TLS or SOCKS can ask it for the registry, so a proxy that is there counts.
        return Ok(true);
    }
    let request = format!("CONNECT {registry} HTTP/1.1\r\nHost: {registry}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut line = String::new();
    stream.take(LONGEST_LINE).read_line(&mut line).await?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse::<u16>().ok());
    // 407: it wants credentials, which are not sent here, so its answer does not depend on the registry.
    Ok(status.is_some_and(|status| (200..300).contains(&status) || status == 407))
}

#[cfg(test)]
mod tests {
    use tokio::{net::TcpListener, task::JoinHandle};

    use super::*;

    const IMAGE: &str = "registry.example/team/dev:1";

    /// Returns the address of a proxy with this answer, and the first line that it gets.
    async fn proxy(answer: &'static str) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let request = tokio::spawn(async move {
            let mut stream = BufReader::new(listener.accept().await.unwrap().0);
            let mut line = String::new();
            stream.read_line(&mut line).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            line
        });
        (address, request)
    }

    async fn reaches(reference: &str, variables: &[(&str, &str)]) -> bool {
        let surroundings = Surroundings::new(variables.iter().copied(), None);
        connects(&address(reference), &surroundings).await.unwrap_or(false)
    }

    #[test]
    fn registry_of_a_reference_has_its_name_and_port() {
        for (reference, expected) in [
            ("registry.example/team/dev:1", "registry.example:443"),
            ("registry.example:5000/dev:1", "registry.example:5000"),
            ("[::1]/dev", "[::1]:443"),
            ("[::1]:5000/dev", "[::1]:5000"),
            ("localhost/dev", "localhost:443"),
            ("docker.io/library/debian:13", "registry-1.docker.io:443"),
            ("team/dev:1", "registry-1.docker.io:443"),
            ("debian:13", "registry-1.docker.io:443"),
        ] {
            assert_eq!(address(reference), expected, "{reference}");
        }
    }

    #[tokio::test]
    async fn proxy_of_the_shell_decides_whether_a_registry_answers() {
        for (answer, expected) in [
            ("HTTP/1.1 200 Connection established\r\n\r\n", true),
            ("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", true),
            ("HTTP/1.1 403 Forbidden\r\n\r\n", false),
            ("HTTP/1.0 502 Bad Gateway\r\n\r\n", false),
            ("", false),
        ] {
            let (address, request) = proxy(answer).await;
            let url = format!("http://me:secret@{address}/");
            assert_eq!(reaches(IMAGE, &[("HTTPS_PROXY", &url)]).await, expected, "{answer:?}");
            assert_eq!(request.await.unwrap(), "CONNECT registry.example:443 HTTP/1.1\r\n");
        }
    }

    #[tokio::test]
    async fn registry_of_no_proxy_is_reached_directly() {
        let registry = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let reference = format!("{}/dev:1", registry.local_addr().unwrap());
        // Nothing listens on port 9.
        let dead = ("https_proxy", "http://127.0.0.1:9");
        assert!(reaches(&reference, &[dead]).await);
        assert!(!reaches(IMAGE, &[dead]).await);
        assert!(!reaches("127.0.0.1:9/dev:1", &[dead, ("NO_PROXY", "127.0.0.1")]).await);
    }
}
