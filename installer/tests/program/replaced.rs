//! Replacements and doubles of Docker objects: the plan names each deletion, and its order.

use serde_json::{Value, json};

use crate::{
    answers::{Serving, engine, network},
    machine::Machine,
    trouble::{container, kind_node, list, planned, with_engine},
};

/// A profile with another range than the network has.
const ANOTHER_RANGE: [&str; 5] = [
    "--profile",
    "kind",
    "--set=images.delivery=registry",
    "--set=devServers.image=registry.example/dev:1",
    "--set=cluster.kind.subnet=10.89.0.0/24",
];

pub(crate) fn stopped(mut container: Value) -> Value {
    container["State"] = json!({"Running": false});
    container["NetworkSettings"]["Ports"] = json!({});
    container
}

/// An engine with the platform's network, and in it a finished cluster and a registry, both stopped.
fn engine_with_a_platform() -> Serving {
    let engine = engine();
    engine.answers.give("GET /networks ", 200, &json!([network("n1", None)]));
    let (node, inspected) = kind_node(&["/etc/devplat/owner/devplat"]);
    list(&engine, "io.x-k8s.kind.cluster=devplat", &[(node, stopped(inspected))]);
    let spec =
        json!({"nodeImage": "auto", "sshAddress": "127.0.0.1", "portMappings": [], "bastionPort": 30022});
    let record = json!({"platform": "devplat", "spec": spec}).to_string();
    engine.answers.give_file(&format!("GET /containers/{node}/archive"), &record);
    let registry = "devplat-devplat-registry";
    let mut container = container(registry, &json!({"dev.devplat.platform": "devplat"}), &[], None);
    container["NetworkSettings"]["Networks"] = json!({"devplat-devplat": {}});
    engine.answers.give(&format!("GET /containers/{registry}/json"), 200, &stopped(container));
    engine
}

/// The lines of a plan that delete or create one of these, with the first word of each reason.
fn of<'a>(plan: &'a str, ids: &[&str]) -> Vec<&'a str> {
    let is_of = |line: &&str| {
        ids.iter().any(|id| {
            let action = line.strip_prefix(id).map_or("", str::trim_start);
            action.starts_with("delete ") || action.starts_with("create ")
        })
    };
    plan.lines().filter(is_of).collect()
}

#[tokio::test]
async fn replaced_network_takes_the_cluster_and_the_registry_with_it() {
    let (machine, engine) = (Machine::new(), engine_with_a_platform());
    let losing = ["--lose=network", "--lose=cluster", "--lose=local registry"];
    let plan = planned(&machine, &engine, &[&ANOTHER_RANGE[..], &losing].concat()).await;
    let lines = of(&plan, &["network", "cluster", "local registry"]);
    let replaced = "network, which it refers to, is replaced; ";
    let [cluster, registry, network, created @ ..] = lines.as_slice() else { panic!("{plan}") };
    let mut dependents = [*cluster, *registry];
    dependents.sort_unstable();
    assert!(
        dependents[0].starts_with(&format!("cluster delete {replaced}devplat-control-plane is stopped")),
        "{plan}"
    );
    assert!(dependents[1].starts_with(&format!("local registry delete {replaced}it is stopped")), "{plan}");
    assert!(network.starts_with("network delete its range is 172.18.0.0/16"), "{plan}");
    let created: Vec<&str> = created.iter().filter_map(|line| line.split(" replaces ").next()).collect();
    assert_eq!(created, ["network create", "cluster create", "local registry create"], "{plan}");
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn data_in_a_replaced_network_is_lost_only_by_name() {
    let (machine, engine) = (Machine::new(), engine_with_a_platform());
    let args = [&["plan"][..], &ANOTHER_RANGE, &["--lose=network"]].concat();
    let (status, said) = with_engine(&machine, &engine, &args).await;
    assert_eq!(status, 2, "{said}");
    for expected in [
        "cannot change cluster without losing every dev server and home in it: network, which it refers to",
        "cannot change local registry without losing images that users pushed to it: network, which it refers to",
        "add --lose cluster --lose 'local registry' to lose that data",
    ] {
        assert!(said.contains(expected), "{expected} is not in: {said}");
    }
}

#[tokio::test]
async fn networks_of_one_name_are_all_deleted() {
    let (machine, engine) = (Machine::new(), engine());
    let foreign = json!({"Name": "other", "Id": "n3", "Labels": {"dev.devplat.platform": "other"}});
    engine.answers.give_networks(&[network("n1", None), network("n2", None), foreign]);
    for id in ["n1", "n2"] {
        engine.answers.give(&format!("DELETE /networks/{id}"), 204, &json!(null));
    }
    let (status, said) = with_engine(&machine, &engine, &["destroy", "--yes"]).await;
    assert_eq!(status, 0, "{said}");
    let mut changes = engine.answers.changes();
    changes.sort();
    assert_eq!(changes, ["DELETE /networks/n1", "DELETE /networks/n2"]);
}

#[tokio::test]
async fn clusters_of_two_makers_have_a_deletion_each() {
    let (machine, engine) = (Machine::new(), engine());
    list(&engine, "io.x-k8s.kind.cluster=devplat", &[kind_node(&["/etc/devplat/owner/devplat"])]);
    let labels = json!({"k3d.cluster": "devplat", "k3d.role": "server", "dev.devplat.platform": "devplat"});
    let node = "k3d-devplat-server-0";
    list(&engine, "k3d.cluster=devplat", &[(node, container(node, &labels, &[], None))]);
    let image = "--set=devServers.image=registry.example/dev:1";
    let plan = planned(&machine, &engine, &["--profile", "k3d", image]).await;
    let mut deletions: Vec<&str> = plan.lines().filter(|line| line.starts_with("cluster delete")).collect();
    deletions.sort_unstable();
    let [interrupted, double] = deletions.as_slice() else { panic!("{plan}") };
    assert!(interrupted.starts_with("cluster delete its creation or deletion was interrupted"), "{plan}");
    assert!(double.starts_with("cluster delete k3d cluster devplat replaces it"), "{plan}");
    assert_eq!(of(&plan, &["cluster"]).len(), 3, "{plan}");
}
