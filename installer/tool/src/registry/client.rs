//! The clients of registries in one run. All images of a registry share one, because a new client reads every root
//! certificate of this machine, and its credential helper may ask the user.

use std::{collections::HashMap, sync::Arc, time::Duration};

use oci_client::{
    Client,
    client::{ClientConfig, ClientProtocol},
    secrets::RegistryAuth,
};
use tokio::sync::Mutex;

use super::{
    credentials::{RegistryLogin, credentials},
    error::RegistryError,
    place,
    push_step::PushStep,
};
use crate::{Surroundings, server_address::ServerAddress};

/// How long connecting to a registry may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// How long a pause in an answer may be.
const READ_LIMIT: Duration = Duration::from_mins(2);

/// The protocol of a registry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Manner {
    /// Whether to use plain HTTP. For a registry on this machine, a probe decides instead.
    pub plain_http: bool,
    /// Whether to send each blob in one request, as ECR requires, instead of in chunks.
    pub monolithic: bool,
}

/// A client of one registry, with credentials.
#[derive(Clone)]
pub(super) struct RegistryClient {
    pub(super) client: Client,
    pub(super) auth: RegistryAuth,
    /// The proxies that it may use, for messages.
    pub(super) proxy: Option<String>,
}

/// The clients of one run, by the name of the registry and the manner of its requests.
#[derive(Clone, Default)]
pub struct RegistryClients(Arc<Mutex<HashMap<(String, Manner), RegistryClient>>>);

impl RegistryClients {
    /// Returns the client of `registry`; the first call creates it, with the credentials that `docker login` stored.
    pub(super) async fn with(
        &self,
        registry: &str,
        manner: Manner,
        surroundings: &Surroundings,
        tell: impl Fn(PushStep<'_>),
    ) -> Result<RegistryClient, RegistryError> {
        // Locked until it is created, so that concurrent images ask for credentials once. Other registries wait meanwhile, and
        // a failure is not kept.
        let mut created = self.0.lock().await;
        let key = (registry.to_owned(), manner);
        if let Some(client) = created.get(&key) {
            return Ok(client.clone());
        }
        let client = RegistryClient::create(registry, manner, surroundings, tell).await?;
        created.insert(key, client.clone());
        Ok(client)
    }
}

impl RegistryClient {
    async fn create(
        registry: &str,
        manner: Manner,
        surroundings: &Surroundings,
        tell: impl Fn(PushStep<'_>),
    ) -> Result<Self, RegistryError> {
        let here = match place::on_this_machine(registry).await {
            Ok(here) => here,
            // A name that this machine cannot resolve may be reachable through a proxy.
            Err(_) if surroundings.proxies().next().is_some() => None,
            Err(source) => return Err(RegistryError::Unresolved { registry: registry.to_owned(), source }),
        };
        let plain = match &here {
            Some(addresses) if !manner.plain_http => {
                // A registry that is silent now would be so for every further call.
                place::speaks_plain_http(addresses).await.ok_or_else(|| RegistryError::Silent {
                    registry: registry.to_owned(),
                    after: place::PROBE_LIMIT,
                })?
            }
            Some(_) | None => manner.plain_http,
        };
        let login = credentials(surroundings, registry, tell).await;
        let login = login.map_err(|source| RegistryError::Credentials {
            registry: registry.to_owned(),
            source: Box::new(source),
        })?;
        // Two providers of cryptography are linked, so rustls needs a choice. Only the first call has an effect.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = ClientConfig {
            protocol: if plain { ClientProtocol::Http } else { ClientProtocol::Https },
            use_monolithic_push: manner.monolithic,
            connect_timeout: Some(CONNECT_LIMIT),
            read_timeout: Some(READ_LIMIT),
            ..proxied(here.is_none().then_some(surroundings), registry)
        };
        let client = Client::try_from(config).map_err(|error| RegistryError::Other {
            registry: registry.to_owned(),
            source: Box::new(error),
        })?;
        Ok(Self {
            client,
            auth: login.map_or(RegistryAuth::Anonymous, RegistryLogin::into_auth),
            proxy: if here.is_none() { named_proxies(surroundings) } else { None },
        })
    }
}

/// Returns a configuration for `registry` with the proxies of these surroundings; without proxies for a registry on this
/// machine. Without it, the client would read the environment.
pub(super) fn proxied(surroundings: Option<&Surroundings>, registry: &str) -> ClientConfig {
    let text = |names: [&str; 4]| {
        let all = surroundings?;
        names.into_iter().find_map(|name| all.text(name)).map(str::to_owned)
    };
    let https = text(["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]);
    let http = text(["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]);
    let none = text(["NO_PROXY", "no_proxy", "NO_PROXY", "no_proxy"]);
    let none = none.map(|listed| exceptions(&listed, registry));
    match (&https, &http) {
        // A proxy that is never used keeps the client from reading the environment.
        (None, None) => ClientConfig {
            https_proxy: Some("http://127.0.0.1:9".to_owned()),
            // Exclude all names and all addresses.
            no_proxy: Some("*,0.0.0.0/0,::/0".to_owned()),
            ..ClientConfig::default()
        },
        _ => ClientConfig { https_proxy: https, http_proxy: http, no_proxy: none, ..ClientConfig::default() },
    }
}

/// Returns `NO_PROXY` for a client of `registry` that follows the rules of Go's programs, such as Docker and kubectl. The
/// client itself knows neither ports nor `*.example`, and takes `.example` for the domain itself as well.
fn exceptions(listed: &str, registry: &str) -> String {
    let own = ServerAddress::of(registry);
    let fits = |port: u16| own.port.map_or([80, 443].contains(&port), |own| own == port);
    let exception = |entry: &str| {
        let ServerAddress { name, port } = ServerAddress::of(entry.trim());
        let name = if name.starts_with("*.") { name[1..].to_owned() } else { name };
        let only_below = name.strip_prefix('.').is_some_and(|domain| domain.eq_ignore_ascii_case(&own.name));
        (port.is_none_or(fits) && !only_below).then_some(name)
    };
    listed.split(',').filter_map(exception).collect::<Vec<_>>().join(",")
}

/// Returns the proxies in the environment, without user names and passwords.
pub(super) fn named_proxies(surroundings: &Surroundings) -> Option<String> {
    let named: Vec<String> = surroundings
        .proxies()
        .map(|(name, value)| {
            let value = value.to_string_lossy();
            let (scheme, rest) = value.split_once("://").unwrap_or(("http", &value));
            let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            format!("{name}={scheme}://{host}")
        })
        .collect();
    (!named.is_empty()).then(|| named.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_have_gos_meaning_for_the_registry() {
        for (listed, registry, expected) in [
            ("a.example, b.example", "a.example", "a.example,b.example"),
            ("a.example:5000", "a.example:5000", "a.example"),
            ("a.example:5001", "a.example:5000", ""),
            ("a.example:443,a.example:5000", "a.example", "a.example"),
            (".example", "a.example", ".example"),
            (".a.example", "a.example", ""),
            ("*.example", "a.example", ".example"),
            ("*.a.example", "A.example:5000", ""),
            ("*", "a.example", "*"),
            ("10.0.0.0/8,fd00::/8,fd00::1", "a.example", "10.0.0.0/8,fd00::/8,fd00::1"),
            ("10.1.2.3:5000,10.1.2.4:1", "10.1.2.3:5000", "10.1.2.3"),
            ("[fd00::1]:5000", "[fd00::1]:5000", "fd00::1"),
        ] {
            assert_eq!(exceptions(listed, registry), expected, "{listed} {registry}");
        }
    }
}
