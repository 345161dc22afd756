//! The nodes of clusters in containers: their labels, roles and order, and the record in the first one.

use crate::docker::{Container, Engine, EngineError};

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
    /// Returns the key of the label on each container of a cluster. Its value is the cluster's name.
    fn cluster_label(self) -> &'static str {
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

    /// Returns the label of the containers of cluster `name`, as `key=value`.
    pub fn label(self, name: &str) -> String {
        format!("{}={name}", self.cluster_label())
    }

    /// Lists the nodes of all clusters of this program as [`nodes`] does.
    pub(super) async fn all_nodes(self, engine: &Engine) -> Result<Vec<Container>, EngineError> {
        nodes(engine, self.cluster_label()).await
    }

    /// Lists the nodes of cluster `name` as [`nodes`] does.
    pub async fn nodes(self, engine: &Engine, name: &str) -> Result<Vec<Container>, EngineError> {
        nodes(engine, &self.label(name)).await
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

/// Lists the nodes among the containers with the label of a cluster, running or not: control planes first, then by
/// name. The first node holds the record.
pub async fn nodes(engine: &Engine, label: &str) -> Result<Vec<Container>, EngineError> {
    let containers = engine.containers(label).await?;
    let role = |one: &Container| Maker::ALL.into_iter().find_map(|maker| maker.role(one));
    let mut nodes: Vec<(bool, Container)> = containers
        .into_iter()
        .filter_map(|container| Some((role(&container)? != Role::ControlPlane, container)))
        .collect();
    nodes.sort_by(|(one_worker, one), (other_worker, other)| {
        (one_worker, by_number(&one.name)).cmp(&(other_worker, by_number(&other.name)))
    });
    Ok(nodes.into_iter().map(|(_, node)| node).collect())
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
}
