//! How devplat's images reach the nodes, decided.

use devplat_profile::{LocalRegistry, PlatformName, RemoteRegistry};

/// How devplat's images reach the nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivery {
    /// Imported into every node.
    Nodes(NodeImport),
    /// Through a registry that devplat runs beside the cluster.
    LocalRegistry(LocalRegistry),
    /// Through a registry that exists already.
    Registry(RemoteRegistry),
}

/// How an image is imported into nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeImport {
    /// Through the Docker engine that the nodes run in, as containers with this label.
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
    /// Host and path that nodes pull devplat's images from; `None` if images are imported.
    pub fn pull_prefix(&self, platform: &PlatformName) -> Option<String> {
        match self {
            Self::Nodes(_) => None,
            Self::LocalRegistry(_) => Some(format!("{}/devplat", local_registry_host(platform))),
            Self::Registry(registry) => Some(registry.pull.clone()),
        }
    }
}

/// The name of the container with the platform's registry.
pub fn local_registry_name(platform: &PlatformName) -> String {
    format!("devplat-{platform}-registry")
}

/// The host and port by which nodes know the platform's registry: its container's name in their network, so that it
/// stays the same whatever its port on this machine is.
pub fn local_registry_host(platform: &PlatformName) -> String {
    format!("{}:{REGISTRY_PORT}", local_registry_name(platform))
}
