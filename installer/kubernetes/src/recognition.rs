//! Recognises the distribution of a cluster from facts of its API server, and derives the delivery of images from it. No
//! result is certain, so the deciding facts are reported, and the profile overrides the delivery. The other facts of a
//! distribution are only named in remarks and hints.
//!
//! The facts about `OpenShift` and about cloud providers other than EKS come from secondary sources.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// A distribution of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Distribution {
    /// Red Hat `OpenShift`, on any machines.
    OpenShift,
    /// Amazon EKS.
    Eks,
    /// Google Kubernetes Engine.
    Gke,
    /// Azure Kubernetes Service.
    Aks,
    /// k3s in Docker.
    K3d {
        /// The cluster's name.
        name: String,
    },
    RancherDesktop,
    K3s,
    DockerDesktop,
    Kind {
        /// The cluster's name.
        name: String,
    },
    Minikube {
        /// The profile's name.
        name: String,
    },
    /// Another.
    Other,
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenShift => f.write_str("OpenShift"),
            Self::Eks => f.write_str("Amazon EKS"),
            Self::Gke => f.write_str("Google Kubernetes Engine"),
            Self::Aks => f.write_str("Azure Kubernetes Service"),
            Self::K3d { name } => write!(f, "k3d cluster {name}"),
            Self::RancherDesktop => f.write_str("Rancher Desktop"),
            Self::K3s => f.write_str("k3s"),
            Self::DockerDesktop => f.write_str("Docker Desktop"),
            Self::Kind { name } => write!(f, "kind cluster {name}"),
            Self::Minikube { name } => write!(f, "minikube cluster {name}"),
            Self::Other => f.write_str("Kubernetes"),
        }
    }
}

/// The facts about a cluster, from its API server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The API groups that it serves.
    pub api_groups: BTreeSet<String>,
    /// `serverVersion.gitVersion`.
    pub git_version: String,
    pub nodes: Vec<NodeFacts>,
    /// The name of the context, which is only a hint.
    pub context_name: String,
    /// The address of the API server.
    pub server: String,
}

/// The facts about a node, from the API server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NodeFacts {
    pub name: String,
    /// `spec.providerID`.
    pub provider_id: Option<String>,
    pub labels: BTreeMap<String, String>,
    /// `nodeInfo.containerRuntimeVersion`.
    pub runtime: String,
    /// `nodeInfo.osImage`.
    pub os_image: String,
    /// `nodeInfo.architecture`.
    pub arch: String,
}

/// A distribution with the deciding facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognition {
    pub distribution: Distribution,
    /// The facts, such as `gitVersion v1.34.3+k3s1`.
    pub facts: Vec<String>,
}

/// The default delivery of images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DefaultDelivery {
    /// Imported into the containerd of each node, through Docker.
    NodeImport,
    /// With `minikube image load`.
    MinikubeImageLoad,
    /// Pushed to a registry that the nodes pull from.
    Registry,
}

/// A usual exposure of the bastion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UsualExposure {
    /// A Service of type `LoadBalancer`.
    LoadBalancer,
    /// A port of the nodes.
    NodePort,
    /// Through the API server.
    PortForward,
}

/// The usual facts of a distribution. Only the delivery decides anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consequences {
    /// The delivery of images, unless the profile names one.
    pub delivery: DefaultDelivery,
    /// The usual exposure of a bastion. The profile alone decides it, because a load balancer may cost.
    pub exposure: UsualExposure,
    /// The reason for the exposure, or its limits, for a remark.
    pub exposure_remark: &'static str,
    /// The StorageClass that it comes with, for a hint.
    pub storage_class: Option<&'static str>,
    /// The usual restrictions on pods, for a remark.
    pub pod_security_remark: Option<&'static str>,
}

