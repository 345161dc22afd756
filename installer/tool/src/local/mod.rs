//! Clusters in containers of this machine's engine, created by kind or k3d: their owners, their records of a finished
//! create, and the reasons of a failed one.

mod account;
pub mod api;
pub mod certificates;
pub mod containerd;
mod diagnose;
mod error;
#[cfg(test)]
pub(crate) mod fake;
pub mod inotify;
pub mod k3d;
pub mod kind;
mod loss;
mod maker;
mod mark;
mod names;
mod node;
mod node_log;
mod occupant;
mod overlay;

use std::{path::Path, time::Duration};

pub use account::Account;
pub use error::ClusterError;
pub use loss::lost_node;
pub use mark::{ACCOUNT_FOLDER, ACCOUNT_LABEL, Mark, OWNER_FOLDER, PLATFORM_LABEL};
pub use node::{ClusterContainers, Maker, Role, nodes};
pub use occupant::NameOccupant;
pub use overlay::ConfigError;

/// How long kind and k3d may take to print their version.
const VERSION_LIMIT: Duration = Duration::from_secs(10);

/// A port of this machine that leads to a port of a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The address of this machine.
    pub address: std::net::IpAddr,
    /// The port of this machine; 0 takes a free one.
    pub host_port: u16,
    /// The port of the node.
    pub node_port: u16,
}

/// The user's configuration for kind or k3d.
#[derive(Debug, Clone, Copy)]
pub struct ExtraConfig<'a> {
    /// Its file, for messages.
    pub path: &'a Path,
    pub text: &'a str,
}
