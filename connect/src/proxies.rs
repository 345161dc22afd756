//! Chooses the proxy for an API server by the rules of Go's `golang.org/x/net/http/httpproxy`, which kubectl follows. A
//! `proxy-url` of the kubeconfig overrides them.

use std::{ffi::OsStr, net::IpAddr};

use http::Uri;
use ipnet::IpNet;

/// The proxies that the environment names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxyRules {
    /// The proxy for `https` addresses.
    pub https: Option<Proxy>,
    /// The proxy for `http` addresses.
    pub http: Option<Proxy>,
    /// The addresses that are reached without a proxy.
    pub no_proxy: Vec<Exception>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    /// Its address; `http`, `https`, `socks5` or `socks5h`.
    pub url: String,
    /// Its origin, such as `HTTPS_PROXY`.
    pub origin: String,
}

impl Proxy {
    /// Returns the address without its password, and the origin.
    pub(super) fn shown(&self) -> String {
        let Self { url, origin } = self;
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        format!("{scheme}://{}, from {origin}", rest.trim_end_matches('/'))
    }
}

/// An entry of `NO_PROXY`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exception {
    /// `*`.
    All,
    /// Such as `10.0.0.0/8`.
    Network(IpNet),
    /// An address, on one port or on all.
    Address {
        /// The address.
        ip: IpAddr,
        port: Option<String>,
    },
    /// A domain, on one port or on all.
    Domain {
        /// With a leading dot.
        suffix: String,
        /// Whether the entry matches the domain itself as well as names in it.
        itself: bool,
        port: Option<String>,
    },
}

impl ProxyRules {
    /// Reads the rules from the variables of a process: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, or the same in
    /// lower case. The first that is not empty counts. Values that are not UTF-8 are left out: a proxy that is not UTF-8
    /// is not an address.
    pub fn from_variables(
        variables: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
    ) -> Self {
        let text = |text: &OsStr| text.to_str().map(str::to_owned);
        let variables: Vec<(String, String)> = variables
            .into_iter()
            .filter_map(|(name, value)| Some((text(name.as_ref())?, text(value.as_ref())?)))
            .collect();
        let first = |names: [&'static str; 2]| {
            names.into_iter().find_map(|name| {
                let value = &variables.iter().find(|(known, value)| known == name && !value.is_empty())?.1;
                Some((name, value.as_str()))
            })
        };
        let proxy = |names| {
            first(names).map(|(name, value)| Proxy { url: with_scheme(value), origin: name.to_owned() })
        };
        // In a CGI program, HTTP_PROXY comes from the header `Proxy` of a request, so it is not trusted.
        let cgi = variables.iter().any(|(name, value)| name == "REQUEST_METHOD" && !value.is_empty());
        Self {
            https: proxy(["HTTPS_PROXY", "https_proxy"]),
            http: if cgi { None } else { proxy(["HTTP_PROXY", "http_proxy"]) },
            no_proxy: exceptions(first(["NO_PROXY", "no_proxy"]).map_or("", |(_, value)| value)),
        }
    }

    /// Returns the proxy for `server`, or `None` if connections to it are direct.
    pub fn proxy_for(&self, server: &Uri) -> Option<&Proxy> {
        let (proxy, default_port) = match server.scheme_str() {
            Some("https") => (self.https.as_ref()?, 443),
            Some("http") => (self.http.as_ref()?, 80),
            _ => return None,
        };
        let host = server.host()?.trim_matches(['[', ']']).to_lowercase();
        let ip: Option<IpAddr> = host.parse().ok();
        if host == "localhost" || ip.is_some_and(|ip| ip.is_loopback()) {
            return None;
        }
        let port = server.port_u16().unwrap_or(default_port).to_string();
        let direct = self.no_proxy.iter().any(|exception| exception.matches(&host, ip, &port));
        (!direct).then_some(proxy)
    }
}

impl Exception {
    fn matches(&self, host: &str, address: Option<IpAddr>, own_port: &str) -> bool {
        let fits = |port: &Option<String>| port.as_deref().is_none_or(|port| port == own_port);
        match self {
            Self::All => true,
            Self::Network(network) => address.is_some_and(|address| network.contains(&address)),
            Self::Address { ip, port } => address == Some(*ip) && fits(port),
            Self::Domain { suffix, itself, port } => {
                let named = host.ends_with(suffix.as_str()) || (*itself && suffix.get(1..) == Some(host));
                address.is_none() && named && fits(port)
            }
        }
    }
}

/// Adds a scheme to a proxy that is written as `host:port`.
fn with_scheme(proxy: &str) -> String {
    if proxy.contains("://") { proxy.to_owned() } else { format!("http://{proxy}") }
}

fn exceptions(text: &str) -> Vec<Exception> {
    let mut exceptions = Vec::new();
    for entry in text.split(',') {
        let entry = entry.trim().to_lowercase();
        if entry == "*" {
            return vec![Exception::All];
        }
        exceptions.extend(exception(&entry));
    }
    exceptions
}

