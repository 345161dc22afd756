//! Tests of the recognition: what each distribution shows of itself.

use super::*;

fn node(name: &str, provider_id: &str) -> NodeFacts {
    let provider_id = (!provider_id.is_empty()).then(|| provider_id.to_owned());
    NodeFacts { name: name.to_owned(), provider_id, ..NodeFacts::default() }
}

fn labelled(label: &str, value: &str) -> NodeFacts {
    NodeFacts { labels: BTreeMap::from([(label.to_owned(), value.to_owned())]), ..node("a", "") }
}

fn evidence(version: &str, nodes: Vec<NodeFacts>) -> Evidence {
    Evidence { git_version: version.to_owned(), nodes, ..Evidence::default() }
}

#[test]
fn distributions_are_recognised_by_their_strongest_fact() {
    let named = |name: &str| name.to_owned();
    for (found, expected, fact) in [
        (evidence("v1.33.1-eks-5ca49cb", vec![]), Distribution::Eks, "gitVersion v1.33.1-eks-5ca49cb"),
        (evidence("v1.33.1-gke.1386000", vec![]), Distribution::Gke, "gitVersion v1.33.1-gke.1386000"),
        (
            evidence("v1.33.1", vec![labelled("kubernetes.azure.com/cluster", "x")]),
            Distribution::Aks,
            "node label kubernetes.azure.com/cluster",
        ),
        (
            evidence("v1.34.3+k3s1", vec![node("k3d-my-lab-server-0", "k3s://k3d-my-lab-server-0")]),
            Distribution::K3d { name: named("my-lab") },
            "node k3d-my-lab-server-0",
        ),
        (
            evidence("v1.34.3+k3s1", vec![node("lima-rancher-desktop", "")]),
            Distribution::RancherDesktop,
            "node lima-rancher-desktop",
        ),
        // A providerID identifies the machine, not the distribution.
        (
            evidence("v1.34.3+k3s1", vec![node("ip-10-0-0-1", "aws:///eu-west-1a/i-1")]),
            Distribution::K3s,
            "gitVersion v1.34.3+k3s1",
        ),
        (
            evidence("v1.34.3", vec![node("lab-control-plane", "kind://docker/lab/lab-control-plane")]),
            Distribution::Kind { name: named("lab") },
            "providerID kind://docker/lab/lab-control-plane",
        ),
        (
            evidence(
                "v1.34.3",
                vec![node("desktop-control-plane", "kind://docker/desktop/desktop-control-plane")],
            ),
            Distribution::DockerDesktop,
            "providerID kind://docker/desktop/desktop-control-plane",
        ),
        (
            evidence("v1.34.3", vec![node("docker-desktop", "")]),
            Distribution::DockerDesktop,
            "its only node is docker-desktop",
        ),
        (
            evidence("v1.34.3", vec![labelled("minikube.k8s.io/name", "p")]),
            Distribution::Minikube { name: named("p") },
            "node label minikube.k8s.io/name=p",
        ),
    ] {
        let recognition = recognise(&found);
        assert_eq!(recognition.distribution, expected);
        assert!(recognition.facts.contains(&fact.to_owned()), "{recognition:?}");
    }
    assert_eq!(recognise(&evidence("v1.34.3", vec![node("a", "")])).distribution, Distribution::Other);
}

/// Facts of clusters that lack the strongest one.
#[test]
fn distributions_are_recognised_by_each_other_fact() {
    let k3s_group =
        Evidence { api_groups: ["k3s.cattle.io".to_owned()].into(), ..evidence("v1.34.3", vec![]) };
    let rancher = Evidence {
        context_name: "rancher-desktop".to_owned(),
        ..evidence("v1.34.3+k3s1", vec![node("a", "")])
    };
    for (found, expected, fact) in [
        (
            evidence("v1.33.1", vec![labelled("eks.amazonaws.com/nodegroup", "x")]),
            Distribution::Eks,
            "node label eks.amazonaws.com/nodegroup",
        ),
        (
            evidence("v1.33.1", vec![labelled("cloud.google.com/gke-nodepool", "x")]),
            Distribution::Gke,
            "node label cloud.google.com/gke-nodepool",
        ),
        (evidence("v1.34.3", vec![node("a", "k3s://a")]), Distribution::K3s, "providerID k3s://a"),
        (k3s_group, Distribution::K3s, "API group k3s.cattle.io"),
        (rancher, Distribution::RancherDesktop, "context rancher-desktop"),
    ] {
        let recognition = recognise(&found);
        assert_eq!(recognition.distribution, expected, "{recognition:?}");
        assert!(recognition.facts.contains(&fact.to_owned()), "{recognition:?}");
    }
}

