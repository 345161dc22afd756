//! The Docker engine, through its API. kind and k3d use the same engine.
//!
//! Decisions depend on status codes and on facts; the engine's messages are only displayed.

mod address;
mod container;
mod endpoint;
mod error;
mod exec;
mod file;
mod image;
mod info;
mod listed;
mod logs;
mod network;
mod other_host;
#[cfg(test)]
pub(crate) mod recorded;
pub(crate) mod removal;
mod setting;
mod volume;

use std::{ffi::OsString, fmt, path::Path, sync::Arc, time::Duration};

use bollard::{API_DEFAULT_VERSION, Docker};
use tokio::sync::OnceCell;

pub use address::Address;
pub use container::{Binding, Container, NewContainer, Restart};
pub use endpoint::Endpoint;
pub use error::{DockerContextError, EngineError};
pub use exec::{Ran, Stdin};
pub use image::{Image, PullStep};
pub use info::{Cgroups, Info, Pool};
pub use listed::ListedContainer;
pub use network::{Attached, Network};
pub use other_host::OtherHost;
pub use setting::Setting;
pub use volume::Volume;

use crate::{Command, Surroundings, ports::Port, rlimits};

/// How long the engine may take to begin an answer: creating and deleting containers takes seconds on a busy disk.
const PATIENCE_SECONDS: u64 = 120;
/// How long the first answer over a socket may take: systemd may start the engine at the first connection, which takes
/// seconds.
const CONNECT_SECONDS: u64 = 15;
/// How long it may take over TCP, where no system starts the engine. It is a ping, which an engine of this machine answers
/// within milliseconds and within a second if the machine is busy.
const CONNECT_TCP_SECONDS: u64 = 5;
/// Variables that lead Docker's command or k3d to another engine, or to images of another platform or signature.
const OF_THE_SHELL: [&str; 8] = [
    "DOCKER_API_VERSION",
    "DOCKER_CERT_PATH",
    "DOCKER_CONTENT_TRUST",
    "DOCKER_CONTEXT",
    "DOCKER_DEFAULT_PLATFORM",
    "DOCKER_SOCK",
    "DOCKER_TLS",
    "DOCKER_TLS_VERIFY",
];

