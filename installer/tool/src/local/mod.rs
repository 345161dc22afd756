//! Clusters in containers of this machine's engine, created by kind or k3d: their owners, their records of a finished
//! create, and the reasons of a failed one.

pub mod api;
pub mod containerd;
mod diagnose;
#[cfg(test)]
pub(crate) mod fake;
pub mod k3d;
pub mod kind;
mod maker;
mod overlay;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

pub use overlay::ConfigError;

use crate::{
    docker::{Container, Engine, EngineError},
    limits::{Inotify, Limit, TooLow},
    process,
};

/// The label with the platform's name, on k3d's nodes and on every Docker object that devplat itself creates.
pub const PLATFORM_LABEL: &str = "dev.devplat.platform";
/// The label with the account that created the object, as `UID:USER`.
pub const ACCOUNT_LABEL: &str = "dev.devplat.account";
/// The folder in a kind node whose mount of `/dev/null` is named after the platform. kind cannot set labels; a mount is
/// set by the creating call and visible through Docker's API, whether the node is running or not.
pub const OWNER_FOLDER: &str = "/etc/devplat/owner";
/// The folder in a kind node whose mount is named after the account that created it, as `UID-USER`.
pub const ACCOUNT_FOLDER: &str = "/etc/devplat/account";

/// The mark of a Docker object: its platform and the account that created it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The platform's name.
    pub platform: String,
    /// The account that created it; `None` for objects of an older devplat.
    pub account: Option<Account>,
}

/// An account of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its user ID.
    pub uid: u32,
    /// Its name.
    pub name: String,
}

impl Mark {
    /// Returns the labels that name the owner.
    pub fn labels(&self) -> Vec<(String, String)> {
        let account = self.account.iter().map(|account| (ACCOUNT_LABEL.to_owned(), account.to_string()));
        [(PLATFORM_LABEL.to_owned(), self.platform.clone())].into_iter().chain(account).collect()
    }

    /// Reads the owner from labels; `None` if they are not devplat's.
    pub fn of_labels(labels: &BTreeMap<String, String>) -> Option<Self> {
        let platform = labels.get(PLATFORM_LABEL)?.clone();
        let account = labels.get(ACCOUNT_LABEL).and_then(|text| Account::parse(text, ':'));
        Some(Self { platform, account })
    }

    /// Reads the owner of a kind or k3d node; `None` if it is not devplat's.
    pub fn of_node(node: &Container) -> Option<Self> {
        Self::of_labels(&node.labels).or_else(|| {
            let below = |folder: &str| {
                node.mounts
                    .iter()
                    .find_map(|place| place.strip_prefix(folder)?.strip_prefix('/').map(str::to_owned))
            };
            let platform = below(OWNER_FOLDER)?;
            Some(Self {
                platform,
                account: below(ACCOUNT_FOLDER).and_then(|text| Account::parse(&text, '-')),
            })
        })
    }

    /// Returns the mount points in a kind node that name the owner.
    fn marks(&self) -> Vec<String> {
        let account = self.account.iter();
        let account = account.map(|Account { uid, name }| format!("{ACCOUNT_FOLDER}/{uid}-{name}"));
        [format!("{OWNER_FOLDER}/{}", self.platform)].into_iter().chain(account).collect()
    }
}

impl Account {
    /// Reads a user ID and a name with `between` in between.
    pub fn parse(text: &str, between: char) -> Option<Self> {
        let (uid, name) = text.split_once(between)?;
        Some(Self { uid: uid.parse().ok()?, name: name.to_owned() })
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { uid, name } = self;
        write!(f, "{uid}:{name}")
    }
}

/// A program that creates clusters in containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Maker {
    /// kind.
    Kind,
    /// k3d.
    K3d,
}

/// The role of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The node runs the API server, and pods unless it is tainted.
    ControlPlane,
    /// The node runs pods.
    Worker,
}

impl Maker {
    /// Returns the label on each container of a cluster. Its value is the cluster's name.
    pub fn cluster_label(self) -> &'static str {
        match self {
            Self::Kind => "io.x-k8s.kind.cluster",
            Self::K3d => "k3d.cluster",
        }
    }

    /// Returns the file in the first node with the record of the finished cluster.
    pub fn record_path(self) -> &'static str {
        match self {
            Self::Kind => "/kind/devplat.json",
            Self::K3d => "/etc/devplat/cluster.json",
        }
    }

    /// Returns the role of a container of a cluster; `None` for load balancers and tools containers, which are not
    /// nodes.
    pub fn role(self, container: &Container) -> Option<Role> {
        let role = |label: &str| container.labels.get(label).map(String::as_str);
        match self {
            Self::Kind => match role("io.x-k8s.kind.role")? {
                "control-plane" => Some(Role::ControlPlane),
                "worker" => Some(Role::Worker),
                _ => None,
            },
            Self::K3d => match role("k3d.role")? {
                "server" => Some(Role::ControlPlane),
                "agent" => Some(Role::Worker),
                _ => None,
            },
        }
    }

    /// Lists the nodes of cluster `name`, running or not: control planes first, then by name. The first node holds the
    /// record.
    pub async fn nodes(self, engine: &Engine, name: &str) -> Result<Vec<Container>, EngineError> {
        let containers = engine.containers(&format!("{}={name}", self.cluster_label())).await?;
        let mut nodes: Vec<(bool, Container)> = containers
            .into_iter()
            .filter_map(|container| Some((self.role(&container)? != Role::ControlPlane, container)))
            .collect();
        nodes.sort_by(|(one_worker, one), (other_worker, other)| {
            (one_worker, by_number(&one.name)).cmp(&(other_worker, by_number(&other.name)))
        });
        Ok(nodes.into_iter().map(|(_, node)| node).collect())
    }

    /// Reads the record of the finished cluster; `None` if its creation was interrupted.
    pub async fn read_record(self, engine: &Engine, node: &str) -> Result<Option<Vec<u8>>, EngineError> {
        engine.read_file(node, self.record_path()).await
    }

    /// Writes the record with the cluster's configuration, as the last step of its creation.
    pub async fn write_record(self, engine: &Engine, node: &str, record: &[u8]) -> Result<(), EngineError> {
        engine.write_file(node, self.record_path(), record).await
    }
}

