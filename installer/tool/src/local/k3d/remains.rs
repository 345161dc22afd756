//! All Docker objects of a k3d cluster. An interrupted `k3d cluster create` leaves objects that `k3d cluster list` does
//! not show and `k3d cluster delete` does not delete: k3d creates the network and the volume of images before the first
//! node, and finds them only through nodes.

use std::fmt;

use futures::try_join;

use crate::docker::{Container, Engine, EngineError, Network, Volume};

/// The Docker objects of a k3d cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct K3dRemains {
    /// Its nodes, load balancer and tools container.
    pub containers: Vec<Container>,
    /// Its volume of images.
    pub volumes: Vec<Volume>,
    /// The network that k3d created for it, unless it was given one.
    pub networks: Vec<Network>,
}

impl K3dRemains {
    /// Finds the objects of cluster `name` by label and by exact name.
    pub async fn of(engine: &Engine, name: &str) -> Result<Self, EngineError> {
        let (label, tools) = (format!("k3d.cluster={name}"), format!("k3d-{name}-tools"));
        let (volume, network) = (format!("k3d-{name}-images"), format!("k3d-{name}"));
        let (mut containers, tools, volume, network) = try_join!(
            Box::pin(engine.containers(&label)),
            // k3d creates it before the first node, and it is the only container that may lack the label.
            Box::pin(engine.container(&tools)),
            Box::pin(engine.volume(&volume)),
            Box::pin(engine.network(&network)),
        )?;
        let listed = |tools: &Container| containers.iter().any(|container| container.name == tools.name);
        let tools = tools.filter(|tools| is_k3ds(&tools.labels) && !listed(tools));
        containers.extend(tools);
        let volumes = volume.into_iter().filter(|volume| is_k3ds(&volume.labels)).collect();
        let networks = network.into_iter().filter(|network| is_k3ds(&network.labels)).collect();
        Ok(Self { containers, volumes, networks })
    }

    /// Returns whether there are no objects.
    pub fn is_empty(&self) -> bool {
        let Self { containers, volumes, networks } = self;
        containers.is_empty() && volumes.is_empty() && networks.is_empty()
    }

    /// Returns all objects in the order of their deletion: containers first, because they use the others.
    pub fn in_order(&self) -> Vec<Remain<'_>> {
        let Self { containers, volumes, networks } = self;
        let containers = containers.iter().map(Remain::Container);
        containers
            .chain(volumes.iter().map(Remain::Volume))
            .chain(networks.iter().map(Remain::Network))
            .collect()
    }
}

/// One Docker object of a k3d cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remain<'a> {
    Container(&'a Container),
    Volume(&'a Volume),
    Network(&'a Network),
}

impl Remain<'_> {
    /// Returns its ID; volumes have only a name.
    pub fn id(&self) -> &str {
        match self {
            Self::Container(container) => &container.id,
            Self::Volume(volume) => &volume.name,
            Self::Network(network) => &network.id,
        }
    }

    /// Deletes it.
    pub async fn remove(&self, engine: &Engine) -> Result<(), EngineError> {
        match self {
            Self::Container(_) => engine.remove_container(self.id()).await,
            Self::Volume(_) => engine.remove_volume(self.id()).await,
            Self::Network(_) => engine.remove_network(self.id()).await,
        }
    }
}

impl fmt::Display for Remain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Container(container) => write!(f, "container {}", container.name),
            Self::Volume(volume) => write!(f, "volume {}", volume.name),
            Self::Network(network) => write!(f, "Docker network {}", network.name),
        }
    }
}

fn is_k3ds(labels: &std::collections::BTreeMap<String, String>) -> bool {
    labels.get("app").is_some_and(|app| app == "k3d")
}
