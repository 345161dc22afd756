//! Clusters in containers of this machine's engine, made by kind or k3d: whose they are, whether they were finished, and
//! why one could not be made.

pub mod api;
pub mod containerd;
mod diagnose;
#[cfg(test)]
pub(crate) mod fake;
pub mod k3d;
pub mod kind;
mod overlay;

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

pub use overlay::ConfigError;

use crate::{
    docker::{Container, Engine, EngineError},
    process,
};

/// The label with the platform's name, on every Docker object that devplat makes by itself and on k3d's nodes.
pub const PLATFORM_LABEL: &str = "dev.devplat.platform";
/// The label with the account that made it, as `UID:USER`.
pub const ACCOUNT_LABEL: &str = "dev.devplat.account";
/// Where a kind node carries the name of its platform: a mount of `/dev/null`, which is there from the creating call on
/// and seen from outside, running or not. kind lets no labels through.
pub const OWNER_FOLDER: &str = "/etc/devplat/owner";
/// Where a kind node carries the account that made it, as `UID-USER`.
pub const ACCOUNT_FOLDER: &str = "/etc/devplat/account";

/// Whose something is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The platform's name.
    pub platform: String,
    /// The account that made it; `None` on what an older devplat made.
    pub account: Option<Account>,
}

/// An account of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub uid: u32,
    /// Its name.
    pub name: String,
}

impl Owner {
    /// The labels that name the owner.
    pub fn labels(&self) -> Vec<(String, String)> {
        let account = self.account.iter().map(|account| (ACCOUNT_LABEL.to_owned(), account.to_string()));
        [(PLATFORM_LABEL.to_owned(), self.platform.clone())].into_iter().chain(account).collect()
    }

    /// Whose something with these labels is; `None` where they are not devplat's.
    pub fn of_labels(labels: &BTreeMap<String, String>) -> Option<Self> {
        let platform = labels.get(PLATFORM_LABEL)?.clone();
        let account = labels.get(ACCOUNT_LABEL).and_then(|text| Account::parse(text, ':'));
        Some(Self { platform, account })
    }

    /// Whose node this is, of kind or k3d; `None` where it is not devplat's.
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

    /// The places in a kind node where `/dev/null` is mounted to name the owner.
    fn marks(&self) -> Vec<String> {
        let account = self.account.iter();
        let account = account.map(|Account { uid, name }| format!("{ACCOUNT_FOLDER}/{uid}-{name}"));
        [format!("{OWNER_FOLDER}/{}", self.platform)].into_iter().chain(account).collect()
    }
}

impl Account {
    fn parse(text: &str, between: char) -> Option<Self> {
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

/// A program that makes clusters in containers.
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
    /// It runs the API server, and pods unless it is tainted.
    ControlPlane,
    /// It runs pods.
    Worker,
}

impl Maker {
    /// The label on each container of a cluster, whose value is the cluster's name.
    pub fn cluster_label(self) -> &'static str {
        match self {
            Self::Kind => "io.x-k8s.kind.cluster",
            Self::K3d => "k3d.cluster",
        }
    }

    /// The file in the first node with the record of the finished cluster.
    pub fn record_path(self) -> &'static str {
        match self {
            Self::Kind => "/kind/devplat.json",
            Self::K3d => "/etc/devplat/cluster.json",
        }
    }

    /// The role of a container of a cluster; `None` for load balancers and tools, which hold no node of Kubernetes.
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

    /// The nodes of the cluster `name`, running or not: control planes first, each by name. The first holds the record.
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

    /// The record of the finished cluster; `None` if its creation was interrupted.
    pub async fn read_record(self, engine: &Engine, node: &str) -> Result<Option<Vec<u8>>, EngineError> {
        engine.read_file(node, self.record_path()).await
    }

    /// Writes down that the cluster is finished, and what it was made as. To be done last.
    pub async fn write_record(self, engine: &Engine, node: &str, record: &[u8]) -> Result<(), EngineError> {
        engine.write_file(node, self.record_path(), record).await
    }
}

/// A name to sort by, with the number at its end as one: `worker2` before `worker10`.
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

/// A configuration of the user's for kind or k3d.
#[derive(Debug, Clone, Copy)]
pub struct ExtraConfig<'a> {
    /// Its file, for messages.
    pub path: &'a Path,
    /// Its text.
    pub text: &'a str,
}