/// Returns a sort key that compares the number at the end of a name: `worker2` before `worker10`.
fn by_number(name: &str) -> (&str, u64) {
    let end = name.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
    (&name[..end], name[end..].parse().unwrap_or_default())
}

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
    /// Its text.
    pub text: &'a str,
}

/// Returns the error of a failed command of kind's or k3d's.
fn failed(error: process::Error, doing: impl FnOnce() -> String) -> ClusterError {
    match error {
        process::Error::Failed { said, .. } => ClusterError::Other { doing: doing(), said },
        error @ (process::Error::Absent { .. }
        | process::Error::Start { .. }
        | process::Error::Slow { .. }
        | process::Error::TooMuch { .. }) => ClusterError::Tool(error),
    }
}

/// The reason why a cluster could not be created, read or deleted.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// kind or k3d could not be started, or timed out.
    #[error(transparent)]
    Tool(process::Error),
    /// The program is older than the oldest supported version.
    #[error("{program} is version {found}; devplat needs {needed} or later, {reason}")]
    TooOld {
        /// The program.
        program: &'static str,
        /// Its version.
        found: String,
        /// The oldest supported version.
        needed: &'static str,
        /// The reason.
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
        /// The program.
        program: &'static str,
        /// The user's file.
        path: PathBuf,
        /// The reason.
        source: ConfigError,
    },
    /// A cluster or a container of that name exists already.
    #[error("cannot create cluster {name}: it exists already, at least in part")]
    AlreadyThere {
        /// The cluster.
        name: String,
    },
    /// The engine does not have the image of its nodes and could not pull it.
    #[error(
        "cannot create cluster {name}: the engine does not have image {image} and could not pull it: {said}"
    )]
    ImageNotPulled {
        /// The cluster.
        name: String,
        /// The image.
        image: String,
        /// The program's last lines of output.
        said: String,
    },
    /// A port of this machine is taken.
    #[error("cannot create cluster {name}: port {address}:{port} is taken{}", holder.as_ref().map(|holder| format!(" by {holder}")).unwrap_or_default())]
    PortTaken {
        /// The cluster.
        name: String,
        /// The address.
        address: std::net::IpAddr,
        /// The port.
        port: u16,
        /// The process that listens there, if known.
        holder: Option<String>,
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
    /// The disk with the engine's data is full.
    #[error("cannot create cluster {name}: {free} bytes are left in {}", folder.display())]
    NoSpace {
        /// The cluster.
        name: String,
        /// The folder of the engine's data.
        folder: PathBuf,
        /// The free bytes there.
        free: u64,
    },
    /// The known facts do not explain the failure, and this account may not see how much of the limits of inotify is in
    /// use.
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
            Self::ImageNotPulled { image, .. } => {
                Some(format!("make `docker pull {image}` work first, or name another image"))
            }
            Self::PortTaken { .. } => {
                Some("stop the process that listens there, or name another port".to_owned())
            }
            Self::Inotify { low, .. } => Some(low.hint()),
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
            Self::Other { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Mark {
        let account = Some(Account { uid: 1000, name: "ada-b".to_owned() });
        Mark { platform: "team-a".to_owned(), account }
    }

    #[test]
    fn owner_reads_back_from_labels_and_from_mounts() {
        let labels: BTreeMap<String, String> = owner().labels().into_iter().collect();
        assert_eq!(labels[ACCOUNT_LABEL], "1000:ada-b");
        assert_eq!(Mark::of_labels(&labels), Some(owner()));
        let node = Container { mounts: owner().marks(), ..Container::default() };
        assert_eq!(node.mounts[1], "/etc/devplat/account/1000-ada-b");
        assert_eq!(Mark::of_node(&node), Some(owner()));
    }

    #[test]
    fn older_node_has_no_account_and_a_foreign_node_no_owner() {
        let mounts = vec!["/var".to_owned(), "/etc/devplat/owner/team-a".to_owned()];
        let node = Container { mounts, ..Container::default() };
        assert_eq!(Mark::of_node(&node), Some(Mark { platform: "team-a".to_owned(), account: None }));
        assert_eq!(Mark::of_node(&Container::default()), None);
    }

    #[test]
    fn load_balancer_is_not_a_node() {
        let with = |label: &str, value: &str| Container {
            labels: [(label.to_owned(), value.to_owned())].into(),
            ..Container::default()
        };
        let role = "io.x-k8s.kind.role";
        assert_eq!(Maker::Kind.role(&with(role, "worker")), Some(Role::Worker));
        assert_eq!(Maker::Kind.role(&with(role, "external-load-balancer")), None);
        assert_eq!(Maker::K3d.role(&with("k3d.role", "server")), Some(Role::ControlPlane));
        assert_eq!(Maker::K3d.role(&with("k3d.role", "loadbalancer")), None);
        assert!(by_number("a-worker2") < by_number("a-worker10"));
    }
}
