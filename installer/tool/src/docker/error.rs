//! Errors of the engine, classified by status codes and by errors of the operating system, never by message text.

use std::{error::Error as _, io, net::SocketAddr, path::PathBuf};

use bollard::errors::Error as ApiError;
use indicatif::DecimalBytes;

use super::setting::Setting;
use crate::{owner::unreadable_hint, rlimits};

/// The reason why the engine cannot be used, or a call failed.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No engine answers at the endpoint.
    #[error("the Docker engine at {endpoint} is not running")]
    NotRunning {
        endpoint: String,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The user may not open the engine's socket.
    #[error("this user may not use the Docker engine at {endpoint}")]
    Forbidden {
        /// Its socket.
        endpoint: String,
    },
    /// No connection to an engine was made, although the operating system does not report that there is none: for
    /// example, its host name is unknown.
    #[error("cannot reach the Docker engine at {endpoint}{}", setting.in_brackets())]
    Unreachable {
        endpoint: String,
        /// The setting that names it.
        setting: Box<Setting>,
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// devplat does not support this way to an engine.
    #[error("{setting}: {what} is not supported")]
    Unsupported {
        /// The setting that names the engine.
        setting: Setting,
        /// The unsupported part.
        what: &'static str,
    },
    /// The setting that names the engine is not an address.
    #[error("{setting} does not name a Docker engine")]
    Address { setting: Setting },
    /// The Docker context, or the file or variable that names the engine, cannot be used.
    #[error("cannot use Docker context {context:?}: {why}")]
    Context {
        /// Its name.
        context: String,
        /// The reason.
        why: DockerContextError,
    },
    /// No address range is left for another network.
    #[error(
        "the Docker engine has no free address range: {networks} networks have one, {unused} of them have no container"
    )]
    NoAddressRange {
        /// How many networks have an address range.
        networks: usize,
        /// How many of them have no container, running or not.
        unused: usize,
        /// A range that is free on this machine and outside the engine's own pools.
        free: Option<ipnet::Ipv4Net>,
    },
    /// The disk with the engine's data is full.
    #[error("cannot {doing}: {} are left where the Docker engine keeps its data, {}", DecimalBytes(*free), folder.display())]
    NoSpace {
        /// The action that failed.
        doing: String,
        /// The folder of the engine's data.
        folder: PathBuf,
        /// The free bytes there.
        free: u64,
    },
    /// A container cannot be started, because one of its ports on this machine is taken.
    #[error("cannot start container {name}: port {address} of this machine is taken{}", holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default())]
    PortTaken {
        /// The container.
        name: String,
        /// The port, with its address.
        address: SocketAddr,
        /// The process that listens there, if known.
        holder: Option<String>,
    },
    /// The engine answered with an error.
    #[error("cannot {doing}: the Docker engine answered {status}: {message}")]
    Api {
        /// The action that failed.
        doing: String,
        /// The HTTP status: 404 not found, 409 conflict, 500 for most others.
        status: u16,
        /// The engine's message, for display only.
        message: String,
    },
    /// A command in a container failed.
    #[error("{command} in container {container}: exit status {status}{}{said}", if said.is_empty() { "" } else { ": " })]
    Exec {
        container: String,
        /// The command line, for messages.
        command: String,
        /// Its exit status.
        status: i64,
        /// Its last lines of output.
        said: String,
    },
    /// The connection broke, or the answer does not follow the API.
    #[error("cannot {doing}")]
    Broken {
        /// The action that failed.
        doing: String,
        /// The reason.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The engine timed out.
    #[error("cannot {doing}: the Docker engine gave no answer within {seconds} s")]
    Slow {
        /// The action that failed.
        doing: String,
        /// The limit.
        seconds: u64,
    },
}

/// The reason why a Docker context cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DockerContextError {
    /// The context's file does not exist.
    #[error("{} does not exist", .0.display())]
    Absent(PathBuf),
    /// A file of Docker's configuration cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// A file of Docker's configuration does not have Docker's format.
    #[error("{}: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The reason, with line and column.
        source: serde_json::Error,
    },
    /// A file for TLS cannot be used.
    #[error("{why} ({})", path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
}

