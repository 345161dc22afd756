//! Tests of the connection: proxies, credentials and certificates.

mod server;

use std::{
    error::Error as StdError,
    fs,
    sync::{Arc, atomic::Ordering},
    time::{Duration, SystemTime},
};

use kube::{Client, config::Kubeconfig};

use crate::{
    Clock, ConnectError, CredentialError, Entry, NoAnswer, NoPlugins, PluginError, Plugins, ProxyRules,
    Setup, client, clock,
};
use server::{Scripted, Server, StandingClock, credential, proxy};

fn kubeconfig(server: &str, cluster: &str, user: &str) -> Kubeconfig {
    Kubeconfig::from_yaml(&format!(
        "clusters: [{{name: c, cluster: {{server: '{server}'{cluster}}}}}]\n\
         contexts: [{{name: test, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {user}}}]\n"
    ))
    .unwrap()
}

const PLUGIN: &str = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: plug}}";

async fn connect(
    kubeconfig: &Kubeconfig,
    proxies: &ProxyRules,
    plugins: Arc<dyn Plugins>,
    clock: Clock,
) -> Result<Client, ConnectError> {
    let setup = Setup { proxies, plugins, clock, retries: false };
    client(Entry::of(kubeconfig, "test").unwrap(), setup, None).await
}

async fn with_plugin(server: &Server, plugins: &Arc<Scripted>) -> Client {
    let kubeconfig = kubeconfig(&format!("http://{}", server.address), "", PLUGIN);
    let plugins: Arc<dyn Plugins> = Arc::clone(plugins) as _;
    connect(&kubeconfig, &ProxyRules::default(), plugins, system_clock()).await.unwrap()
}

fn system_clock() -> Clock {
    Arc::new(SystemTime::now)
}

/// Returns the reason why a request got no answer.
fn no_answer(error: kube::Error) -> NoAnswer {
    match error {
        kube::Error::Service(source) => NoAnswer::of(source),
        error => panic!("{error:?}"),
    }
}

/// Returns an error with its causes on one line.
fn chain(error: &dyn StdError) -> String {
    error.source().map_or_else(|| error.to_string(), |source| format!("{error}: {}", chain(source)))
}

#[tokio::test]
async fn plugin_is_asked_once_for_many_calls() {
    let server = Server::start("one").await;
    let plugin = Scripted::new([credential("one", None)]);
    let client = with_plugin(&server, &plugin).await;
    let calls = (0..8).map(|_| client.apiserver_version());
    futures::future::try_join_all(calls).await.unwrap();
    assert_eq!(plugin.calls(), 1);
}

#[tokio::test]
async fn rejected_token_is_renewed_once_and_the_calls_are_repeated() {
    let server = Server::start("one").await;
    let plugin = Scripted::new([credential("one", None), credential("two", None)]);
    let client = with_plugin(&server, &plugin).await;
    client.apiserver_version().await.unwrap();
    server.accept_only("two");
    let calls = (0..8).map(|_| client.apiserver_version());
    futures::future::try_join_all(calls).await.unwrap();
    assert_eq!(plugin.calls(), 2);
}

#[tokio::test]
async fn token_that_stays_rejected_is_an_error_after_one_renewal() {
    let server = Server::start("other").await;
    let plugin = Scripted::new([credential("one", None)]);
    let client = with_plugin(&server, &plugin).await;
    let error = client.apiserver_version().await.unwrap_err();
    assert!(matches!(&error, kube::Error::Api(status) if status.code == 401), "{error:?}");
    assert_eq!(plugin.calls(), 2);
}

#[tokio::test]
async fn token_is_renewed_half_a_minute_before_it_expires() {
    let server = Server::start("one").await;
    let standing = StandingClock::new();
    let end = clock::now(&standing.clock()) + Duration::from_mins(10);
    let plugin = Scripted::new([credential("one", Some(end)), credential("two", None)]);
    let kubeconfig = kubeconfig(&format!("http://{}", server.address), "", PLUGIN);
    let plugins: Arc<dyn Plugins> = Arc::clone(&plugin) as _;
    let proxies = ProxyRules::default();
    let client = connect(&kubeconfig, &proxies, plugins, standing.clock()).await.unwrap();
    standing.moves(Duration::from_mins(9));
    client.apiserver_version().await.unwrap();
    assert_eq!(plugin.calls(), 1);
    standing.moves(Duration::from_secs(31));
    // The server would still accept the first one.
    server.tokens.lock().unwrap().push("two".to_owned());
    for _ in 0..3 {
        client.apiserver_version().await.unwrap();
    }
    assert_eq!(plugin.calls(), 2);
}

#[tokio::test]
async fn failing_plugin_is_quoted_and_not_asked_again_immediately() {
    let server = Server::start("one").await;
    let failure = PluginError::Failed {
        program: "plug".to_owned(),
        status: "exit status 1".to_owned(),
        stderr: "your session has ended; run corp-login\n".to_owned(),
    };
    let plugin = Scripted::new([credential("one", None), Err(failure)]);
    let client = with_plugin(&server, &plugin).await;
    server.accept_only("two");
    let calls = (0..4).map(|_| client.apiserver_version());
    let outcomes = futures::future::join_all(calls).await;
    for outcome in outcomes {
        let error = no_answer(outcome.unwrap_err());
        let NoAnswer::Credentials(source) = &error else { panic!("{error:?}") };
        assert_eq!(
            source.to_string(),
            "credential plugin plug failed: exit status 1: your session has ended; run corp-login"
        );
    }
    assert_eq!(plugin.calls(), 2);
}

