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
    /// The name of its command, which is that of its profile.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::K3d => "k3d",
            Self::Kind => "kind",
        }
    }

    /// The arguments that create a platform, or leave it as it is.
    pub(super) fn up(self) -> [&'static str; 4] {
        ["up", "--profile", self.name(), "--yes"]
    }

    /// The arguments that show the plan of the same.
    pub(super) fn plan(self) -> [&'static str; 3] {
        ["plan", "--profile", self.name()]
    }

    /// The peer of `up`.
    pub(super) fn creation(self) -> &'static str {
        match self {
            Self::K3d => "k3d cluster create",
            Self::Kind => "kind create cluster",
        }
    }

    /// The peer of `destroy`.
    pub(super) fn deletion(self) -> &'static str {
        match self {
            Self::K3d => "k3d cluster delete",
            Self::Kind => "kind delete cluster",
        }
    }

    /// The container of the only node of a platform's cluster.
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
            // It chooses its image in the same way as devplat.
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

    /// Deletes what the maker's own deletion leaves: kind never deletes a network, and devplat would take one of this
    /// name for a foreign one.
    pub(super) fn clear_bare(self, platform: &Platform) -> Result<()> {
        match self {
            Self::K3d => Ok(()),
            Self::Kind => platform.docker(&["network", "rm", &bare::network(platform)]).map(|_| ()),
        }
    }
}
