//! Names of the images that devplat makes.

use std::fmt;

use crate::Digest;

/// The images that devplat assembles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ImageName {
    /// The operator's program.
    Operator,
    /// The bastion's program, and devctl, which it runs for developers.
    Bastion,
    /// The agent's program, which an init container copies into each dev server.
    Agent,
    /// The default image of dev servers.
    Base,
}

impl ImageName {
    /// All images.
    pub const ALL: [Self; 4] = [Self::Operator, Self::Bastion, Self::Agent, Self::Base];

    /// Its last path component in a reference.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "devplat-operator",
            Self::Bastion => "devplat-bastion",
            Self::Agent => "devplat-agent",
            Self::Base => "devserver-base",
        }
    }
}

impl fmt::Display for ImageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The host in references to images that only the nodes have. The name does not resolve, so a missing image is an error
/// and is never pulled from a foreign host.
const LOCAL_HOST: &str = "devplat.local";

/// The reference of an image in a pod, always with its digest, or with a tag made from it, so that its content never
/// changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference(String);

impl Reference {
    /// The reference to an image that was imported into the nodes.
    pub fn local(name: ImageName, digest: &Digest) -> Self {
        Self(format!("{LOCAL_HOST}/{name}@{digest}"))
    }

    /// The reference with a tag made from the digest: Docker's image store keeps no digest of an image that was loaded.
    pub fn local_tag(name: ImageName, digest: &Digest) -> Self {
        Self(format!("{LOCAL_HOST}/{name}:sha256-{}", digest.hex()))
    }

    /// The reference to an image below `prefix` in a registry (`host/path`).
    pub fn in_registry(prefix: &str, name: ImageName, digest: &Digest) -> Self {
        Self(format!("{}/{name}@{digest}", prefix.trim_end_matches('/')))
    }

    /// A reference that the user's profile gives, taken as it is.
    pub fn given(reference: &str) -> Self {
        Self(reference.to_owned())
    }

    /// The reference as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
