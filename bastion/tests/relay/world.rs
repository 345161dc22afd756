//! Alice, Bob, a bastion, and dev servers.

use std::{
    fs, io,
    io::Write,
    net::SocketAddr,
    os::unix::fs::PermissionsExt,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use devplat_bastion::{
    Dialer, NAME,
    audit::Audit,
    auth::Authorities,
    devctl::{Devctl, Tokens},
    directory::{Directory, Readiness, Server, User},
    door::{Door, Guests, Numbers},
    drain::Drain,
    keys::Host,
    metrics::Metrics,
    policy, serve_until,
    startups::Startups,
};
use devplat_keys::HostIdentity;
use russh::{client::AuthResult, keys::ssh_key::LineEnding, server::Config};
use tokio::{
    process::{Child, Command},
    sync::watch,
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use crate::{
    keys::{ALICE, BOB, EVE, host_authority, key, session_authority},
    process::command,
    russh_client::Client,
    stub::{self, Stub},
};

/// Alice's dev server, as ssh names it.
pub(crate) const MYDEV: &str = "alice+mydev@127.0.0.1";

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) door: Arc<Door>,
    pub(crate) host: Host,
    pub(crate) end: CancellationToken,
    pub(crate) serving: JoinHandle<()>,
    pub(crate) stub: Stub,
    pub(crate) audit: Log,
}

/// What the world is made of; a test changes what it is about.
pub(crate) struct Plan {
    pub(crate) exempt: Vec<&'static str>,
    pub(crate) sessions: usize,
    pub(crate) user_ca: Vec<PathBuf>,
    pub(crate) revoked: Option<PathBuf>,
    pub(crate) devctl: Option<PathBuf>,
    pub(crate) grace: Duration,
    pub(crate) login_grace: Duration,
    pub(crate) keepalive: Option<Duration>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            exempt: vec!["127.0.0.0/8"],
            sessions: 100,
            user_ca: Vec::new(),
            revoked: None,
            devctl: None,
            grace: Duration::from_secs(30),
            login_grace: policy::LOGIN_GRACE,
            keepalive: None,
        }
    }
}

/// What the bastion proves itself with to those who know it as `name`.
pub(crate) fn bastion(name: &str) -> HostIdentity {
    host_authority().bastion(&[name.to_owned()])
}

fn with_keepalive(identity: HostIdentity, interval: Duration) -> watch::Receiver<Arc<Config>> {
    let HostIdentity { key, certificate } = identity;
    let config = Arc::into_inner(devplat_transport::server(NAME, key, Some(certificate))).unwrap();
    watch::Sender::new(Arc::new(Config { keepalive_interval: Some(interval), ..config })).subscribe()
}

pub(crate) fn user(name: &str, seed: u8) -> User {
    User::new(name, &[key(seed).public_key().to_openssh().unwrap()])
}

pub(crate) fn server(namespace: &str, name: &str, readiness: Readiness) -> Server {
    Server { namespace: namespace.into(), name: name.into(), readiness }
}