/// A Docker engine that answered. Clones share its description, which is read once.
#[derive(Clone)]
pub struct Engine {
    endpoint: Endpoint,
    docker: Docker,
    info: Arc<OnceCell<Info>>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Engine {
    /// Finds the engine that Docker's command would use, and checks that it answers.
    pub async fn connect(surroundings: &Surroundings) -> Result<Self, EngineError> {
        let endpoint = Endpoint::of(surroundings)?;
        let seconds = match endpoint.address {
            Address::Unix(_) => CONNECT_SECONDS,
            Address::Tcp { .. } => CONNECT_TCP_SECONDS,
        };
        let url = endpoint.address.url();
        let limit = Duration::from_secs(seconds);
        match tokio::time::timeout(limit, Self::answering(endpoint, limit)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(EngineError::Slow { doing: format!("reach the Docker engine at {url}"), seconds }),
        }
    }

    /// Connects to an engine, and waits until it answers.
    async fn answering(endpoint: Endpoint, limit: Duration) -> Result<Self, EngineError> {
        let url = endpoint.address.url();
        let failed = |error| {
            let doing = format!("reach the Docker engine at {url}");
            match EngineError::of(error, doing, &url, limit.as_secs()) {
                // The engine may be reachable: devplat could not open a socket.
                EngineError::Broken { doing, source } if rlimits::open_files_hint(&*source).is_some() => {
                    EngineError::Broken { doing, source }
                }
                EngineError::Broken { doing: _, source } => {
                    let (endpoint, setting) = (url.clone(), Box::new(endpoint.setting.clone()));
                    EngineError::Unreachable { endpoint, setting, source: first_cause(&*source).into() }
                }
                error => error,
            }
        };
        let docker = match &endpoint.address {
            Address::Unix(path) => {
                // Check first, because bollard's error does not distinguish an absent socket from a forbidden one.
                tokio::net::UnixStream::connect(path)
                    .await
                    .map_err(|error| EngineError::connecting(error, &url))?;
                Docker::connect_with_unix(&path.to_string_lossy(), PATIENCE_SECONDS, API_DEFAULT_VERSION)
            }
            Address::Tcp { authority, certificates: None } => {
                Docker::connect_with_http(authority, PATIENCE_SECONDS, API_DEFAULT_VERSION)
            }
            Address::Tcp { authority, certificates: Some(folder) } => {
                with_tls(authority, folder, &endpoint.context)?
            }
        };
        let docker = docker.map_err(failed)?;
        docker.clone().with_timeout(limit).ping().await.map_err(failed)?;
        Ok(Self { endpoint, docker, info: Arc::default() })
    }

    /// Returns the engine's address in the format of `DOCKER_HOST`.
    pub fn endpoint(&self) -> String {
        self.endpoint.address.url()
    }

    /// Returns the name of the Docker context that names the engine.
    pub fn context_name(&self) -> &str {
        &self.endpoint.context
    }

    /// Returns whether the engine's ports and files are this machine's, by its address.
    pub fn is_local(&self) -> bool {
        self.endpoint.address.is_local()
    }

    /// Returns the engine's own description, which does not change while the engine is running.
    pub async fn info(&self) -> Result<Info, EngineError> {
        let read = async {
            let info = self.docker.info().await;
            info.map(Info::from).map_err(self.error("read the description of the Docker engine"))
        };
        self.info.get_or_try_init(|| read).await.cloned()
    }

    /// Returns the host that the engine reports, if it is not this machine although the engine's address is.
    pub async fn other_host(&self) -> Result<Option<OtherHost>, EngineError> {
        let Info { name, rootless, .. } = self.info().await?;
        Ok(OtherHost::of(&self.endpoint, &name, rootless, &other_host::own_name()))
    }

    /// Makes a command use this engine, regardless of the shell's variables and of Docker's current context.
    pub(crate) fn used_by(&self, command: Command) -> Command {
        let command =
            OF_THE_SHELL.into_iter().fold(command, Command::env_remove).env("DOCKER_HOST", self.endpoint());
        match &self.endpoint.address {
            Address::Unix(_) | Address::Tcp { certificates: None, .. } => command,
            Address::Tcp { certificates: Some(folder), .. } => command
                .env("DOCKER_TLS_VERIFY", "1")
                .env("DOCKER_CERT_PATH", OsString::from(folder.as_os_str())),
        }
    }

    /// Returns a conversion for the error of a call to the engine.
    fn error(&self, doing: impl Into<String>) -> impl FnOnce(bollard::errors::Error) -> EngineError {
        let doing = doing.into();
        let endpoint = self.endpoint();
        move |error| EngineError::of(error, doing, &endpoint, PATIENCE_SECONDS)
    }

    /// Returns the error, or [`EngineError::NoSpace`] if the engine's disk is full: the engine then answers 500, and a
    /// command in a container fails, with the reason only as text.
    pub(crate) async fn explained(&self, error: EngineError) -> EngineError {
        let doing = match &error {
            EngineError::Api { doing, status: 500, .. } => doing.clone(),
            EngineError::Exec { container, command, .. } => format!("run {command} in container {container}"),
            _ => return error,
        };
        self.full_disk(doing).await.unwrap_or(error)
    }

    /// Returns [`EngineError::NoSpace`] if the engine's disk, which `doing` needs, is full.
    pub async fn full_disk(&self, doing: impl Into<String>) -> Option<EngineError> {
        if !self.is_local() {
            return None;
        }
        let folder = self.info().await.ok()?.data_folder;
        let free = crate::limits::disk_free(&folder).ok()?;
        (free < crate::limits::FULL).then(|| EngineError::NoSpace { doing: doing.into(), folder, free })
    }

    /// Returns [`EngineError::PortTaken`] if a process of this machine listens on one of the container's ports.
    async fn taken_port(&self, name: &str) -> Option<EngineError> {
        if !self.is_local() {
            return None;
        }
        let container = self.container(name).await.ok()??;
        let bindings = container.configured.values().flatten().filter(|binding| binding.port != 0);
        bindings.map(|binding| (binding.address, binding.port).into()).find_map(|address| {
            match crate::ports::check(address) {
                Port::InUse { holder } => {
                    Some(EngineError::PortTaken { name: name.to_owned(), address, holder })
                }
                Port::Free | Port::NotPermitted | Port::NotAnAddressHere { .. } | Port::Refused(_) => None,
            }
        })
    }
}

/// Returns the text of the innermost cause: those around it only name the layers of the client.
fn first_cause(error: &(dyn std::error::Error + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), first_cause)
}

/// Converts the error of an absent object into `None`.
fn absent_is_none<T>(result: Result<T, EngineError>) -> Result<Option<T>, EngineError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Ignores the error of deleting an absent object.
fn absent_is_done(result: Result<(), EngineError>) -> Result<(), EngineError> {
    absent_is_none(result).map(Option::unwrap_or_default)
}

fn filters(key: &str, value: &str) -> std::collections::HashMap<String, Vec<String>> {
    [(key.to_owned(), vec![value.to_owned()])].into()
}

fn with_tls(
    authority: &str,
    folder: &Path,
    context: &str,
) -> Result<Result<Docker, bollard::errors::Error>, EngineError> {
    let [ca, certificate, key] = ["ca.pem", "cert.pem", "key.pem"].map(|name| folder.join(name));
    // Read the files here, because bollard reads certificate and key at each connection and connects without them on
    // failure.
    for path in [&ca, &certificate, &key] {
        std::fs::File::open(path).map_err(|error| EngineError::Context {
            context: context.to_owned(),
            why: DockerContextError::Certificate { path: path.clone(), why: error.to_string() },
        })?;
    }
    // Two providers of cryptography are linked, so rustls needs a choice. Only the first call has an effect.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(Docker::connect_with_ssl(authority, &key, &certificate, &ca, PATIENCE_SECONDS, API_DEFAULT_VERSION))
}

#[cfg(test)]
mod tests;