impl Distribution {
    /// Returns its usual facts.
    pub fn consequences(&self) -> Consequences {
        use DefaultDelivery::{MinikubeImageLoad, NodeImport, Registry};
        use UsualExposure::{LoadBalancer, NodePort, PortForward};
        let row = |delivery, exposure, exposure_remark, storage_class, pod_security_remark| Consequences {
            delivery,
            exposure,
            exposure_remark,
            storage_class,
            pod_security_remark,
        };
        match self {
            Self::OpenShift => row(
                Registry,
                PortForward,
                "whether a Service of type LoadBalancer gets an address depends on the platform",
                None,
                Some("SCC restricted-v2 assigns the user id from a range and denies root"),
            ),
            Self::Eks => row(Registry, LoadBalancer, "a load balancer may cost", Some("gp2"), None),
            Self::Gke => row(
                Registry,
                LoadBalancer,
                "a load balancer may cost",
                Some("standard-rwo"),
                Some("Autopilot denies privileged pods"),
            ),
            Self::Aks => row(Registry, LoadBalancer, "a load balancer may cost", Some("default"), None),
            Self::K3d { name: _ } => row(
                NodeImport,
                NodePort,
                "ports of nodes are inside the containers unless k3d maps them",
                Some("local-path"),
                None,
            ),
            Self::RancherDesktop => row(
                Registry,
                LoadBalancer,
                "ServiceLB gives the address of the node",
                Some("local-path"),
                None,
            ),
            Self::K3s => row(
                Registry,
                LoadBalancer,
                "ServiceLB takes the Service's port on each node, once for each port",
                Some("local-path"),
                None,
            ),
            Self::DockerDesktop => {
                row(Registry, LoadBalancer, "load balancers are reached at localhost", Some("hostpath"), None)
            }
            Self::Kind { name: _ } => row(
                NodeImport,
                PortForward,
                "without cloud-provider-kind a Service of type LoadBalancer gets no address",
                Some("standard"),
                None,
            ),
            Self::Minikube { name: _ } => row(
                MinikubeImageLoad,
                PortForward,
                "a Service of type LoadBalancer gets an address only while `minikube tunnel` is running",
                Some("standard"),
                None,
            ),
            Self::Other => row(
                Registry,
                PortForward,
                "it is unknown whether this cluster has load balancers",
                None,
                None,
            ),
        }
    }
}

/// Recognises a distribution. API groups come first, because `OpenShift` runs on machines of cloud providers; then the
/// version, because k3s on EC2 may have providerIDs of AWS; then the nodes.
pub fn recognise(evidence: &Evidence) -> Recognition {
    const TESTS: [fn(&Evidence) -> Option<Recognition>; 6] =
        [openshift, clouds_by_version, k3s_family, clouds_by_nodes, minikube, kind_family];
    TESTS
        .iter()
        .find_map(|test| test(evidence))
        .unwrap_or(Recognition { distribution: Distribution::Other, facts: Vec::new() })
}

#[expect(clippy::unnecessary_wraps, reason = "every test below ends with it")]
fn found(distribution: Distribution, facts: impl IntoIterator<Item = String>) -> Option<Recognition> {
    Some(Recognition { distribution, facts: facts.into_iter().collect() })
}

fn openshift(evidence: &Evidence) -> Option<Recognition> {
    let groups = ["config.openshift.io", "security.openshift.io", "route.openshift.io"];
    let group = groups.iter().find(|group| evidence.api_groups.contains(**group))?;
    found(Distribution::OpenShift, [format!("API group {group}")])
}

fn clouds_by_version(evidence: &Evidence) -> Option<Recognition> {
    let version = &evidence.git_version;
    let fact = || [format!("gitVersion {version}")];
    if version.contains("-eks-") {
        return found(Distribution::Eks, fact());
    }
    if version.contains("-gke.") {
        return found(Distribution::Gke, fact());
    }
    None
}

