//! A control plane: etcd and an API server, with the controllers that a test needs. There is no kubelet: kwok reports
//! pods on its nodes as ready as soon as they are scheduled. On one further node, tests report the status of pods.

mod access;
mod arguments;
mod nodes;

use std::time::Duration;

use anyhow::{Context, Result};
use kube::{
    Client, Config,
    config::{KubeConfigOptions, Kubeconfig},
};

use self::{access::Access, arguments::Arguments};
pub use self::{
    access::{ADMINISTRATOR, Token},
    arguments::Parts,
    nodes::{SILENT, STORAGE_CLASS},
};
use crate::{audit::Audit, binaries, folder::Folder, port, process::Process, waiting::until};

/// How long the first answer of an API server may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often a start is tried: another process may take a port in between.
const ATTEMPTS: usize = 3;
/// The message of a program whose port is taken.
const TAKEN: &str = "address already in use";

/// A control plane. It stops when dropped, and with the test program.
#[derive(Debug)]
pub struct ControlPlane {
    // Before the folder, so that the programs end before their folder is deleted.
    processes: Vec<Process>,
    access: Access,
    audit: Audit,
    folder: Folder,
}

impl ControlPlane {
    /// Starts a control plane and waits until it is ready.
    pub async fn start(parts: Parts) -> Result<Self> {
        let mut attempt = 1;
        loop {
            match Self::attempt(parts).await {
                Err(error) if attempt < ATTEMPTS && format!("{error:#}").contains(TAKEN) => attempt += 1,
                outcome => return outcome,
            }
        }
    }

    async fn attempt(parts: Parts) -> Result<Self> {
        let folder = Folder::new()?;
        let [etcd, peer, server] = port::free()?;
        let arguments = Arguments { folder: folder.path().to_owned(), etcd, peer, server };
        arguments.write()?;
        let access = Access::new(folder.path(), server);
        access.write()?;
        let (tokens, kubeconfig) = (access.tokens(), access.file());
        let audit = Audit { file: arguments.audit_log() };
        let mut plane = Self { processes: Vec::new(), access, audit, folder };
        plane.run("etcd", &arguments.etcd())?;
        plane.run("kube-apiserver", &arguments.api_server(&tokens))?;
        plane.wait_ready().await?;
        plane.run("kube-controller-manager", &Arguments::controllers(parts, &kubeconfig))?;
        if parts == Parts::Everything {
            nodes::create(&plane.client().await?).await?;
            plane.run("kube-scheduler", &Arguments::scheduler(&kubeconfig))?;
            plane.run("kwok", &Arguments::kwok(&kubeconfig)?)?;
        }
        Ok(plane)
    }

    /// Returns the administrator's kubeconfig.
    pub fn kubeconfig(&self) -> Kubeconfig {
        self.access.kubeconfig(&Token::of(ADMINISTRATOR))
    }

    /// Returns a kubeconfig with `token`.
    pub fn kubeconfig_with(&self, token: &Token) -> Kubeconfig {
        self.access.kubeconfig(token)
    }

    /// Returns the administrator's client, for the current runtime.
    pub async fn client(&self) -> Result<Client> {
        client(self.kubeconfig()).await
    }

    /// Returns the audit log.
    pub fn audit(&self) -> &Audit {
        &self.audit
    }

    fn run(&mut self, name: &str, arguments: &[String]) -> Result<()> {
        let log = self.folder.path().join(format!("{name}.log"));
        self.processes.push(Process::start(&binaries::command(name)?, arguments, &log)?);
        Ok(())
    }

    async fn wait_ready(&mut self) -> Result<()> {
        let kubeconfig = self.kubeconfig();
        let processes = &mut self.processes;
        let ready = until("the API server", PATIENCE, async || {
            // Fail early if the API server has ended.
            if let Some(error) = processes.iter_mut().find_map(|process| process.check().err()) {
                return Ok(Err(error));
            }
            ask(kubeconfig.clone()).await.map(Ok).map_err(|error| format!("{error:#}"))
        });
        let ready = ready.await;
        let words = || self.processes.iter().map(Process::last_words).collect::<Vec<_>>().join("\n");
        ready.with_context(words)?
    }
}

/// Returns a client with `kubeconfig`, for the current runtime.
pub async fn client(kubeconfig: Kubeconfig) -> Result<Client> {
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?;
    Ok(Client::try_from(config)?)
}

async fn ask(kubeconfig: Kubeconfig) -> Result<()> {
    // A status other than success is an error.
    client(kubeconfig).await?.request_text(http::Request::get("/readyz").body(Vec::new())?).await?;
    Ok(())
}