fn exception(entry: &str) -> Option<Exception> {
    if let Ok(network) = entry.parse::<IpNet>() {
        return Some(Exception::Network(network));
    }
    let (host, port) = split_port(entry);
    if host.is_empty() {
        return None;
    }
    if let Ok(ip) = host.parse() {
        return Some(Exception::Address { ip, port });
    }
    let host = if host.starts_with("*.") { &host[1..] } else { host };
    let itself = !host.starts_with('.');
    let suffix = if itself { format!(".{host}") } else { host.to_owned() };
    Some(Exception::Domain { suffix, itself, port })
}

/// Splits `host:port` and `[address]:port`; any other text is a host without a port, as in Go's `net.SplitHostPort`.
fn split_port(entry: &str) -> (&str, Option<String>) {
    let port = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    if let Some(rest) = entry.strip_prefix('[') {
        return match rest.split_once("]:") {
            Some((host, digits)) => (host, port(digits)),
            None => (entry, None),
        };
    }
    match entry.split_once(':') {
        Some((host, digits)) if !digits.contains(':') => (host, port(digits)),
        _ => (entry, None),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    fn rules(no_proxy: &str) -> ProxyRules {
        ProxyRules::from_variables([("HTTPS_PROXY", "http://proxy:3128"), ("NO_PROXY", no_proxy)])
    }

    #[test]
    fn exceptions_match_as_in_go() {
        for (no_proxy, server, proxied) in [
            ("", "https://api.example.com:6443", true),
            ("example.com", "https://api.example.com:6443", false),
            ("example.com", "https://example.com", false),
            ("example.com", "https://notexample.com", true),
            (".example.com", "https://api.example.com", false),
            (".example.com", "https://example.com", true),
            ("*.example.com", "https://api.example.com", false),
            ("*.example.com", "https://example.com", true),
            ("EXAMPLE.com", "https://API.example.COM", false),
            ("example.com:6443", "https://example.com:6443", false),
            ("example.com:6443", "https://example.com", true),
            ("example.com:443", "https://example.com", false),
            (" a , example.com ", "https://example.com", false),
            ("*", "https://10.0.0.1", false),
            ("a,*", "https://b", false),
            ("10.0.0.0/8", "https://10.1.2.3:6443", false),
            ("10.0.0.0/8", "https://11.1.2.3:6443", true),
            ("10.1.2.3/8", "https://10.200.0.1", false),
            ("fd00::/8", "https://[fd00::1]:6443", false),
            ("10.1.2.3", "https://10.1.2.3:6443", false),
            ("10.1.2.3:443", "https://10.1.2.3:6443", true),
            ("[fd00::1]:6443", "https://[fd00::1]:6443", false),
            ("fd00::1", "https://[fd00::1]:6443", false),
            ("1.2.3", "https://10.1.2.3", true),
            (":6443", "https://example.com:6443", true),
            (",,", "https://example.com", true),
        ] {
            let server: Uri = server.parse().unwrap();
            assert_eq!(rules(no_proxy).proxy_for(&server).is_some(), proxied, "{no_proxy} {server}");
        }
    }

    #[test]
    fn loopback_never_goes_to_a_proxy() {
        for server in
            ["https://localhost:6443", "https://127.0.0.1", "https://127.8.0.1:1", "https://[::1]:6443"]
        {
            assert_eq!(rules("").proxy_for(&server.parse().unwrap()), None, "{server}");
        }
    }

    #[test]
    fn variables_are_read_in_both_spellings_unless_empty() {
        let variables = [("HTTPS_PROXY", ""), ("https_proxy", "proxy:3128"), ("http_proxy", "http://plain")];
        let rules = ProxyRules::from_variables(variables);
        let server: Uri = "https://example.com".parse().unwrap();
        assert_eq!(rules.proxy_for(&server).unwrap().shown(), "http://proxy:3128, from https_proxy");
        let plain: Uri = "http://example.com".parse().unwrap();
        assert_eq!(rules.proxy_for(&plain).unwrap().url, "http://plain");
    }

    #[test]
    fn proxy_that_is_not_utf8_is_left_out() {
        let broken = OsStr::from_bytes(b"http://\xff:3128");
        let rules = ProxyRules::from_variables([
            (OsStr::new("HTTPS_PROXY"), broken),
            (OsStr::new("https_proxy"), OsStr::new("proxy:3128")),
        ]);
        let server: Uri = "https://example.com".parse().unwrap();
        assert_eq!(rules.proxy_for(&server).unwrap().shown(), "http://proxy:3128, from https_proxy");
    }

    #[test]
    fn password_of_a_proxy_is_not_shown() {
        let proxy =
            Proxy { url: "http://me:secret@proxy:3128/".to_owned(), origin: "HTTPS_PROXY".to_owned() };
        assert_eq!(proxy.shown(), "http://proxy:3128, from HTTPS_PROXY");
    }
}
