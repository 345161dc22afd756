//! The chosen delivery of devplat's images to the nodes.

use devplat_image::{Digest, ImageName, Reference, Stored};
use devplat_profile::{LocalProvider, LocalRegistry, PlatformName, RemoteRegistry};
use devplat_tool::local::Maker;

/// The delivery of devplat's images to the nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChosenDelivery {
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

impl ChosenDelivery {
    /// Returns the reference by which the pods of `platform` name an image.
    pub fn reference(&self, platform: &PlatformName, stored: &Stored) -> Reference {
        self.named(platform, stored.name, &stored.manifest.digest)
    }

    /// Returns a reference like the one that an image gets once it is assembled, with the digest of nothing.
    pub fn future_reference(&self, platform: &PlatformName, image: ImageName) -> Reference {
        self.named(platform, image, &Digest::of(b""))
    }

    fn named(&self, platform: &PlatformName, image: ImageName, digest: &Digest) -> Reference {
        match self {
            Self::Nodes(by) => by.named(image, digest),
            Self::LocalRegistry(_) => {
                let prefix = format!("{}/devplat", local_registry_host(platform));
                Reference::in_registry(&prefix, image, digest)
            }
            Self::Registry(registry) => Reference::in_registry(&registry.pull, image, digest),
        }
    }
}

impl NodeImport {
    /// Returns the name of an image in the nodes.
    pub fn reference(&self, stored: &Stored) -> Reference {
        self.named(stored.name, &stored.manifest.digest)
    }

    /// minikube's nodes have a tag, because Docker, the default runtime of minikube, keeps no digest of an image that was
    /// loaded.
    fn named(&self, image: ImageName, digest: &Digest) -> Reference {
        match self {
            Self::Engine { .. } => Reference::local(image, digest),
            Self::Minikube { .. } => Reference::local_tag(image, digest),
        }
    }
}

/// Returns the program of a provider.
pub fn maker(provider: LocalProvider) -> Maker {
    match provider {
        LocalProvider::Kind => Maker::Kind,
        LocalProvider::K3d => Maker::K3d,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profile_rejects_a_subnet_in_the_ranges_that_the_program_uses() {
        for provider in [LocalProvider::Kind, LocalProvider::K3d] {
            let ranges = provider.ranges().map(|range| range.to_string());
            assert_eq!(ranges, maker(provider).ranges(), "{provider:?}");
        }
    }
}
