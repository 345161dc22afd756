//! A dev server without a pod: the agent on free ports of the loopback, with keys as the operator would make them.

use std::{
    fs,
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use devplat_keys::{Certificate, HostAuthority, PrivateKey, PublicKey, SessionAuthority, server_principal};
use russh::client::AuthResult;
use tempfile::TempDir;

use crate::{
    clients::{client, text},
    russh_client::Client,
};

/// Who the server is for.
const NAMESPACE: &str = "dev-alice";
const NAME: &str = "mydev";

/// A running agent; ended with the test.
pub(crate) struct Server {
    agent: Child,
    folder: TempDir,
    /// Where SSH listens.
    pub(crate) port: u16,
    http: u16,
}

impl Server {
    /// One that lets in the key `key` of the folder, and whoever has a certificate.
    pub(crate) fn start() -> Self {
        Self::start_with(|_| {})
    }

    /// The same, started by a command that `change` has changed.
    pub(crate) fn start_with(change: impl FnOnce(&mut Command)) -> Self {
        Self::start_as(|_| Command::new(env!("CARGO_BIN_EXE_devplat-agent")), change)
    }

    /// One in an image that holds nothing but the agent. Needs namespaces, as containers do.
    pub(crate) fn start_without_a_shell() -> Self {
        let program = |image: &Path| {
            for name in ["proc", "dev", "home", "tmp", "etc", "run"] {
                fs::create_dir_all(image.join(name)).unwrap();
            }
            fs::copy(env!("CARGO_BIN_EXE_devplat-agent"), image.join("agent")).unwrap();
            let above = image.parent().unwrap().display();
            let script = format!(
                "cd {above} && mount --rbind /proc image/proc && mount --rbind /dev image/dev && \
                 mkdir -p image{above} && mount --bind . image{above} && exec chroot image /agent \"$@\""
            );
            let mut command = Command::new("unshare");
            command.args(["--map-root-user", "--mount", "sh", "-c", &script, "sh"]);
            command
        };
        Self::start_as(program, |agent| {
            agent.env("HOME", "/home");
        })
    }

    fn start_as(program: impl FnOnce(&Path) -> Command, change: impl FnOnce(&mut Command)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["ssh", "keys", "home"] {
            fs::create_dir(at(name)).unwrap();
        }
        let identity = hosts().server(NAMESPACE, NAME, None);
        fs::write(at("ssh/host_key"), identity.key_text()).unwrap();
        fs::write(at("ssh/host_key-cert.pub"), identity.certificate_text()).unwrap();
        let authority = sessions().public_key().to_openssh().unwrap();
        fs::write(at("ssh/session_authority.pub"), authority).unwrap();
        let known = format!("@cert-authority * {}\n", hosts().public_key().to_openssh().unwrap());
        fs::write(at("known_hosts"), known).unwrap();
        text(client("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(at("key")), b"");
        fs::copy(at("key.pub"), at("keys/authorized_keys")).unwrap();
        let (port, http) = (free_port(), free_port());
        let mut command = program(&at("image"));
        command.args(["init", "--grace", "2", "--principal", &server_principal(NAMESPACE, NAME)]);
        command.arg("--ssh-dir").arg(at("ssh")).arg("--authorized-keys").arg(at("keys/authorized_keys"));
        command.arg("--ssh-listen").arg(format!("127.0.0.1:{port}"));
        command.arg("--http-listen").arg(format!("127.0.0.1:{http}"));
        command.env("HOME", at("home")).env("DEVSERVER_NAME", NAME).env_remove("SSH_AUTH_SOCK");
        command.stdin(Stdio::null()).stderr(fs::File::create(at("log")).unwrap());
        change(&mut command);
        let agent = command.spawn().unwrap();
        let server = Self { agent, folder, port, http };
        server.configure("key", "");
        server.eventually("SSH answers", || server.get("/readyz").starts_with("HTTP/1.1 200"));
        server
    }

    /// A file or folder of this server's folder.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// What the agent said so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.at("log")).unwrap()
    }

    /// Has clients log in with `key`, and with `more` in their configuration.
    pub(crate) fn configure(&self, key: &str, more: &str) -> PathBuf {
        let path = self.at(&format!("config-{key}"));
        let (folder, port) = (self.folder.path().display(), self.port);
        let config = format!(
            "Host mydev\n HostName 127.0.0.1\n Port {port}\n User dev\n HostKeyAlias mydev\n \
             IdentityFile {folder}/{key}\n IdentitiesOnly yes\n UserKnownHostsFile {folder}/known_hosts\n \
             GlobalKnownHostsFile /dev/null\n StrictHostKeyChecking yes\n BatchMode yes\n LogLevel ERROR\n \
             ConnectTimeout 10\n{more}\n"
        );
        fs::write(&path, config).unwrap();
        path
    }

    /// `name`, a client that takes `-F`, which reaches the server as `mydev`.
    pub(crate) fn client(&self, name: &str) -> Command {
        let mut command = client(name);
        command.arg("-F").arg(self.at("config-key"));
        command
    }

    /// `ssh mydev` with `args` in front of it and `command` behind.
    pub(crate) fn ssh(&self, args: &[&str], command: &[&str]) -> Command {
        let mut ssh = self.client("ssh");
        ssh.args(args).arg("mydev").args(command);
        ssh
    }

    /// What `command` writes when run over SSH.
    pub(crate) fn output(&self, command: &str) -> String {
        text(&mut self.ssh(&[], &[command]), b"")
    }

    /// A connection of the tests' own client, before its login.
    pub(crate) async fn connect(&self) -> Client {
        Client::connect((Ipv4Addr::LOCALHOST, self.port).into()).await
    }

    /// A connection of the tests' own client, logged in with the owner's key.
    pub(crate) async fn log_in(&self) -> Client {
        let mut client = self.connect().await;
        assert_eq!(client.log_in("dev", &self.key("key")).await, AuthResult::Success, "{}", self.log());
        client
    }

    /// The private key in the file `name`.
    pub(crate) fn key(&self, name: &str) -> PrivateKey {
        PrivateKey::from_openssh(fs::read_to_string(self.at(name)).unwrap()).unwrap()
    }

    /// The certificate of the key in the file `name`.
    pub(crate) fn certificate(&self, name: &str) -> Certificate {
        Certificate::from_openssh(&fs::read_to_string(self.at(&format!("{name}-cert.pub"))).unwrap()).unwrap()
    }

    /// A key `name` of its own, with a certificate for `principal`, valid for `validity` from `from` on.
    pub(crate) fn certify(&self, name: &str, principal: &str, from: SystemTime, validity: Duration) {
        let path = self.at(name);
        text(client("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&path), b"");
        let public =
            PublicKey::from_openssh(&fs::read_to_string(path.with_extension("pub")).unwrap()).unwrap();
        let from = from.duration_since(UNIX_EPOCH).unwrap().as_secs();
        let certificate = sessions().certify(&public, principal, "alice", from, validity, &[3; 32]);
        fs::write(self.at(&format!("{name}-cert.pub")), certificate.to_openssh().unwrap()).unwrap();
        self.configure(name, "");
    }

    /// The whole answer to a GET.
    pub(crate) fn get(&self, path: &str) -> String {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.http)) else { return String::new() };
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    }

    /// What `/activity` says.
    pub(crate) fn activity(&self) -> serde_json::Value {
        let answer = self.get("/activity");
        serde_json::from_str(answer.split("\r\n\r\n").nth(1).unwrap()).unwrap()
    }

    /// Waits until `holds`, with a bound.
    pub(crate) fn eventually(&self, what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(
                start.elapsed() < Duration::from_secs(20),
                "{what}: never; the agent said:\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it as a pod would; gives how long that took.
    pub(crate) fn terminate(&mut self) -> Duration {
        let start = Instant::now();
        signal(self.agent.id());
        assert!(self.agent.wait().unwrap().success());
        start.elapsed()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.agent.try_wait().is_ok_and(|ended| ended.is_none()) {
            // With SIGKILL its sessions would outlive it.
            signal(self.agent.id());
            let _ = self.agent.wait();
        }
    }
}

/// A free port of the loopback, below those from which the kernel takes the ports of outgoing connections: it could take a free
/// one of them before the agent listens there.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u32 = 12_000;
    static TRIED: AtomicU32 = AtomicU32::new(0);
    loop {
        let tried = TRIED.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + u16::try_from((std::process::id() * 97 + tried) % COUNT).unwrap();
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// The files that are in `folder`, by name.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The authority that certifies the hosts.
pub(crate) fn hosts() -> HostAuthority {
    HostAuthority::from_seed([7; 32])
}

/// The authority whose certificates let in.
pub(crate) fn sessions() -> SessionAuthority {
    SessionAuthority::from_seed([9; 32])
}

fn signal(pid: u32) {
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
}
