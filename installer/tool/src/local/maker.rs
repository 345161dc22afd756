//! The differences between kind and k3d that their users need, so that no other module lists both.

use std::{net::SocketAddr, time::Duration};

use tokio::time::{Instant, sleep};

use super::{ClusterError, Maker, error::command_error, k3d, kind};
use crate::{
    Command, Surroundings,
    docker::{Engine, removal::KILL_PATIENCE},
    process,
};

/// The pause after a failed deletion.
const PAUSE: Duration = Duration::from_millis(300);

impl Maker {
    /// All programs that create clusters in containers.
    pub const ALL: [Self; 2] = [Self::Kind, Self::K3d];

    /// Returns the name of the program.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kind => "kind",
            Self::K3d => "k3d",
        }
    }

    /// Returns the version of the program. Fails if it is not installed or too old.
    pub async fn version(self, surroundings: &Surroundings) -> Result<String, ClusterError> {
        match self {
            Self::Kind => kind::version(surroundings).await,
            Self::K3d => k3d::version(surroundings).await,
        }
    }

    /// Runs the program's own deletion of a cluster, which it can repeat. The program of a killed run may be deleting at
    /// the same time, and Docker rejects the second deletion of a container.
    pub(super) async fn delete(
        self,
        engine: &Engine,
        name: &str,
        command: impl Fn() -> Command,
    ) -> Result<(), ClusterError> {
        let begun = Instant::now();
        loop {
            self.wait_removed(engine, name).await?;
            match command().run().await {
                Ok(_) => return Ok(()),
                Err(process::Error::Failed { .. }) if begun.elapsed() < KILL_PATIENCE => sleep(PAUSE).await,
                Err(error) => {
                    return Err(command_error(error, || format!("delete {} cluster {name}", self.name())));
                }
            }
        }
    }

    /// Returns whether the program uses the engine through the command `docker`.
    pub fn uses_docker_command(self) -> bool {
        match self {
            Self::Kind => true,
            Self::K3d => false,
        }
    }

    /// Returns whether every container with the label of a cluster is one of its nodes. kind sets all labels of a node
    /// when it creates it.
    pub fn labels_only_nodes(self) -> bool {
        match self {
            Self::Kind => true,
            Self::K3d => false,
        }
    }

    /// Returns whether running nodes accept the address of a registry. k3s reads it only at its start, so k3d sets it
    /// when it creates the cluster.
    pub fn accepts_registries_later(self) -> bool {
        match self {
            Self::Kind => true,
            Self::K3d => false,
        }
    }

    /// Returns whether the creation of a cluster writes its kubeconfig to the file that devplat names. devplat's
    /// configuration for k3d switches that off.
    pub fn writes_kubeconfig(self) -> bool {
        match self {
            Self::Kind => true,
            Self::K3d => false,
        }
    }

    /// Returns the address ranges of pods and of Services in its clusters, unless a configuration file names others.
    pub fn ranges(self) -> [&'static str; 2] {
        match self {
            Self::Kind => kind::RANGES,
            Self::K3d => k3d::RANGES,
        }
    }

    /// Returns the TCP ports of this machine that a configuration for the program names. None if it does not parse, which
    /// the creation of the cluster reports.
    pub fn ports(self, config: &str) -> Vec<SocketAddr> {
        match self {
            Self::Kind => kind::ports(config),
            Self::K3d => k3d::ports(config),
        }
    }

    /// Returns the command lines that renew the certificates of a node.
    pub fn renewal(self, node: &str) -> String {
        match self {
            Self::Kind => {
                format!("`docker exec {node} kubeadm certs renew all`, then `docker restart {node}`")
            }
            // k3s renews its certificates at its start.
            Self::K3d => format!("`docker restart {node}`"),
        }
    }
}