fn k3s_family(evidence: &Evidence) -> Option<Recognition> {
    let Evidence { api_groups, git_version, nodes, .. } = evidence;
    let mut facts = Vec::new();
    if git_version.contains("+k3s") {
        facts.push(format!("gitVersion {git_version}"));
    }
    if let Some(id) = nodes.iter().find_map(|node| starting(node, "k3s://")) {
        facts.push(format!("providerID {id}"));
    }
    if facts.is_empty() && api_groups.contains("k3s.cattle.io") {
        facts.push("API group k3s.cattle.io".to_owned());
    }
    if facts.is_empty() {
        return None;
    }
    if let Some((node, name)) = nodes.iter().find_map(|node| Some((node, k3d_name(&node.name)?))) {
        facts.push(format!("node {}", node.name));
        return found(Distribution::K3d { name: name.to_owned() }, facts);
    }
    let rancher = nodes.iter().any(|node| node.name == "lima-rancher-desktop");
    if rancher || evidence.context_name == "rancher-desktop" {
        facts.push(if rancher { "node lima-rancher-desktop" } else { "context rancher-desktop" }.to_owned());
        return found(Distribution::RancherDesktop, facts);
    }
    found(Distribution::K3s, facts)
}

/// `k3d-NAME-server-0` and `k3d-NAME-agent-1`.
fn k3d_name(node: &str) -> Option<&str> {
    let rest = node.strip_prefix("k3d-")?;
    let (rest, number) = rest.rsplit_once('-')?;
    let number = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
    let name = rest.strip_suffix("-server").or_else(|| rest.strip_suffix("-agent"))?;
    (number && !name.is_empty()).then_some(name)
}

fn clouds_by_nodes(evidence: &Evidence) -> Option<Recognition> {
    let labelled = |prefix: &str| {
        let keys = evidence.nodes.iter().flat_map(|node| node.labels.keys());
        keys.into_iter().find(|key| key.starts_with(prefix)).cloned()
    };
    for (distribution, label) in [
        (Distribution::Eks, "eks.amazonaws.com/"),
        (Distribution::Gke, "cloud.google.com/gke-nodepool"),
        (Distribution::Aks, "kubernetes.azure.com/cluster"),
    ] {
        if let Some(label) = labelled(label) {
            return found(distribution, [format!("node label {label}")]);
        }
    }
    let host = host(&evidence.server);
    host.ends_with(".azmk8s.io").then(|| found(Distribution::Aks, [format!("server {host}")])).flatten()
}

fn host(server: &str) -> &str {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    rest.split([':', '/']).next().unwrap_or_default()
}

fn minikube(evidence: &Evidence) -> Option<Recognition> {
    const LABEL: &str = "minikube.k8s.io/name";
    let name = evidence.nodes.iter().find_map(|node| node.labels.get(LABEL))?;
    found(Distribution::Minikube { name: name.clone() }, [format!("node label {LABEL}={name}")])
}

fn kind_family(evidence: &Evidence) -> Option<Recognition> {
    if let Some(id) = evidence.nodes.iter().find_map(|node| starting(node, "kind://")) {
        // kind://PROVIDER/CLUSTER/NODE
        let name = id.split('/').nth(3).filter(|name| !name.is_empty())?;
        let fact = format!("providerID {id}");
        // A user may give a kind cluster the same name; its context is then kind-desktop.
        if name == "desktop" && evidence.context_name != "kind-desktop" {
            return found(Distribution::DockerDesktop, [fact]);
        }
        return found(Distribution::Kind { name: name.to_owned() }, [fact]);
    }
    match evidence.nodes.as_slice() {
        [node] if node.name == "docker-desktop" => {
            found(Distribution::DockerDesktop, ["its only node is docker-desktop".to_owned()])
        }
        _ => None,
    }
}

fn starting<'a>(node: &'a NodeFacts, scheme: &str) -> Option<&'a str> {
    node.provider_id.as_deref().filter(|id| id.starts_with(scheme))
}

#[cfg(test)]
#[path = "recognition_tests.rs"]
mod tests;
