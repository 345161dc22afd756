//! The two makers of clusters on this machine: their profiles, and their bare clusters as peers.

use anyhow::Result;
use devplat_tests::{bare, platform::Platform};

/// A maker of clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    K3d,
    Kind,
}

impl Maker {
    /// Returns the name of its command, which is also the name of its profile.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::K3d => "k3d",
            Self::Kind => "kind",
        }
    }

    /// Returns the arguments of `up`.
    pub(super) fn up(self) -> [&'static str; 4] {
        ["up", "--profile", self.name(), "--yes"]
    }

    /// Returns the arguments of the corresponding `plan`.
    pub(super) fn plan(self) -> [&'static str; 3] {
        ["plan", "--profile", self.name()]
    }

    /// Returns the peer of `up`.
    pub(super) fn creation(self) -> &'static str {
        match self {
            Self::K3d => "k3d cluster create",
            Self::Kind => "kind create cluster",
        }
    }

    /// Returns the peer of `destroy`.
    pub(super) fn deletion(self) -> &'static str {
        match self {
            Self::K3d => "k3d cluster delete",
            Self::Kind => "kind delete cluster",
        }
    }

    /// Returns the container of the only node of a platform's cluster.
    pub(super) fn node(self, platform: &Platform) -> String {
        match self {
            Self::K3d => format!("k3d-{}-server-0", platform.name),
            Self::Kind => format!("{}-control-plane", platform.name),
        }
    }

    /// Creates a bare cluster of this node image.
    pub(super) fn create_bare(self, platform: &Platform, node_image: &str) -> Result<()> {
        match self {
            Self::K3d => bare::create_k3d_of(platform, node_image),
            // kind chooses the same image as devplat.
            Self::Kind => bare::create(platform),
        }
    }

    /// Deletes the bare cluster.
    pub(super) fn delete_bare(self, platform: &Platform) -> Result<()> {
        match self {
            Self::K3d => bare::delete_k3d(platform),
            Self::Kind => bare::delete(platform),
        }
    }

    /// Deletes the network that kind leaves. devplat would treat a network of this name as foreign.
    pub(super) fn clear_bare(self, platform: &Platform) -> Result<()> {
        match self {
            Self::K3d => Ok(()),
            Self::Kind => platform.docker(&["network", "rm", &bare::network(platform)]).map(|_| ()),
        }
    }
}
