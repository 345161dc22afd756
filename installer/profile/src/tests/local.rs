//! Clusters on this machine.

use super::{file, loaded, mistakes, with_sets};
use crate::{Cluster, K3dCluster, KindCluster, NodeImage, ProfileFile, Sources};

fn kind(sources: &Sources) -> KindCluster {
    match loaded(sources).profile.cluster {
        Cluster::Kind(cluster) => cluster,
        other => panic!("{other:?}"),
    }
}

fn k3d(sets: &[&str]) -> K3dCluster {
    match loaded(&with_sets("k3d", sets)).profile.cluster {
        Cluster::K3d(cluster) => cluster,
        other => panic!("{other:?}"),
    }
}

#[test]
fn kind_cluster_has_the_values_that_were_set() {
    let cluster = kind(&with_sets(
        "kind",
        &[
            "cluster.kind.nodeImage=kindest/node:v1.34.0",
            "cluster.kind.workers=2",
            "cluster.kind.sshPort=2022",
            "cluster.kind.sshAddress=::1",
            "cluster.kind.subnet=172.30.0.0/16",
            "cluster.kind.portMappings=[{hostPort: 8080, nodePort: 30080}]",
        ],
    ));
    assert_eq!(cluster.node_image, NodeImage::Reference("kindest/node:v1.34.0".to_owned()));
    assert_eq!((cluster.workers, cluster.ssh_port, cluster.api_server_port), (2, Some(2022), None));
    assert_eq!(cluster.ssh_address.to_string(), "::1");
    assert_eq!(cluster.subnet.map(|subnet| subnet.to_string()).as_deref(), Some("172.30.0.0/16"));
    assert_eq!(cluster.port_mappings[0].listen_address.to_string(), "127.0.0.1");
}

#[test]
fn k3d_cluster_has_the_values_that_were_set() {
    let cluster = k3d(&[
        "cluster.k3d.k3sVersion=v1.34.3+k3s1",
        "cluster.k3d.servers=3",
        "cluster.k3d.agents=2",
        "cluster.k3d.apiServerPort=6443",
        "cluster.k3d.subnet=172.31.0.0/24",
    ]);
    assert_eq!(cluster.image, NodeImage::Reference("rancher/k3s:v1.34.3-k3s1".to_owned()));
    assert_eq!((cluster.servers, cluster.agents, cluster.api_server_port), (3, 2, Some(6443)));
    let image = k3d(&["cluster.k3d.image=mirror.example/k3s:v1.34.3-k3s1"]).image;
    assert_eq!(image, NodeImage::Reference("mirror.example/k3s:v1.34.3-k3s1".to_owned()));
    assert_eq!(k3d(&["cluster.k3d.image=auto", "cluster.k3d.k3sVersion="]).image, NodeImage::Auto);
}

#[test]
fn impossible_clusters_are_rejected() {
    for (name, profile, sets) in [
        ("numbers", "k3d", &["cluster.k3d.servers=0", "cluster.k3d.agents=21"][..]),
        ("even", "k3d", &["cluster.k3d.servers=2"]),
        ("two-images", "k3d", &["cluster.k3d.image=a/b", "cluster.k3d.k3sVersion=v1.34.3-k3s1"]),
        ("version", "k3d", &["cluster.k3d.k3sVersion=1.34"]),
        ("image", "kind", &["cluster.kind.nodeImage=-v"]),
        ("address", "kind", &["cluster.kind.sshAddress=localhost", "cluster.kind.subnet=172.30.0.0"]),
        ("subnet-start", "kind", &["cluster.kind.subnet=172.30.0.1/16"]),
        ("subnet-size", "kind", &["cluster.kind.subnet=172.30.0.0/29", "cluster.kind.workers=3"]),
        ("mapping", "kind", &["cluster.kind.portMappings=[{hostPort: 1, nodePort: 2, listenAddress: x}]"]),
        ("context", "kind", &["cluster.context=prod"]),
    ] {
        insta::assert_snapshot!(format!("cluster-{name}"), mistakes(&with_sets(profile, sets)));
    }
}

#[test]
fn port_of_one_address_is_used_once() {
    let mapping = |address: &str| {
        format!("cluster.kind.portMappings=[{{hostPort: 2022, nodePort: 1, listenAddress: \"{address}\"}}]")
    };
    let ssh = "cluster.kind.sshPort=2022";
    for address in ["127.0.0.2", "::1"] {
        assert_eq!(kind(&with_sets("kind", &[ssh, &mapping(address)])).port_mappings.len(), 1);
    }
    for address in ["127.0.0.1", "0.0.0.0"] {
        let set = mapping(address);
        assert_eq!(
            mistakes(&with_sets("kind", &[ssh, &set])),
            format!(
                "one mistake in the profile: --set {set}: port 2022 is used twice: by cluster.kind.sshPort and \
                 cluster.kind.portMappings[0].hostPort"
            )
        );
    }
}

#[test]
fn config_file_starts_from_the_folder_of_the_layer_that_names_it() {
    let text = "extends: kind\ncluster: {kind: {configFile: kind.yaml}}\n";
    let mut sources = file(text);
    sources.base_folder = "/base".into();
    assert_eq!(kind(&sources).config_file, Some("/base/kind.yaml".into()));
    sources.file = Some(ProfileFile {
        name: "a/my.yaml".to_owned(),
        folder: Some("/home/dev/a".into()),
        text: text.to_owned(),
    });
    assert_eq!(kind(&sources).config_file, Some("/home/dev/a/kind.yaml".into()));
    sources.variables = vec![("DEVPLAT_CLUSTER_KIND_CONFIG_FILE".to_owned(), "v.yaml".to_owned())];
    assert_eq!(kind(&sources).config_file, Some("/base/v.yaml".into()));
    sources.sets = vec!["cluster.kind.configFile=../s.yaml".to_owned()];
    assert_eq!(kind(&sources).config_file, Some("/base/../s.yaml".into()));
    sources.sets = vec!["cluster.kind.configFile=/abs.yaml".to_owned()];
    assert_eq!(kind(&sources).config_file, Some("/abs.yaml".into()));
}

#[test]
fn remembered_set_keeps_its_file_from_another_folder() {
    let mut sources =
        with_sets("kind", &["cluster.kind={configFile: k.yaml, workers: 1}", "operator.replicas=1"]);
    sources.base_folder = "/base".into();
    let first = loaded(&sources);
    assert_eq!(first.sets[1], "operator.replicas=1");
    let mut again = with_sets("kind", &[]);
    again.remembered_sets = first.sets;
    again.base_folder = "/elsewhere".into();
    assert_eq!(kind(&again).config_file, Some("/base/k.yaml".into()));
}
