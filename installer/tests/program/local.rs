//! Clusters that devplat created, as their engine and their API server show them: several servers, expired certificates,
//! and the early pull of the image of dev servers.

use serde_json::json;

use crate::{
    account::output,
    answers::{Serving, engine, network},
    dropped::{IMAGE, NODE, STATE, on_kind},
    machine::Machine,
    replaced::stopped,
    trouble::{container, list, planned, with_engine},
};

/// An engine with a k3d cluster of three servers and an agent, one server of which is stopped. Only the first server has
/// the record.
fn engine_with_three_servers() -> Serving {
    let engine = engine();
    engine.answers.give("GET /networks ", 200, &json!([network("n1", None)]));
    let node = |name: &'static str, role: &str| {
        let labels = json!({"k3d.cluster": "devplat", "k3d.role": role, "dev.devplat.platform": "devplat"});
        (name, container(name, &labels, &[], None))
    };
    let (second, inspected) = node("k3d-devplat-server-1", "server");
    let nodes = [
        node("k3d-devplat-agent-0", "agent"),
        node("k3d-devplat-server-2", "server"),
        (second, stopped(inspected)),
        node("k3d-devplat-server-0", "server"),
    ];
    list(&engine, "k3d.cluster=devplat", &nodes);
    let spec = json!({"image": "auto", "servers": 3, "agents": 1, "sshAddress": "127.0.0.1", "portMappings": [],
        "bastionPort": 30022});
    let record = json!({"platform": "devplat", "spec": spec}).to_string();
    engine.answers.give_file("GET /containers/k3d-devplat-server-0/archive", &record);
    engine
}

#[tokio::test]
async fn stopped_server_of_three_is_started_and_their_number_is_kept() {
    let (machine, engine) = (Machine::new(), engine_with_three_servers());
    let profile = ["--profile", "k3d", "--set=images.delivery=nodes", IMAGE, "--set=cluster.k3d.agents=1"];
    let plan = planned(&machine, &engine, &[&profile[..], &["--set=cluster.k3d.servers=3"]].concat()).await;
    assert!(plan.contains("\ncluster update k3d-devplat-server-1 is stopped"), "{plan}");
    let (status, said) = with_engine(&machine, &engine, &[&["plan"][..], &profile].concat()).await;
    assert_eq!(status, 2, "{said}");
    let why = "cannot change cluster without losing every dev server and home in it: cluster.k3d.servers is 3; the \
               profile wants 1";
    assert!(said.contains(why), "{said}");
    assert_eq!(engine.answers.changes(), [""; 0]);
}

/// As a year after the creation of a kind cluster: its API server rejects the certificate in its own node as well.
#[tokio::test]
async fn expired_certificates_of_a_node_are_reported_with_the_commands_that_renew_them() {
    let (machine, engine) = (Machine::new(), engine());
    let server = on_kind(&machine, &engine).await;
    let rejected = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "Unauthorized", "reason": "Unauthorized", "code": 401});
    server.answers.give("GET /readyz", 401, &rejected);
    let kubeconfig = machine.at(&format!("{STATE}/kubeconfig"));
    machine.program("kind", &format!("[ \"$1\" = get ] && cat '{}'", kubeconfig.display())).await;
    let why = "its API server and the certificates in its own nodes do not accept each other";
    let said = output(&machine, &engine, &["status", "--profile", "kind"]).await;
    assert!(said.contains(why), "{said}");
    let up = ["up", "--yes", "--profile", "kind", "--set=images.delivery=nodes", IMAGE];
    let (status, said) = with_engine(&machine, &engine, &up).await;
    assert_eq!(status, 4, "{said}");
    assert!(said.contains(&format!("the cluster cannot be used: {why}")), "{said}");
    let renewal = format!("`docker exec {NODE} kubeadm certs renew all`, then `docker restart {NODE}`");
    assert!(said.contains(&format!("hint: if they expired: {renewal}")), "{said}");
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn changed_releases_are_proved_again_and_their_image_is_pulled_early() {
    let (machine, engine) = (Machine::new(), engine());
    let server = on_kind(&machine, &engine).await;
    let args = ["--profile", "kind", "--set=images.delivery=registry", "--set=devServers.image=debian"];
    let plan = planned(&machine, &engine, &args).await;
    assert!(plan.contains("\npull of devserver-base create absent"), "{plan}");
    let record = json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"digest": "sha256:of-other-releases"},
        "metadata": {"name": "devplat-proof", "namespace": "devplat-system",
            "labels": {"devplat.dev/platform": "devplat"}}});
    server.answers.give("GET /api/v1/namespaces/devplat-system/configmaps/devplat-proof", 200, &record);
    let plan = planned(&machine, &engine, &args).await;
    let changed = "the releases have changed since the last proof";
    assert!(plan.contains(&format!("\npull of devserver-base update {changed}")), "{plan}");
    assert!(plan.contains(&format!("\nproof update {changed}")), "{plan}");
}
