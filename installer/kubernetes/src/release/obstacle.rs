//! A taint that keeps pods away from nodes, in words, with the remedy. Pure.

use std::fmt;

use k8s_openapi::{api::core::v1::Node, apimachinery::pkg::api::resource::Quantity};
use kube::ResourceExt;

use crate::{
    CommandLines,
    recognition::{Distribution, Evidence, NodeFacts, recognise},
};

/// The share of a disk that has to be free before a node that reported a nearly full one takes pods again. The kubelet's
/// own limits are 15 % for images and 10 % for the rest; k3s has 5 %, and wants 10 % more after that.
const FREE_PERCENT: u64 = 15;

/// A taint that keeps pods away from some nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    key: String,
    kind: TaintKind,
    /// The name of one of the nodes.
    node: String,
    /// How many other nodes have it.
    others: usize,
    /// The size of that node's disk in bytes, if it reports one.
    disk: Option<u64>,
    /// Whether that node is a container of the Docker engine.
    is_container: bool,
}

/// The taints that Kubernetes itself sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TaintKind {
    DiskPressure,
    MemoryPressure,
    PidPressure,
    Unschedulable,
    Unreachable,
    NotReady,
    NetworkUnavailable,
    /// One of a component, such as that of a control plane.
    Component,
    /// Any other taint, such as one that an administrator set.
    Other,
}

impl TaintKind {
    /// Returns the kind of the taint with this key.
    pub(super) fn of(key: &str) -> Self {
        match key {
            "node.kubernetes.io/disk-pressure" => Self::DiskPressure,
            "node.kubernetes.io/memory-pressure" => Self::MemoryPressure,
            "node.kubernetes.io/pid-pressure" => Self::PidPressure,
            "node.kubernetes.io/unschedulable" => Self::Unschedulable,
            "node.kubernetes.io/unreachable" => Self::Unreachable,
            "node.kubernetes.io/not-ready" => Self::NotReady,
            "node.kubernetes.io/network-unavailable" => Self::NetworkUnavailable,
            other if other.contains("kubernetes.io/") => Self::Component,
            _ => Self::Other,
        }
    }

    /// Returns whether it stays on `node` until the user removes its cause. The kubelet keeps each pressure for 5 min at least.
    pub(super) fn lasts(self, node: &Node) -> bool {
        match self {
            Self::DiskPressure | Self::MemoryPressure | Self::PidPressure | Self::Unschedulable => true,
            // A node that starts has them for some time.
            Self::Unreachable | Self::NotReady | Self::NetworkUnavailable | Self::Component => false,
            // An autoscaler may add nodes without another taint, but no containers.
            Self::Other => is_container(node),
        }
    }
}

impl Obstacle {
    /// Returns the taint with this key, which these nodes have.
    pub(super) fn of(key: &str, nodes: &[&Node]) -> Option<Self> {
        let (node, others) = nodes.split_first()?;
        let capacity = node.status.as_ref().and_then(|status| status.capacity.as_ref());
        Some(Self {
            key: key.to_owned(),
            kind: TaintKind::of(key),
            node: node.name_any(),
            others: others.len(),
            disk: capacity.and_then(|capacity| bytes(capacity.get("ephemeral-storage")?)),
            is_container: is_container(node),
        })
    }

    /// Returns whether it is a pressure, which ends by itself some minutes after its cause.
    pub(super) fn is_pressure(&self) -> bool {
        match self.kind {
            TaintKind::DiskPressure | TaintKind::MemoryPressure | TaintKind::PidPressure => true,
            TaintKind::Unschedulable
            | TaintKind::Unreachable
            | TaintKind::NotReady
            | TaintKind::NetworkUnavailable
            | TaintKind::Component
            | TaintKind::Other => false,
        }
    }

    /// Returns the remedy, unless a component removes the taint itself.
    pub fn hint(&self, lines: &CommandLines) -> Option<String> {
        let Self { key, kind, node, others: _, disk, is_container } = self;
        let described = |what: &str| {
            let line = format!("describe node {node}");
            CommandLines::by_kubectl(Some(lines), what, &line)
        };
        Some(match kind {
            TaintKind::DiskPressure => {
                let share = disk.map_or_else(String::new, |disk| {
                    format!(" ({} GB of {} GB)", gigabytes(disk / 100 * FREE_PERCENT), gigabytes(disk))
                });
                let place = if *is_container {
                    "the disk of the Docker engine, which is that of its nodes (`docker system prune` deletes what is not \
                     used),"
                        .to_owned()
                } else {
                    format!("the disk of node {node}")
                };
                format!(
                    "free space on {place} until {FREE_PERCENT} % of it{share} are free; pods start up to 5 min after that"
                )
            }
            TaintKind::MemoryPressure if *is_container => {
                "free memory on the machine of the Docker engine; pods start up to 5 min after that"
                    .to_owned()
            }
            TaintKind::MemoryPressure => {
                described("free memory on the node; pods start up to 5 min after that; it lists its pods")
            }
            TaintKind::PidPressure => {
                described("end processes on the node; pods start up to 5 min after that; it lists its pods")
            }
            TaintKind::Unschedulable => {
                CommandLines::by_kubectl(Some(lines), "let the node take pods", &format!("uncordon {node}"))
            }
            TaintKind::Unreachable | TaintKind::NotReady | TaintKind::NetworkUnavailable => {
                described("read why the node is not ready")
            }
            TaintKind::Other if *is_container => CommandLines::by_kubectl(
                Some(lines),
                "remove the taint",
                &format!("taint node {node} {key}-"),
            ),
            // Its nodes may be meant for other pods.
            TaintKind::Component | TaintKind::Other => return None,
        })
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { key, kind, node, others, disk: _, is_container: _ } = self;
        let (one, several) = match kind {
            TaintKind::DiskPressure => {
                ("reports that its disk is nearly full", "report that their disks are nearly full")
            }
            TaintKind::MemoryPressure => {
                ("reports that its memory is nearly used up", "report that their memory is nearly used up")
            }
            TaintKind::PidPressure => {
                ("reports that it has few process IDs left", "report that they have few process IDs left")
            }
            TaintKind::Unschedulable => ("is cordoned", "are cordoned"),
            TaintKind::Unreachable => {
                ("no longer reports to the API server", "no longer report to the API server")
            }
            TaintKind::NotReady => ("is not ready", "are not ready"),
            TaintKind::NetworkUnavailable => ("has no pod network", "have no pod network"),
            TaintKind::Component | TaintKind::Other if *others == 0 => {
                return write!(f, "node {node} has taint {key}");
            }
            TaintKind::Component | TaintKind::Other => {
                return write!(f, "node {node} and {others} more have taint {key}");
            }
        };
        match others {
            0 => write!(f, "node {node} {one} (taint {key})"),
            others => write!(f, "node {node} and {others} more {several} (taint {key})"),
        }
    }
}

