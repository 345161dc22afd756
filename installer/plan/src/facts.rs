//! The duration and the needs of a step as data, so that a plan is checked before its first step.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

/// The data about a step that is known before it runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// How long it usually takes, as measured on two cores.
    pub usual: Duration,
    /// The machine's resources that it needs.
    pub requires: Vec<Requirement>,
    /// The TCP ports of this machine that are free after it.
    pub frees: Vec<SocketAddr>,
    /// How many running nodes it deletes.
    pub ends_nodes: u32,
}

/// A program that creates clusters in containers, whose names other containers must not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ClusterProgram {
    Kind,
    K3d,
}

/// A resource of the machine that a step needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Requirement {
    /// A Docker engine that answers.
    Engine,
    /// A Docker engine on a machine that runs programs of this architecture, such as `amd64`.
    EngineOf(&'static str),
    /// A program, by its name.
    Tool(&'static str),
    /// A TCP port of this machine that is free; port 0 needs only the address to be one of this machine.
    FreePort(SocketAddr),
    /// A port of this machine that an idle container publishes again when it starts.
    PortOf { container: String, address: SocketAddr },
    /// Kernel limits that allow more nodes.
    Nodes {
        /// How many nodes start.
        new: u32,
        /// How many running nodes earlier steps of the plan delete.
        ended: u32,
    },
    /// Names that no container has, except those of this cluster, which earlier steps delete.
    FreeNames {
        /// The program that creates the containers.
        program: ClusterProgram,
        /// The name of the cluster that gets them.
        cluster: String,
        names: Vec<String>,
    },
    /// An address range that overlaps those of no Docker network, except the ones of this name, which earlier steps delete.
    FreeRange {
        address: Ipv4Addr,
        /// The length of its prefix.
        prefix: u8,
        /// The network that gets it.
        network: String,
        /// Its key in the profile.
        key: String,
    },
    /// A configuration file of the user's without the mistake that was found in it.
    UsableFile {
        /// The mistake, with the file.
        mistake: String,
        /// Its remedy, where one is known.
        hint: Option<String>,
    },
}

impl Facts {
    /// A step that usually takes this long and needs nothing else.
    pub fn lasting(usual: Duration) -> Self {
        Self { usual, ..Self::default() }
    }

    /// The same step, which also needs `what`.
    #[must_use]
    pub fn requiring(mut self, what: impl IntoIterator<Item = Requirement>) -> Self {
        self.requires.extend(what);
        self
    }

    /// The same step, after which these ports are free.
    #[must_use]
    pub fn freeing(mut self, ports: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.frees.extend(ports);
        self
    }

    /// The same step, which deletes this many running nodes.
    #[must_use]
    pub fn ending_nodes(mut self, nodes: u32) -> Self {
        self.ends_nodes += nodes;
        self
    }
}