#[tokio::test]
async fn absent_plugin_is_reported_with_its_install_hint() {
    let user = "{exec: {apiVersion: client.authentication.k8s.io/v1, command: plug, \
                interactiveMode: Never, installHint: get it from the intranet}}";
    let kubeconfig = kubeconfig("http://127.0.0.1:1", "", user);
    let client = connect(&kubeconfig, &ProxyRules::default(), Arc::new(NoPlugins), system_clock()).await;
    let error = client.err().unwrap();
    let ConnectError::Credentials(credentials) = &error else { panic!("{error:?}") };
    assert!(matches!(credentials, CredentialError::Plugin(PluginError::Absent { .. })), "{error:?}");
    assert_eq!(credentials.hints(), ["get it from the intranet"]);
}

#[tokio::test]
async fn token_file_is_read_again_after_a_rejection() {
    let server = Server::start("one").await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    fs::write(&file, "one\n").unwrap();
    let user = format!("{{tokenFile: '{}'}}", file.display());
    let kubeconfig = kubeconfig(&format!("http://{}", server.address), "", &user);
    let client = proxied_client(&kubeconfig, &ProxyRules::default()).await;
    client.apiserver_version().await.unwrap();
    fs::write(&file, "two\n").unwrap();
    server.accept_only("two");
    client.apiserver_version().await.unwrap();
}

#[tokio::test]
async fn expired_client_certificate_is_reported_before_any_call() {
    let certificate = concat!(env!("CARGO_MANIFEST_DIR"), "/src/testdata/expired.pem");
    let user = format!("{{client-certificate: '{certificate}', client-key-data: a2V5}}");
    let kubeconfig = kubeconfig("https://127.0.0.1:1", "", &user);
    let proxies = ProxyRules::default();
    let client = connect(&kubeconfig, &proxies, Arc::new(NoPlugins), system_clock()).await;
    let error = client.err().unwrap();
    assert!(
        matches!(error, ConnectError::Credentials(CredentialError::CertificateExpired { .. })),
        "{error:?}"
    );
    assert_eq!(error.to_string(), "your client certificate expired on 2025-01-01");
}

#[tokio::test]
async fn many_concurrent_calls_share_a_few_connections() {
    let server = Server::start("one").await;
    let kubeconfig = kubeconfig(&format!("http://{}", server.address), "", "{token: one}");
    let client = proxied_client(&kubeconfig, &ProxyRules::default()).await;
    let calls = (0..64).map(|_| client.apiserver_version());
    futures::future::try_join_all(calls).await.unwrap();
    // A request that finds all connections busy opens one, even if another becomes idle before it.
    let connections = server.connections.load(Ordering::Relaxed);
    assert!(connections <= 16, "{connections}");
}

fn proxied(origin: &str, proxy: &str) -> ProxyRules {
    ProxyRules::from_variables([(origin, proxy)])
}

async fn proxied_client(kubeconfig: &Kubeconfig, rules: &ProxyRules) -> Client {
    connect(kubeconfig, rules, Arc::new(NoPlugins), system_clock()).await.unwrap()
}

#[tokio::test]
async fn proxy_that_is_needed_is_used() {
    let server = Server::start("one").await;
    let (address, count) = proxy(&server.address).await;
    let kubeconfig = kubeconfig("http://192.0.2.1:6443", "", "{token: one}");
    let rules = proxied("HTTP_PROXY", &address);
    let client = proxied_client(&kubeconfig, &rules).await;
    client.apiserver_version().await.unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn proxy_of_the_kubeconfig_wins() {
    let server = Server::start("one").await;
    let (address, count) = proxy(&server.address).await;
    let own = format!(", proxy-url: 'http://{address}'");
    let kubeconfig = kubeconfig("http://192.0.2.1:6443", &own, "{token: one}");
    let rules = proxied("HTTP_PROXY", "http://127.0.0.1:1");
    let client = proxied_client(&kubeconfig, &rules).await;
    client.apiserver_version().await.unwrap();
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn dead_proxy_is_named_with_its_variable() {
    let kubeconfig = kubeconfig("https://192.0.2.1:6443", "", "{token: one}");
    let rules = proxied("HTTPS_PROXY", "http://127.0.0.1:1");
    let client = proxied_client(&kubeconfig, &rules).await;
    let error = no_answer(client.apiserver_version().await.unwrap_err());
    let NoAnswer::Connection(connection) = &error else { panic!("{error:?}") };
    let text = chain(connection);
    assert!(
        text.starts_with(
            "cannot connect to https://192.0.2.1:6443 through proxy http://127.0.0.1:1, from HTTPS_PROXY: "
        ),
        "{text}"
    );
}

#[tokio::test]
async fn server_on_this_machine_is_reached_past_a_dead_proxy() {
    let server = Server::start("one").await;
    let kubeconfig = kubeconfig(&format!("http://{}", server.address), "", "{token: one}");
    let rules = proxied("HTTP_PROXY", "http://127.0.0.1:1");
    let client = proxied_client(&kubeconfig, &rules).await;
    client.apiserver_version().await.unwrap();
}
