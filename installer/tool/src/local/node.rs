//! The nodes of clusters in containers: their labels, roles and order, and the record in the first one.

use super::ClusterError;
use crate::docker::{Container, Engine, EngineError};

/// A program that creates clusters in containers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Maker {
    Kind,
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
    /// Returns the key of the label on each container of a cluster. Its value is the cluster's name.
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

    /// Returns whether a container of a cluster is a load balancer in front of its API servers.
    fn is_load_balancer(self, container: &Container) -> bool {
        let (label, value) = match self {
            Self::Kind => ("io.x-k8s.kind.role", "external-load-balancer"),
            Self::K3d => ("k3d.role", "loadbalancer"),
        };
        container.labels.get(label).is_some_and(|role| role == value)
    }

    /// Returns the label of the containers of cluster `name`, as `key=value`.
    pub fn label(self, name: &str) -> String {
        format!("{}={name}", self.cluster_label())
    }

    /// Waits for the end of the deletions of nodes that a killed run began, because the program would fail with them.
    pub async fn wait_removed(self, engine: &Engine, name: &str) -> Result<(), ClusterError> {
        let waited = engine.wait_removed(&self.label(name)).await;
        waited.map_err(|source| ClusterError::Engine { name: name.to_owned(), source })
    }

    /// Lists the nodes of all clusters of this program as [`nodes`] does.
    pub(super) async fn all_nodes(self, engine: &Engine) -> Result<Vec<Container>, EngineError> {
        nodes(engine, self.cluster_label()).await
    }

    /// Lists the nodes and the load balancers of cluster `name`, running or not.
    pub async fn containers(self, engine: &Engine, name: &str) -> Result<ClusterContainers, EngineError> {
        Ok(ClusterContainers::of(engine.containers(&self.label(name)).await?))
    }

    /// Lists the nodes of cluster `name` as [`nodes`] does.
    pub async fn nodes(self, engine: &Engine, name: &str) -> Result<Vec<Container>, EngineError> {
        nodes(engine, &self.label(name)).await
    }

    /// Returns whether a node has the kubeconfig of its API server, which may not answer yet.
    pub async fn has_kubeconfig(self, engine: &Engine, node: &str) -> Result<bool, EngineError> {
        let path = match self {
            Self::Kind => "/etc/kubernetes/admin.conf",
            Self::K3d => "/output/kubeconfig.yaml",
        };
        Ok(engine.read_file(node, path).await?.is_some())
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

/// The containers of a cluster: its nodes, and the load balancers in front of its API servers. kind creates one if there
/// are several control planes, and only it publishes the port of the API server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClusterContainers {
    /// The nodes, then the load balancers.
    all: Vec<Container>,
    /// The number of nodes.
    nodes: usize,
}

impl ClusterContainers {
    /// Sorts the containers with the label of a cluster, and leaves out those that are neither nodes nor load balancers.
    pub fn of(containers: Vec<Container>) -> Self {
        let (mut all, others): (Vec<Container>, Vec<Container>) =
            containers.into_iter().partition(|one| role(one).is_some());
        all.sort_by(|one, other| order(one).cmp(&order(other)));
        let nodes = all.len();
        let balances = |one: &Container| Maker::ALL.into_iter().any(|maker| maker.is_load_balancer(one));
        all.extend(others.into_iter().filter(balances));
        Self { all, nodes }
    }

    /// Returns the nodes: control planes first, then by name. The first node has the record.
    pub fn nodes(&self) -> &[Container] {
        &self.all[..self.nodes]
    }

    /// Returns the nodes, and after them the load balancers.
    pub fn all(&self) -> &[Container] {
        &self.all
    }

    fn into_nodes(mut self) -> Vec<Container> {
        self.all.truncate(self.nodes);
        self.all
    }
}

/// Lists the nodes among the containers with the label of a cluster, running or not: control planes first, then by
/// name. The first node holds the record.
pub async fn nodes(engine: &Engine, label: &str) -> Result<Vec<Container>, EngineError> {
    Ok(ClusterContainers::of(engine.containers(label).await?).into_nodes())
}

fn role(container: &Container) -> Option<Role> {
    Maker::ALL.into_iter().find_map(|maker| maker.role(container))
}

/// Returns a sort key of a node.
fn order(node: &Container) -> (bool, (&str, u64)) {
    (role(node) != Some(Role::ControlPlane), by_number(&node.name))
}

/// Returns a sort key that compares the number at the end of a name: `worker2` before `worker10`.
fn by_number(name: &str) -> (&str, u64) {
    let end = name.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
    (&name[..end], name[end..].parse().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

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
    #[test]
    fn load_balancer_follows_the_nodes() {
        let container = |name: &str, role: &str| Container {
            name: name.to_owned(),
            labels: [("io.x-k8s.kind.role".to_owned(), role.to_owned())].into(),
            ..Container::default()
        };
        let found = ClusterContainers::of(vec![
            container("a-external-load-balancer", "external-load-balancer"),
            container("a-worker", "worker"),
            container("a-control-plane2", "control-plane"),
            container("a-control-plane", "control-plane"),
            container("a-other", "other"),
        ]);
        let names = |all: &[Container]| all.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
        let nodes = ["a-control-plane", "a-control-plane2", "a-worker"];
        assert_eq!(names(found.nodes()), nodes);
        assert_eq!(names(found.all()), [&nodes[..], &["a-external-load-balancer"]].concat());
        assert_eq!(names(&found.into_nodes()), nodes);
    }
}
