//! The reasons why a cluster could not be created, read or deleted, with their remedies.

use std::path::PathBuf;

use indicatif::DecimalBytes;

use super::{occupant::NameOccupant, overlay::ConfigError};
use crate::{
    docker::EngineError,
    limits::{Inotify, Limit, TooLow},
    process,
};

/// The reason why a cluster could not be created, read or deleted.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// kind or k3d could not be started, or timed out.
    #[error(transparent)]
    Tool(process::Error),
    /// The program is older than the oldest supported version.
    #[error("{program} is version {found}; devplat needs {needed} or later, {reason}")]
    TooOld {
        program: &'static str,
        /// Its version.
        found: String,
        /// The oldest supported version.
        needed: &'static str,
        reason: &'static str,
    },
    /// A call to the engine failed.
    #[error("cannot read cluster {name} from the Docker engine")]
    Engine {
        /// The cluster.
        name: String,
        /// The reason.
        source: EngineError,
    },
    /// The user's configuration cannot be used.
    #[error("cannot use the {program} configuration {}", path.display())]
    Config {
        program: &'static str,
        /// The user's file.
        path: PathBuf,
        /// The reason.
        source: Box<ConfigError>,
    },
    /// A cluster or a container of that name exists already.
    #[error("cannot create cluster {name}: it exists already, at least in part")]
    AlreadyThere {
        /// The cluster.
        name: String,
    },
    /// Another container has the name of one of its containers.
    #[error("cannot create cluster {name}: {holder}, and the cluster needs its name")]
    NameTaken {
        /// The cluster.
        name: String,
        holder: NameOccupant,
    },
    /// The engine does not have the image of its nodes and could not pull it.
    #[error(
        "cannot create cluster {name}: the engine does not have image {image} and could not pull it: {said}"
    )]
    ImageNotPulled {
        /// The cluster.
        name: String,
        image: String,
        /// The program's last lines of output.
        said: String,
    },
    /// A port of this machine is taken.
    #[error("cannot create cluster {name}: port {address}:{port} is taken{}", holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default())]
    PortTaken {
        /// The cluster.
        name: String,
        address: std::net::IpAddr,
        port: u16,
        /// The process that listens there, if known.
        holder: Option<String>,
    },
    /// A node was paused or deleted meanwhile.
    #[error("cannot create cluster {name}: {why}")]
    NodeLost {
        /// The cluster.
        name: String,
        why: String,
    },
    /// A limit of inotify is too low for a node.
    #[error("cannot create cluster {name}: {low}: {said}")]
    Inotify {
        /// The cluster.
        name: String,
        /// The limit.
        low: TooLow,
        /// The program's last lines of output.
        said: String,
    },
    /// A node reports in its log that a limit of inotify is reached.
    #[error("cannot create cluster {name}: node {node} reached the limit of {max} {limit}: {line}")]
    NodeInotify {
        /// The cluster.
        name: String,
        node: String,
        limit: Limit,
        /// Its value.
        max: u64,
        /// The line of the log.
        line: String,
    },
    /// The disk with the engine's data is full.
    #[error("cannot create cluster {name}: {} are left in {}", DecimalBytes(*free), folder.display())]
    NoSpace {
        /// The cluster.
        name: String,
        /// The folder of the engine's data.
        folder: PathBuf,
        /// The free bytes there.
        free: u64,
    },
    /// The known facts do not explain the failure, the logs of the nodes could not be read, and this account may not see
    /// how much of the limits of inotify is in use.
    #[error("cannot create cluster {name}: {said}")]
    Unexplained {
        /// The cluster.
        name: String,
        /// The program's last lines of output.
        said: String,
        /// The limits.
        inotify: Inotify,
    },
    /// The known facts do not explain the failure.
    #[error("cannot {doing}: {said}")]
    Other {
        /// The action that failed.
        doing: String,
        /// The program's last lines of output.
        said: String,
    },
}

impl ClusterError {
    /// The remedy, where one is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Tool(error) => error.hint(),
            Self::TooOld { program, .. } => Some(format!("install a later {program}")),
            Self::Engine { source, .. } => source.hint(),
            Self::Config { source, .. } => source.hint(),
            Self::AlreadyThere { .. } => Some("delete it, or choose another name".to_owned()),
            Self::NameTaken { holder, .. } => Some(holder.hint()),
            Self::ImageNotPulled { image, .. } => {
                Some(format!("make `docker pull {image}` work first, or name another image"))
            }
            Self::PortTaken { .. } => {
                Some("stop the process that listens there, or name another port".to_owned())
            }
            Self::Inotify { low, .. } => Some(low.hint()),
            Self::NodeInotify { limit, max, .. } => Some(limit.remedy(*max, 0)),
            Self::Unexplained { inotify, .. } => {
                let max = inotify.max_instances;
                let remedy = Limit::Instances.remedy(max, 0);
                Some(format!(
                    "if its nodes report `too many open files`, the limit of {max} inotify instances may be reached: {remedy}"
                ))
            }
            Self::NoSpace { .. } => {
                Some("free some space there (`docker system prune` deletes what is not used)".to_owned())
            }
            Self::NodeLost { .. } | Self::Other { .. } => None,
        }
    }
}

/// Returns the error of a failed command of kind's or k3d's.
pub(super) fn command_error(error: process::Error, doing: impl FnOnce() -> String) -> ClusterError {
    match error {
        process::Error::Failed { said, .. } => ClusterError::Other { doing: doing(), said },
        error @ (process::Error::Absent { .. }
        | process::Error::Start { .. }
        | process::Error::Slow { .. }
        | process::Error::TooMuch { .. }) => ClusterError::Tool(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_space_is_shown_with_a_unit() {
        let full = ClusterError::NoSpace { name: "a".to_owned(), folder: "/d".into(), free: 12_345_678 };
        assert_eq!(full.to_string(), "cannot create cluster a: 12.35 MB are left in /d");
    }
}
