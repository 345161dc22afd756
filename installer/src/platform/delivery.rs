//! The chosen delivery of devplat's images to the nodes.

use devplat_profile::{LocalRegistry, PlatformName, RemoteRegistry};

/// The delivery of devplat's images to the nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Imported into every node.
    Nodes(NodeImport),
    /// Through a registry that devplat runs beside the cluster.
    LocalRegistry(LocalRegistry),
    /// Through a registry that exists already.
    Registry(RemoteRegistry),
}

/// The way in which images are imported into nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeImport {
    /// Through the Docker engine of the nodes, which are containers with this label.
    Engine {
        /// The label that names the cluster, as `key=value`.
        label: String,
    },
    /// By minikube.
    Minikube {
        /// minikube's profile.
        profile: String,
    },
}

/// The port that the registry listens on in its container.
pub const REGISTRY_PORT: u16 = 5000;

impl Delivery {
    /// Returns the host and path that nodes pull devplat's images from; `None` if images are imported.
    pub fn pull_prefix(&self, platform: &PlatformName) -> Option<String> {
        match self {
            Self::Nodes(_) => None,
            Self::LocalRegistry(_) => Some(format!("{}/devplat", local_registry_host(platform))),
            Self::Registry(registry) => Some(registry.pull.clone()),
        }
    }
}

/// Returns the name of the container with the platform's registry.
pub fn local_registry_name(platform: &PlatformName) -> String {
    format!("devplat-{platform}-registry")
}

/// Returns the host and port of the platform's registry for nodes. The host is the container's name in their network,
/// so that it does not depend on the registry's port on this machine.
pub fn local_registry_host(platform: &PlatformName) -> String {
    format!("{}:{REGISTRY_PORT}", local_registry_name(platform))
}
