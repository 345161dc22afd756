//! How images get to the nodes, by provider.

use super::{file, loaded, mistakes, shipped, with_sets};
use crate::{
    Cluster, ExistingDelivery, LocalDelivery, LocalRegistry, NodeImage, Provider, RemoteRegistry, Sources,
};

const OWN: LocalDelivery =
    LocalDelivery::LocalRegistry(LocalRegistry { image: NodeImage::Auto, host_port: None });

fn local(sources: &Sources) -> LocalDelivery {
    match loaded(sources).profile.cluster {
        Cluster::Kind(cluster) => cluster.delivery,
        Cluster::K3d(cluster) => cluster.delivery,
        other => panic!("{other:?}"),
    }
}

fn existing(sets: &[&str]) -> ExistingDelivery {
    match loaded(&with_sets("existing", sets)).profile.cluster {
        Cluster::Existing(cluster) => cluster.delivery,
        other => panic!("{other:?}"),
    }
}

fn remote(push: &str, pull: &str, plain_http: bool) -> RemoteRegistry {
    RemoteRegistry { push: push.to_owned(), pull: pull.to_owned(), plain_http }
}

#[test]
fn local_cluster_gets_images_by_its_providers_default_or_by_choice() {
    let team = LocalDelivery::Registry(remote("registry.example/team", "registry.example/team", false));
    let given = "images.registry=registry.example/team";
    for (profile, sets, delivery) in [
        ("kind", &[][..], &LocalDelivery::Nodes),
        ("kind", &["images.delivery=nodes"], &LocalDelivery::Nodes),
        ("kind", &["images.delivery=registry"], &OWN),
        ("kind", &[given], &team),
        ("kind", &[given, "images.delivery=registry"], &team),
        ("k3d", &[], &OWN),
        ("k3d", &["images.delivery=auto"], &OWN),
        ("k3d", &["images.delivery=nodes"], &LocalDelivery::Nodes),
        ("k3d", &[given], &team),
    ] {
        assert_eq!(local(&with_sets(profile, sets)), *delivery, "{profile} {sets:?}");
    }
}

#[test]
fn own_registry_can_have_an_image_and_a_port() {
    let sets = ["images.local.image=mirror.example/registry:3", "images.local.port=5001"];
    assert_eq!(
        local(&with_sets("k3d", &sets)),
        LocalDelivery::LocalRegistry(LocalRegistry {
            image: NodeImage::Reference("mirror.example/registry:3".to_owned()),
            host_port: Some(5001),
        })
    );
}

#[test]
fn delivery_to_an_existing_cluster_is_automatic_or_chosen() {
    assert_eq!(existing(&[]), ExistingDelivery::Auto);
    assert_eq!(existing(&["images.delivery=nodes"]), ExistingDelivery::Nodes);
    let registry = ExistingDelivery::Registry(remote("[::1]:5001/team", "[::1]:5001/team", false));
    assert_eq!(existing(&["images.registry=[::1]:5001/team"]), registry);
    let sets = [
        "images.delivery=registry",
        "images.registry=LOCALHOST:5001/team",
        "images.pullRegistry=registry:5000/team/",
        "images.plainHttp=true",
    ];
    let registry = ExistingDelivery::Registry(remote("localhost:5001/team", "registry:5000/team", true));
    assert_eq!(existing(&sets), registry);
}

#[test]
fn existing_cluster_with_delivery_registry_needs_one() {
    let sources = with_sets("existing", &["images.delivery=registry"]);
    insta::assert_snapshot!(mistakes(&sources));
}

#[test]
fn impossible_deliveries_are_rejected() {
    for (name, sets) in [
        ("pull-without-push", &["images.pullRegistry=a.example", "images.plainHttp=true"][..]),
        ("nodes-and-registry", &["images.delivery=nodes", "images.registry=a.example"]),
        ("malformed", &["images.registry=team", "images.pullRegistry=a.example/x:1"]),
        ("local-beside-registry", &["images.registry=a.example", "images.local.port=5001"]),
        ("local-with-nodes", &["images.local.port=5001"]),
    ] {
        insta::assert_snapshot!(name, mistakes(&with_sets("kind", sets)));
    }
    let sources = with_sets("existing", &["images.local.port=5001"]);
    insta::assert_snapshot!("local-with-existing", mistakes(&sources));
}

#[test]
fn provider_is_known_by_name() {
    for profile in crate::SHIPPED {
        assert_eq!(loaded(&shipped(profile.name)).profile.cluster.provider().to_string(), profile.name);
    }
    assert_eq!(serde_json::to_string(&Provider::K3d).unwrap(), "\"k3d\"");
}

#[test]
fn only_an_own_section_of_another_provider_is_a_mistake() {
    let sources = file("extends: kind\ncluster: {provider: k3d}\n");
    assert_eq!(loaded(&sources).profile.cluster.provider(), Provider::K3d);
    let sources = file("extends: existing\ncluster:\n  kind:\n    workers: 1\n");
    assert_eq!(
        mistakes(&sources),
        "one mistake in the profile: my.yaml:4:5: cluster.kind needs provider kind; the provider is existing"
    );
}