impl EngineError {
    /// The remedy, where one is known.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotRunning { endpoint, .. } if endpoint.starts_with("unix:") => {
                "start it (`sudo systemctl start docker`), or install it; ./quickstart does both".to_owned()
            }
            Self::NotRunning { .. } => {
                "start the engine, or name another one: `docker context ls` lists them, \
                 and DOCKER_HOST comes before them"
                    .to_owned()
            }
            Self::Forbidden { .. } => {
                "join the group docker (`sudo usermod -aG docker $USER`, then log in again)".to_owned()
            }
            // A forwarded socket would do for the engine, and not for the ports that it opens: they are on its machine.
            Self::Unsupported { .. } => "run devplat on the machine of the engine, or choose another one: \
                 `docker context ls` lists them"
                .to_owned(),
            Self::Unreachable { setting, .. } => setting.hint(),
            Self::Address { setting } => setting.hint(),
            Self::Context { why: DockerContextError::Unreadable { path, source }, .. } => {
                unreadable_hint(path, source)
            }
            Self::Context { .. } => {
                "`docker context ls` lists the contexts; DOCKER_HOST, DOCKER_CONTEXT and \
                 `docker context use` choose one, in this order"
                    .to_owned()
            }
            Self::NoAddressRange { .. } => {
                "delete networks that no container uses (`docker network prune`), or give \
                 the engine more ranges: default-address-pools in /etc/docker/daemon.json"
                    .to_owned()
            }
            Self::NoSpace { .. } => {
                "free some space there (`docker system prune` deletes what is not used), then run \
                 the same command"
                    .to_owned()
            }
            Self::Slow { .. } => {
                "check whether the engine is overloaded: `docker info` should answer within a second"
                    .to_owned()
            }
            Self::PortTaken { .. } => {
                "stop the process that listens there (`ss -ltnp` lists it), then run the same command"
                    .to_owned()
            }
            // Every error has the remedy for too many open files in addition.
            Self::Broken { source, .. } if rlimits::open_files_hint(&**source).is_some() => return None,
            // The connection broke; other sources belong to answers that devplat cannot parse.
            Self::Broken { source, .. } if source.is::<ApiError>() => {
                "was the engine restarted? `docker info` should answer; then run the same command".to_owned()
            }
            Self::Api { .. } | Self::Exec { .. } | Self::Broken { .. } => return None,
        })
    }

    /// Returns whether the engine reports that the named object does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Api { status: 404, .. })
    }

    /// Returns whether the engine reports a conflict: a name that is taken, or an object that is in use.
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Api { status: 409, .. })
    }

    /// Converts the API client's error of a call.
    pub(super) fn of(error: ApiError, doing: String, endpoint: &str, seconds: u64) -> Self {
        match error {
            ApiError::DockerResponseServerError { status_code, message } => {
                Self::Api { doing, status: status_code, message: message.trim().to_owned() }
            }
            // A pull failed after its answer had begun with status 200.
            ApiError::DockerStreamError { error } => Self::Api { doing, status: 500, message: error },
            ApiError::RequestTimeoutError => Self::Slow { doing, seconds },
            error => match connect_kind(&error) {
                Some(kind) => Self::connecting(kind.into(), endpoint),
                None => Self::Broken { doing, source: Box::new(error) },
            },
        }
    }

    /// Converts the error of a connection attempt to an engine.
    pub(super) fn connecting(source: io::Error, endpoint: &str) -> Self {
        let endpoint = endpoint.to_owned();
        match source.kind() {
            io::ErrorKind::PermissionDenied => Self::Forbidden { endpoint },
            // The engine may be running: devplat could not open a socket.
            _ if rlimits::open_files_hint(&source).is_some() => Self::Broken {
                doing: format!("reach the Docker engine at {endpoint}"),
                source: Box::new(source),
            },
            _ => Self::NotRunning { endpoint, source },
        }
    }
}

/// Returns the operating system's error behind a failed connection attempt.
fn connect_kind(error: &ApiError) -> Option<io::ErrorKind> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            let kind = error.kind();
            let never_made = matches!(
                kind,
                io::ErrorKind::NotFound
                    | io::ErrorKind::ConnectionRefused
                    | io::ErrorKind::PermissionDenied
                    | io::ErrorKind::HostUnreachable
                    | io::ErrorKind::NetworkUnreachable
                    | io::ErrorKind::AddrNotAvailable
            );
            if never_made {
                return Some(kind);
            }
        }
        cause = error.source();
    }
    None
}
