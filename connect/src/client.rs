//! Creates clients: proxies, certificates and logins of an entry of a kubeconfig.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use http::Uri;
use kube::{
    Client, Config,
    config::{AuthInfo, AuthProviderConfig, Cluster},
};
use secrecy::SecretString;

use crate::{
    Clock, ConnectError, CredentialError, Entry, Plugins, Proxy, ProxyRules, Token, TokenSource, certificate,
    clock, connection::SILENCE, plugin, service::Connection,
};

/// How long the token of a file is used before the file is read again, as in client-go.
const FILE_TOKEN: Duration = Duration::from_mins(1);

/// The caller's part of a connection.
pub struct Setup<'a> {
    /// The proxies that the caller's environment names.
    pub proxies: &'a ProxyRules,
    /// Runs the credential plugin of the kubeconfig, if it has one.
    pub plugins: Arc<dyn Plugins>,
    /// Decides whether credentials have expired.
    pub clock: Clock,
    /// Whether the client retries requests that are answered with 429, 503 or 504. Not for a caller that retries by
    /// itself, so that a stop ends the retries.
    pub retries: bool,
}

/// Returns a client for `entry`, logged in if the user has a plugin. If `source` is given, it replaces the user of the
/// entry.
pub async fn client(
    entry: Entry,
    setup: Setup<'_>,
    source: Option<Arc<dyn TokenSource>>,
) -> Result<Client, ConnectError> {
    let Entry { context, cluster, user, namespace } = entry;
    let Setup { proxies, plugins, clock, retries } = setup;
    let server = cluster.server.clone().filter(|server| !server.is_empty()).ok_or(ConnectError::NoServer)?;
    // Like kubectl, read an address without a scheme as http.
    let server = if server.contains("://") { server } else { format!("http://{server}") };
    let uri = address("server", &server)?;
    let mut config = Config::new(uri.clone());
    let own = cluster.proxy_url.clone().filter(|url| !url.is_empty());
    let proxy = match own {
        Some(url) => Some(Proxy { url, origin: "the kubeconfig's proxy-url".to_owned() }),
        None => proxies.proxy_for(&uri).cloned(),
    };
    if let Some(proxy) = &proxy {
        // With socks5, too, the proxy resolves the names.
        let url = proxy.url.strip_prefix("socks5h://").map(|rest| format!("socks5://{rest}"));
        config.proxy_url = Some(address("proxy", url.as_deref().unwrap_or(&proxy.url))?);
    }
    config.root_cert = certificate::authorities(&cluster)?;
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    config.tls_server_name = cluster.tls_server_name.clone();
    config.connect_timeout = Some(SILENCE);
    config.default_retry = retries;
    if let Some(namespace) = namespace.filter(|namespace| !namespace.is_empty()) {
        config.default_namespace = namespace;
    }
    certificate::check_user(&user, clock::now(&clock))?;
    let source = match source {
        Some(source) => {
            config.auth_info = impersonation(&user);
            Some(source)
        }
        None => {
            let (fixed, source) = login(context, user, cluster, plugins, &clock)?;
            config.auth_info = fixed;
            source
        }
    };
    let default_namespace = config.default_namespace.clone();
    let connection = Arc::new(Connection::new(config, proxy.as_ref().map(Proxy::shown), source, clock));
    connection.log_in().await.map_err(|error| match error.downcast::<CredentialError>() {
        Ok(error) => ConnectError::Credentials(*error),
        Err(error) => ConnectError::Other(error),
    })?;
    let service = tower::service_fn(move |request| {
        let connection = Arc::clone(&connection);
        async move { connection.send(request).await }
    });
    Ok(Client::new(service, default_namespace))
}

fn address(part: &'static str, text: &str) -> Result<Uri, ConnectError> {
    text.parse().map_err(|source| ConnectError::Address { part, text: text.to_owned(), source })
}

/// Returns the credentials of a user that never change, and the source of those that do.
fn login(
    context: String,
    mut user: AuthInfo,
    cluster: Cluster,
    plugins: Arc<dyn Plugins>,
    clock: &Clock,
) -> Result<(AuthInfo, Option<Arc<dyn TokenSource>>), CredentialError> {
    let exec = user.exec.take();
    let provider = user.auth_provider.take();
    let file = user.token_file.take().filter(|file| !file.is_empty());
    // Like client-go, read the file first, and use the token beside it only if that fails.
    if let Some(file) = file {
        let fallback = user.token.take();
        let source = TokenFile { path: file.into(), fallback, clock: Arc::clone(clock) };
        return Ok((user, Some(Arc::new(source))));
    }
    if user.token.is_some() || user.username.is_some() {
        return Ok((user, None));
    }
    if let Some(exec) = exec {
        let source = plugin::PluginSource { context, exec, cluster, plugins };
        return Ok((user, Some(Arc::new(source))));
    }
    if let Some(AuthProviderConfig { name, config, other: _ }) = provider {
        match config.get("id-token") {
            Some(token) if name == "oidc" => user.token = Some(SecretString::from(token.clone())),
            _ => return Err(CredentialError::AuthProvider(name)),
        }
    }
    Ok((user, None))
}

/// Returns the user that the kubeconfig impersonates.
fn impersonation(user: &AuthInfo) -> AuthInfo {
    AuthInfo {
        impersonate: user.impersonate.clone(),
        impersonate_uid: user.impersonate_uid.clone(),
        impersonate_groups: user.impersonate_groups.clone(),
        impersonate_user_extra: user.impersonate_user_extra.clone(),
        ..AuthInfo::default()
    }
}

/// A file with a token, which another program may replace.
struct TokenFile {
    path: PathBuf,
    fallback: Option<SecretString>,
    clock: Clock,
}

impl TokenSource for TokenFile {
    fn token(&self, _fresh: bool) -> BoxFuture<'_, Result<Token, CredentialError>> {
        Box::pin(async move {
            let bearer = match (read_token(&self.path), &self.fallback) {
                (Ok(token), _) => token,
                (Err(_), Some(fallback)) => fallback.clone(),
                (Err(error), None) => return Err(error),
            };
            let expires = clock::now(&self.clock) + FILE_TOKEN;
            Ok(Token { bearer: Some(bearer), certificate: None, expires: Some(expires) })
        })
    }
}

fn read_token(path: &Path) -> Result<SecretString, CredentialError> {
    let file = |source| CredentialError::File {
        part: "token file",
        path: path.to_owned(),
        source: Arc::new(source),
    };
    Ok(SecretString::from(fs::read_to_string(path).map_err(file)?.trim().to_owned()))
}