/// An audit log that can be read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }

    /// Waits for a line with all of `parts`.
    pub(crate) async fn has(&self, parts: &[&str]) {
        let found = || self.text().lines().any(|line| parts.iter().all(|part| line.contains(part)));
        let wait = async {
            while !found() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(10), wait).await;
        assert!(waited.is_ok(), "{parts:?} is not in\n{}", self.text());
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Plan::default()).await
    }

    pub(crate) async fn with(plan: Plan) -> Self {
        let stub = stub::start("dev-alice", "mydev").await;
        let directory = Directory::of(
            [user("alice", ALICE), user("bob", BOB)],
            [
                server("dev-alice", "mydev", Readiness::Ready(stub.address)),
                server("dev-bob", "bobs", Readiness::Ready(stub.address)),
            ],
        );
        let folder = tempfile::tempdir().unwrap();
        for (name, seed) in [("alice", ALICE), ("bob", BOB), ("eve", EVE)] {
            let path = folder.path().join(name);
            fs::write(&path, key(seed).to_openssh(LineEnding::LF).unwrap()).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let audit = Log::default();
        let door = Arc::new(Door {
            directory: Arc::new(directory),
            authorities: Arc::new(Authorities::read(&plan.user_ca, plan.revoked.as_deref()).unwrap()),
            audit: Audit::to(audit.clone()).unwrap(),
            metrics: Metrics::default(),
            drain: Drain::default(),
            dialer: Dialer::new(host_authority().public_key().clone(), session_authority()),
            devctl: plan.devctl.map(|runner| Devctl {
                runner,
                server: "https://api.test".into(),
                ca_file: "/ca.crt".into(),
                host: Some("dev.example.com:2222".into()),
                platform: Some("devplat".into()),
                tokens: Tokens::fixed("alices-token"),
            }),
            startups: Startups::new(plan.exempt.iter().map(|network| network.parse().unwrap()).collect()),
            login_grace: plan.login_grace,
            guests: Guests::new(plan.sessions),
            numbers: Numbers::default(),
        });
        let identity = bastion("127.0.0.1");
        fs::write(folder.path().join("host_key"), identity.key_text()).unwrap();
        fs::write(folder.path().join("host_key-cert.pub"), identity.certificate_text()).unwrap();
        let host = Host::read(folder.path()).unwrap();
        let shown =
            plan.keepalive.map_or_else(|| host.shown(), |interval| with_keepalive(identity, interval));
        let listener = devplat_bastion::serve::listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let known = host_authority().public_key().to_openssh().unwrap();
        // The certificates name hosts; what stands behind a jump is known by its name.
        fs::write(folder.path().join("known_hosts"), format!("@cert-authority * {known}\n")).unwrap();
        let end = CancellationToken::new();
        let serving = tokio::spawn(serve_until(door.clone(), shown, listener, plan.grace, end.clone()));
        Self { folder, address, door, host, end, serving, stub, audit }
    }

    /// The answer to a login as `login` with the key of `seed`, on a connection of its own.
    pub(crate) async fn answer(&self, login: &str, seed: u8) -> AuthResult {
        Client::connect(self.address).await.log_in(login, &key(seed)).await
    }

    /// A client that is logged in as `login` with the key of `seed`.
    pub(crate) async fn client(&self, login: &str, seed: u8) -> Client {
        let mut client = Client::connect(self.address).await;
        assert_eq!(client.log_in(login, &key(seed)).await, AuthResult::Success, "{}", self.audit.text());
        client
    }

    /// A connection of alice's that is held open for others; the second is the option that shares it.
    pub(crate) async fn master(&self, login: &str) -> (Child, String) {
        let socket = self.folder.path().join("master");
        let control = format!("ControlPath={}", socket.display());
        let master = self.ssh("alice").args(["-N", "-M", "-o", &control, login]).spawn().unwrap();
        let there = async {
            while !socket.exists() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), there).await.expect("it appears");
        (master, control)
    }

    /// `ssh` with the key of `who`, up to the options.
    pub(crate) fn ssh(&self, who: &str) -> Command {
        let mut ssh = command("ssh");
        ssh.args(["-F", "none", "-p", &self.address.port().to_string()]);
        for option in self.options(who) {
            ssh.args(["-o", &option]);
        }
        ssh
    }

    /// Options of every client of OpenSSH.
    pub(crate) fn options(&self, who: &str) -> Vec<String> {
        let path = |name: &str| self.folder.path().join(name).display().to_string();
        vec![
            "BatchMode=yes".into(),
            "IdentitiesOnly=yes".into(),
            "StrictHostKeyChecking=yes".into(),
            "ConnectTimeout=10".into(),
            // At INFO, newer clients print warnings of their own.
            "LogLevel=ERROR".into(),
            format!("IdentityFile={}", path(who)),
            format!("UserKnownHostsFile={}", path("known_hosts")),
            "GlobalKnownHostsFile=/dev/null".into(),
        ]
    }
}
