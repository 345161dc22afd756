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