/// Returns whether a node is a container of a Docker engine: one of kind or k3d.
fn is_container(node: &Node) -> bool {
    let info = node.status.as_ref().and_then(|status| status.node_info.as_ref());
    let facts = NodeFacts {
        name: node.name_any(),
        provider_id: node.spec.as_ref().and_then(|spec| spec.provider_id.clone()),
        ..NodeFacts::default()
    };
    let git_version = info.map(|info| info.kubelet_version.clone()).unwrap_or_default();
    let evidence = Evidence { nodes: vec![facts], git_version, ..Evidence::default() };
    match recognise(&evidence).distribution {
        Distribution::Kind { name: _ } | Distribution::K3d { name: _ } => true,
        Distribution::OpenShift
        | Distribution::Eks
        | Distribution::Gke
        | Distribution::Aks
        | Distribution::RancherDesktop
        | Distribution::K3s
        | Distribution::DockerDesktop
        | Distribution::Minikube { name: _ }
        | Distribution::Other => false,
    }
}

/// Returns the bytes of a size as the kubelet reports it: a number, with `Ki` or without.
fn bytes(Quantity(text): &Quantity) -> Option<u64> {
    match text.strip_suffix("Ki") {
        Some(kibibytes) => kibibytes.parse::<u64>().ok()?.checked_mul(1024),
        None => text.parse().ok(),
    }
}

fn gigabytes(bytes: u64) -> u64 {
    bytes.div_ceil(1_000_000_000)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn obstacle(key: &str, name: &str, provider: &str, disk: &str) -> Obstacle {
        let node: Node = serde_json::from_value(json!({
            "metadata": {"name": name}, "spec": {"providerID": provider},
            "status": {"capacity": {"ephemeral-storage": disk}}
        }))
        .unwrap();
        Obstacle::of(key, &[&node]).unwrap()
    }

    fn hint(obstacle: &Obstacle) -> String {
        obstacle.hint(&CommandLines::example()).unwrap()
    }

    #[test]
    fn full_disk_is_named_with_the_space_to_free() {
        const KEY: &str = "node.kubernetes.io/disk-pressure";
        let remote = obstacle(KEY, "n", "aws:///eu-west-1a/i-1", "78125000Ki");
        assert_eq!(
            hint(&remote),
            "free space on the disk of node n until 15 % of it (12 GB of 80 GB) are free; pods start up to 5 min after that"
        );
        for (name, provider) in [
            ("lab-control-plane", "kind://docker/lab/lab-control-plane"),
            ("k3d-a-server-0", "k3s://k3d-a-server-0"),
        ] {
            let local = hint(&obstacle(KEY, name, provider, "much"));
            assert!(local.starts_with("free space on the disk of the Docker engine"), "{local}");
            assert!(local.contains("until 15 % of it are free"), "{local}");
        }
    }

    #[test]
    fn cordoned_node_is_uncordoned_in_its_cluster() {
        let cordoned = obstacle("node.kubernetes.io/unschedulable", "n", "", "0");
        assert_eq!(cordoned.to_string(), "node n is cordoned (taint node.kubernetes.io/unschedulable)");
        assert_eq!(hint(&cordoned), "let the node take pods: `kubectl --context prod uncordon n`");
    }

    #[test]
    fn taint_of_a_user_is_removed_only_from_a_container() {
        assert_eq!(obstacle("nvidia.com/gpu", "n", "", "0").hint(&CommandLines::example()), None);
        let own = obstacle("foo", "k3d-a-server-0", "k3s://k3d-a-server-0", "0");
        assert_eq!(hint(&own), "remove the taint: `kubectl --context prod taint node k3d-a-server-0 foo-`");
        let role = obstacle("node-role.kubernetes.io/control-plane", "k3d-a-server-0", "k3s://a", "0");
        assert_eq!(role.hint(&CommandLines::example()), None);
    }
}
