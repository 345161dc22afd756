//! Everything that a k3d cluster has in the engine. An interrupted `k3d cluster create` leaves parts that `k3d cluster
//! list` does not show and `k3d cluster delete` does not delete: the network and the volume of images come before the
//! first node, and only nodes lead k3d to them.

use crate::docker::{Container, Engine, EngineError, Network, Volume};

/// The objects of a k3d cluster in the engine.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remains {
    /// Its nodes, load balancer and tools container.
    pub containers: Vec<Container>,
    /// Its volume of images.
    pub volumes: Vec<Volume>,
    /// The network that k3d made for it, where it was given none.
    pub networks: Vec<Network>,
}

impl Remains {
    /// The objects of cluster `name`, found by label and by exact name.
    pub async fn of(engine: &Engine, name: &str) -> Result<Self, EngineError> {
        let mut containers = engine.containers(&format!("k3d.cluster={name}")).await?;
        // Made before the first node, and the only one that may lack the label.
        let tools = format!("k3d-{name}-tools");
        if !containers.iter().any(|container| container.name == tools) {
            containers.extend(engine.container(&tools).await?.filter(is_k3ds_container));
        }
        let volume = engine.volume(&format!("k3d-{name}-images")).await?;
        let volumes = volume.into_iter().filter(|volume| is_k3ds(&volume.labels)).collect();
        let network = engine.network(&format!("k3d-{name}")).await?;
        let networks = network.into_iter().filter(|network| is_k3ds(&network.labels)).collect();
        Ok(Self { containers, volumes, networks })
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        let Self { containers, volumes, networks } = self;
        containers.is_empty() && volumes.is_empty() && networks.is_empty()
    }

    /// Deletes all of it: containers first, which use the rest.
    pub async fn remove(&self, engine: &Engine) -> Result<(), EngineError> {
        let Self { containers, volumes, networks } = self;
        for container in containers {
            engine.remove_container(&container.id).await?;
        }
        for volume in volumes {
            engine.remove_volume(&volume.name).await?;
        }
        for network in networks {
            engine.remove_network(&network.id).await?;
        }
        Ok(())
    }
}

fn is_k3ds_container(container: &Container) -> bool {
    is_k3ds(&container.labels)
}

fn is_k3ds(labels: &std::collections::BTreeMap<String, String>) -> bool {
    labels.get("app").is_some_and(|app| app == "k3d")
}