/// Written by hand, so that a change of the table is a change of this test.
#[test]
fn every_distribution_has_these_usual_facts() {
    let name = || "lab".to_owned();
    let table = [
        "OpenShift: Registry, PortForward (whether a Service of type LoadBalancer gets an address depends on the platform), \
         no class, SCC restricted-v2 assigns the user id from a range and denies root",
        "Amazon EKS: Registry, LoadBalancer (a load balancer may cost), gp2",
        "Google Kubernetes Engine: Registry, LoadBalancer (a load balancer may cost), standard-rwo, Autopilot denies \
         privileged pods",
        "Azure Kubernetes Service: Registry, LoadBalancer (a load balancer may cost), default",
        "k3d cluster lab: NodeImport, NodePort (ports of nodes are inside the containers unless k3d maps them), local-path",
        "Rancher Desktop: Registry, LoadBalancer (ServiceLB gives the address of the node), local-path",
        "k3s: Registry, LoadBalancer (ServiceLB takes the Service's port on each node, once for each port), local-path",
        "Docker Desktop: Registry, LoadBalancer (load balancers are reached at localhost), hostpath",
        "kind cluster lab: NodeImport, PortForward (without cloud-provider-kind a Service of type LoadBalancer gets no \
         address), standard",
        "minikube cluster lab: MinikubeImageLoad, PortForward (a Service of type LoadBalancer gets an address only while \
         `minikube tunnel` is running), standard",
        "Kubernetes: Registry, PortForward (it is unknown whether this cluster has load balancers), no class",
    ];
    let all = [
        Distribution::OpenShift,
        Distribution::Eks,
        Distribution::Gke,
        Distribution::Aks,
        Distribution::K3d { name: name() },
        Distribution::RancherDesktop,
        Distribution::K3s,
        Distribution::DockerDesktop,
        Distribution::Kind { name: name() },
        Distribution::Minikube { name: name() },
        Distribution::Other,
    ];
    for (distribution, expected) in all.iter().zip(table) {
        let Consequences { delivery, exposure, exposure_remark, storage_class, pod_security_remark } =
            distribution.consequences();
        let class = storage_class.unwrap_or("no class");
        let pods = pod_security_remark.map(|remark| format!(", {remark}")).unwrap_or_default();
        let row = format!("{distribution}: {delivery:?}, {exposure:?} ({exposure_remark}), {class}{pods}");
        assert_eq!(row, expected);
    }
}

#[test]
fn openshift_is_recognised_before_the_cloud_it_runs_on() {
    let mut found = evidence("v1.33.1", vec![labelled("eks.amazonaws.com/nodegroup", "x")]);
    found.api_groups.insert("config.openshift.io".to_owned());
    assert_eq!(recognise(&found).distribution, Distribution::OpenShift);
}

#[test]
fn kind_cluster_named_desktop_is_recognised_as_kind() {
    let mut found = evidence("v1.34.3", vec![node("d", "kind://docker/desktop/d")]);
    found.context_name = "kind-desktop".to_owned();
    assert_eq!(recognise(&found).distribution, Distribution::Kind { name: "desktop".to_owned() });
}

#[test]
fn aks_is_recognised_by_its_address() {
    let server = "https://lab-dns-1.hcp.westeurope.azmk8s.io:443".to_owned();
    let found = Evidence { server, ..evidence("v1.33.1", vec![]) };
    assert_eq!(recognise(&found).distribution, Distribution::Aks);
}

#[test]
fn cluster_name_is_read_only_from_names_of_k3d_nodes() {
    assert_eq!(k3d_name("k3d-a-agent-10"), Some("a"));
    for name in ["k3d-a-server", "k3d--server-0", "k3d-a-serverlb", "a-server-0"] {
        assert_eq!(k3d_name(name), None, "{name}");
    }
}
