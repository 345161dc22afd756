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
    metrics::Metrics,
    serve_until,
    startups::Startups,
};
use devplat_keys::{HostAuthority, PrivateKey, SessionAuthority};
use russh::keys::ssh_key::{LineEnding, private::Ed25519Keypair};
use tokio::{process::Command, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    process::command,
    stub::{self, Stub},
};

pub(crate) const ALICE: u8 = 11;
pub(crate) const BOB: u8 = 12;

pub(crate) struct World {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) address: SocketAddr,
    pub(crate) door: Arc<Door>,
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
        }
    }
}

pub(crate) fn host_authority() -> HostAuthority {
    HostAuthority::from_seed([1; 32])
}

pub(crate) fn session_authority() -> SessionAuthority {
    SessionAuthority::from_seed([2; 32])
}

pub(crate) fn key(seed: u8) -> PrivateKey {
    PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
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
        for (name, seed) in [("alice", ALICE), ("bob", BOB), ("eve", 13)] {
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
                tokens: Tokens::fixed("alices-token"),
            }),
            startups: Startups::new(plan.exempt.iter().map(|network| network.parse().unwrap()).collect()),
            guests: Guests::new(plan.sessions),
            numbers: Numbers::default(),
        });
        let host = host_authority().bastion(&["127.0.0.1".to_owned()]);
        let ssh = devplat_transport::server(NAME, host.key, Some(host.certificate));
        let listener = devplat_bastion::serve::listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap();
        let known = host_authority().public_key().to_openssh().unwrap();
        // The certificates name hosts; what stands behind a jump is known by its name.
        fs::write(folder.path().join("known_hosts"), format!("@cert-authority * {known}\n")).unwrap();
        let end = CancellationToken::new();
        let serving = tokio::spawn(serve_until(door.clone(), ssh, listener, plan.grace, end.clone()));
        Self { folder, address, door, end, serving, stub, audit }
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
            "LogLevel=INFO".into(),
            format!("IdentityFile={}", path(who)),
            format!("UserKnownHostsFile={}", path("known_hosts")),
            "GlobalKnownHostsFile=/dev/null".into(),
        ]
    }
}