/// The error of a command of kind's or k3d's that did not do what it should.
fn failed(error: process::Error, doing: impl FnOnce() -> String) -> ClusterError {
    match error {
        process::Error::Failed { said, .. } => ClusterError::Other { doing: doing(), said },
        error @ (process::Error::Absent { .. }
        | process::Error::Start { .. }
        | process::Error::Slow { .. }
        | process::Error::TooMuch { .. }) => ClusterError::Tool(error),
    }
}

/// Why a cluster could not be made, read or deleted.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// kind or k3d did not run.
    #[error(transparent)]
    Tool(process::Error),
    /// The program is older than the oldest that devplat works with.
    #[error("{program} is version {found}; devplat needs {needed} or later, {reason}")]
    TooOld {
        /// The program.
        program: &'static str,
        /// Its version.
        found: String,
        /// The oldest that devplat works with.
        needed: &'static str,
        /// The reason.
        reason: &'static str,
    },
    /// The engine did not do its part.
    #[error("cannot ask the Docker engine about cluster {name}")]
    Engine {
        /// The cluster.
        name: String,
        /// Why.
        source: EngineError,
    },
    /// The user's configuration cannot be used.
    #[error("cannot use the {program} configuration {}", path.display())]
    Config {
        /// The program.
        program: &'static str,
        /// The user's file.
        path: PathBuf,
        /// Why.
        source: ConfigError,
    },
    /// A container of that name, or a cluster, is there already.
    #[error("cannot create cluster {name}: it is there already, or a part of it")]
    AlreadyThere {
        /// The cluster.
        name: String,
    },
    /// The image of its nodes is not here, and was not pulled.
    #[error(
        "cannot create cluster {name}: the engine does not have image {image}, and could not pull it: {said}"
    )]
    ImageNotPulled {
        /// The cluster.
        name: String,
        /// The image.
        image: String,
        /// The program's last lines.
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
        /// The process that listens there, if it is known.
        holder: Option<String>,
    },
    /// Too few inotify instances are left for a node.
    #[error(
        "cannot create cluster {name}: {used} of {max} inotify instances are in use, and a node needs about {needed} more"
    )]
    Inotify {
        /// The cluster.
        name: String,
        /// Instances in use by root, those of nodes included.
        used: u64,
        /// The most there may be.
        max: u64,
        /// The instances that a node needs.
        needed: u64,
    },
    /// The disk with the engine's data is full.
    #[error("cannot create cluster {name}: {free} bytes are left in {}", folder.display())]
    NoSpace {
        /// The cluster.
        name: String,
        /// Where the engine keeps its data.
        folder: PathBuf,
        /// Bytes left there.
        free: u64,
    },
    /// None of the facts explains it.
    #[error("cannot {doing}: {said}")]
    Other {
        /// The action that failed.
        doing: String,
        /// The program's last lines.
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
            Self::AlreadyThere { .. } => Some("delete it, or take another name".to_owned()),
            Self::ImageNotPulled { image, .. } => {
                Some(format!("`docker pull {image}` has to work first; or name another image"))
            }
            Self::PortTaken { .. } => Some("end what listens there, or name another port".to_owned()),
            Self::Inotify { max, .. } => Some(format!(
                "allow more: `sudo sysctl fs.inotify.max_user_instances={}`; to keep it over a reboot, write \
                 fs.inotify.max_user_instances={0} to /etc/sysctl.d/90-devplat.conf",
                (max * 2).max(512)
            )),
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

    fn owner() -> Owner {
        let account = Some(Account { uid: 1000, name: "ada-b".to_owned() });
        Owner { platform: "team-a".to_owned(), account }
    }

    #[test]
    fn owner_reads_back_from_labels_and_from_mounts() {
        let labels: BTreeMap<String, String> = owner().labels().into_iter().collect();
        assert_eq!(labels[ACCOUNT_LABEL], "1000:ada-b");
        assert_eq!(Owner::of_labels(&labels), Some(owner()));
        let node = Container { mounts: owner().marks(), ..Container::default() };
        assert_eq!(node.mounts[1], "/etc/devplat/account/1000-ada-b");
        assert_eq!(Owner::of_node(&node), Some(owner()));
    }

    #[test]
    fn node_of_an_older_devplat_has_no_account_and_one_of_others_no_owner() {
        let mounts = vec!["/var".to_owned(), "/etc/devplat/owner/team-a".to_owned()];
        let node = Container { mounts, ..Container::default() };
        assert_eq!(Owner::of_node(&node), Some(Owner { platform: "team-a".to_owned(), account: None }));
        assert_eq!(Owner::of_node(&Container::default()), None);
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
