//! Operators in this process, each on its own thread, because clients belong to a runtime.

use std::{collections::BTreeMap, net::SocketAddr, thread};

use devplat_api::Amount;
use devplat_operator::{Config, Defaults};
use devplat_tests::{
    control_plane::{self, Token},
    port,
};
use k8s_openapi::api::{authentication::v1::TokenRequest, core::v1::ServiceAccount};
use kube::{Api, Client, api::PostParams, config::Kubeconfig};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;

/// Namespace of the operator.
pub(crate) const NAMESPACE: &str = "devserver-operator-system";
/// Its ServiceAccount, and its Lease.
pub(crate) const NAME: &str = "devserver-operator";

/// Name of the platform.
pub(crate) const PLATFORM: &str = "team-a";

/// A running operator. Dropping it stops the operator as SIGTERM does.
pub(crate) struct Operator {
    address: SocketAddr,
    shutdown: CancellationToken,
    death: CancellationToken,
    thread: Option<thread::JoinHandle<Option<Result<(), devplat_operator::Error>>>>,
}

/// Returns the defaults of dev servers in tests.
pub(crate) fn defaults() -> Defaults {
    Defaults {
        agent_image: "devplat.local/agent".to_owned(),
        image: "devplat.local/base".to_owned(),
        home_size: Amount::parse("10Gi").unwrap(),
        storage_class: None,
        pod_security: Some("baseline".to_owned()),
    }
}

/// Returns a token of the operator's ServiceAccount.
pub(crate) async fn token(client: &Client) -> Token {
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), NAMESPACE);
    let request = TokenRequest::default();
    let answer = accounts.create_token_request(NAME, &PostParams::default(), &request).await.unwrap();
    Token(answer.status.unwrap().token)
}

impl Operator {
    /// Starts an operator with `identity` in leader election.
    pub(crate) fn start(kubeconfig: Kubeconfig, identity: &str, defaults: Defaults) -> Self {
        Self::start_with(kubeconfig, identity, defaults, &[])
    }

    /// Starts an operator with the external names of the bastion.
    pub(crate) fn start_with(
        kubeconfig: Kubeconfig,
        identity: &str,
        defaults: Defaults,
        names: &[&str],
    ) -> Self {
        let [address] = port::free().unwrap();
        let (shutdown, death) = (CancellationToken::new(), CancellationToken::new());
        let config = Config {
            defaults,
            identity: identity.to_owned(),
            namespace: NAMESPACE.to_owned(),
            bastion_names: names.iter().map(|name| (*name).to_owned()).collect(),
            platform: Some(PLATFORM.to_owned()),
            listen: address,
        };
        let (told, dying) = (shutdown.clone(), death.clone());
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(dying.run_until_cancelled(async {
                let client = control_plane::client(kubeconfig).await.unwrap();
                devplat_operator::run(config, client, told).await
            }))
        });
        Self { address, shutdown, death, thread: Some(thread) }
    }

    /// Stops the operator and waits until it has ended.
    pub(crate) fn stop(mut self) {
        self.shutdown.cancel();
        let ended = self.thread.take().unwrap().join().unwrap();
        assert!(matches!(ended, Some(Ok(()))), "{ended:?}");
    }

    /// Ends the operator as SIGKILL does: between two steps and without releasing its lease.
    pub(crate) fn die(mut self) {
        self.death.cancel();
        let ended = self.thread.take().unwrap().join().unwrap();
        assert!(ended.is_none(), "{ended:?}");
    }

    /// Returns status and body of the answer to a GET.
    pub(crate) async fn get(&self, path: &str) -> Result<(u16, String), String> {
        get(self.address, path).await.map_err(|error| format!("no answer: {error}"))
    }

    /// Returns a metric's values by its labels.
    pub(crate) async fn metric(&self, name: &str) -> Result<BTreeMap<String, u64>, String> {
        let (_, text) = self.get("/metrics").await?;
        let lines = text.lines().filter_map(|line| line.strip_prefix(name)?.rsplit_once(' '));
        Ok(lines.map(|(labels, value)| (labels.to_owned(), value.parse().unwrap())).collect())
    }

    /// Succeeds if the operator leads.
    pub(crate) async fn leads(&self) -> Result<(), String> {
        let leader = self.metric("devplat_operator_leader").await?;
        if leader.values().eq([&1]) { Ok(()) } else { Err(format!("leader: {leader:?}")) }
    }
}

impl Drop for Operator {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn get(address: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Ok((status, body.to_owned()))
}
