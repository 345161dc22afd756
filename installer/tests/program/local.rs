//! Clusters that devplat created, as their engine and their API server show them: several servers, expired
//! certificates, the local registry, and the early pull of the image of dev servers.

use std::{
    net::TcpListener,
    path::{Path, PathBuf},
};

use devplat_image::{ImageName, Key, Store};
use k8s_openapi::ByteString;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    account::output,
    answers::{Serving, api_server, engine, network},
    dropped::{IMAGE, NODE, STATE, file, on_kind},
    journal::{REGISTRY, calls, running},
    machine::Machine,
    replaced::stopped,
    trouble::{container, list, nothing_listens, planned, with_engine},
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

const BALANCER: &str = "devplat-external-load-balancer";

/// As [`on_kind`], with two control planes and the load balancer in front of them, which alone has the port of the API
/// server.
async fn on_two_control_planes(machine: &Machine, engine: &Serving, is_running: bool) -> Serving {
    let server = on_kind(machine, engine).await;
    let labels = |role: &str| json!({"io.x-k8s.kind.cluster": "devplat", "io.x-k8s.kind.role": role});
    let node = |name: &'static str| {
        (name, container(name, &labels("control-plane"), &["/etc/devplat/owner/devplat"], None))
    };
    let (_, port) = server.address.rsplit_once(':').unwrap();
    // Nothing listens on the port of a stopped one.
    let port = if is_running { port.parse().unwrap() } else { nothing_listens().port() };
    let labels = labels("external-load-balancer");
    let balancer = container(BALANCER, &labels, &[], Some(port));
    let balancer = if is_running { balancer } else { stopped(balancer) };
    let nodes = [node("devplat-control-plane2"), (BALANCER, balancer), node(NODE)];
    list(engine, "io.x-k8s.kind.cluster=devplat", &nodes);
    server
}

/// There is no kind from which devplat could get the kubeconfig again.
#[tokio::test]
async fn cluster_behind_a_load_balancer_is_used_with_its_kubeconfig() {
    let (machine, engine) = (Machine::new(), engine());
    let _server = on_two_control_planes(&machine, &engine, true).await;
    let plan = planned(&machine, &engine, &UP[2..]).await;
    assert!(plan.contains("\ncluster keep as wanted"), "{plan}");
}

#[tokio::test]
async fn stopped_load_balancer_is_reported_and_started() {
    let (machine, engine) = (Machine::new(), engine());
    let _server = on_two_control_planes(&machine, &engine, false).await;
    let plan = planned(&machine, &engine, &UP[2..]).await;
    assert!(plan.contains(&format!("\ncluster update {BALANCER} is stopped")), "{plan}");
    let start = format!("POST /containers/{BALANCER}/start");
    engine.answers.give(&start, 204, &json!(null));
    let running = machine.start_with(&UP, &[("DOCKER_HOST", &engine.address)]).await;
    engine.answers.asked(&start).await;
    running.signal(Signal::TERM);
    running.ended().await;
}

#[tokio::test]
async fn replacement_may_take_the_port_of_the_deleted_load_balancer() {
    let (machine, engine) = (Machine::new(), engine());
    let server = on_two_control_planes(&machine, &engine, true).await;
    let deleted = machine.at("work/deleted");
    let kind = "case $1 in version) echo 0.31.0 ;; delete) touch DELETED ;; *) exit 1 ;; esac";
    machine.program("kind", &kind.replace("DELETED", &format!("'{}'", deleted.display()))).await;
    machine.program("docker", "exit 1").await;
    let (_, port) = server.address.rsplit_once(':').unwrap();
    let api_port = format!("--set=cluster.kind.apiServerPort={port}");
    let args = [&UP[..], &["--lose=cluster", &api_port]].concat();
    let (_, said) = with_engine(&machine, &engine, &args).await;
    assert!(deleted.exists(), "{said}");
}

/// Runs `up` with a configuration file for kind, and returns its exit status and its last lines.
async fn up_with_a_file(text: &str) -> (i32, String) {
    let (machine, engine) = (Machine::new(), engine());
    machine.program("kind", "[ \"$1\" = version ] && echo 0.31.0").await;
    machine.program("docker", "exit 1").await;
    machine.write("work/kind.yaml", text);
    let args = [&UP[..], &["--set=cluster.kind.configFile=kind.yaml"]].concat();
    let outcome = with_engine(&machine, &engine, &args).await;
    assert_eq!(engine.answers.changes(), [""; 0]);
    outcome
}

#[tokio::test]
async fn taken_port_in_the_users_file_is_refused() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap();
    let mapping = format!("{{containerPort: 80, hostPort: {}, listenAddress: 127.0.0.1}}", taken.port());
    let (status, said) = up_with_a_file(&format!("nodes: [{{extraPortMappings: [{mapping}]}}]")).await;
    assert_eq!(status, 3, "{said}");
    assert!(said.contains(&format!("port {taken} of this machine is taken by ")), "{said}");
}

/// 1001 nodes need more inotify instances than any usual limit.
#[tokio::test]
async fn nodes_in_the_users_file_count_for_inotify_limits() {
    let workers = "- role: worker\n".repeat(1000);
    let (status, said) = up_with_a_file(&format!("nodes:\n- role: control-plane\n{workers}")).await;
    assert_eq!(status, 3, "{said}");
    assert!(said.contains("28028"), "{said}");
}

const UP: [&str; 6] = ["up", "--yes", "--profile", "kind", "--set=images.delivery=nodes", IMAGE];
const REJECTED: &str = "its API server and the certificates in its own nodes do not accept each other";

/// A kind cluster whose API server rejects the certificate in its own node as well.
async fn rejecting(machine: &Machine, engine: &Serving) -> Serving {
    let server = on_kind(machine, engine).await;
    let rejected = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "Unauthorized", "reason": "Unauthorized", "code": 401});
    server.answers.give("GET /readyz", 401, &rejected);
    let kubeconfig = machine.at(&format!("{STATE}/kubeconfig"));
    machine.program("kind", &format!("[ \"$1\" = get ] && cat '{}'", kubeconfig.display())).await;
    server
}

/// Gives the node certificates: `apiserver` is that of its API server, and `others` are some of its others.
fn certificates(engine: &Serving, apiserver: &str, others: &str) {
    file(engine, "%2Fetc%2Fkubernetes%2Fpki%2Fapiserver.crt", &json!(apiserver));
    file(engine, "%2Fetc%2Fkubernetes%2Fpki%2Fetcd%2Fpeer.crt", &json!(others));
    file(engine, "%2Fvar%2Flib%2Fkubelet%2Fpki%2Fkubelet-client-current.pem", &json!(others));
    let user = json!({"client-certificate-data": ByteString(others.into())});
    let admin = json!({"apiVersion": "v1", "kind": "Config", "users": [{"name": "admin", "user": user}]});
    file(engine, "%2Fetc%2Fkubernetes%2Fadmin.conf", &admin);
}

const EXPIRED: &str = include_str!("../../../connect/src/testdata/expired.pem");
const VALID: &str = include_str!("../../../connect/src/testdata/valid.pem");

#[tokio::test]
async fn rejected_certificates_that_are_valid_are_not_renewed() {
    let (machine, engine) = (Machine::new(), engine());
    let _server = rejecting(&machine, &engine).await;
    certificates(&engine, VALID, VALID);
    let said = output(&machine, &engine, &["status", "--profile", "kind"]).await;
    assert!(said.contains(REJECTED), "{said}");
    let (status, said) = with_engine(&machine, &engine, &UP).await;
    assert_eq!(status, 4, "{said}");
    assert!(said.contains(&format!("the cluster cannot be used: {REJECTED}")), "{said}");
    let renewal = format!("`docker exec {NODE} kubeadm certs renew all`, then `docker restart {NODE}`");
    assert!(said.contains(&format!("hint: if they expired: {renewal}")), "{said}");
    assert!(said.contains("hint: or delete the cluster with every dev server and home in it: `"), "{said}");
    assert_eq!(engine.answers.changes(), [""; 0]);
}

/// As a year after the creation of a kind cluster. A restart of the node has replaced the certificate of its API server.
#[tokio::test]
async fn only_expired_certificates_are_renewed_and_the_kubeconfig_last() {
    let (machine, engine) = (Machine::new(), engine());
    let _server = rejecting(&machine, &engine).await;
    certificates(&engine, VALID, EXPIRED);
    let why = format!("the certificates of {NODE} have expired");
    let said = output(&machine, &engine, &["status", "--profile", "kind"]).await;
    assert!(said.contains(&why), "{said}");
    let plan = planned(&machine, &engine, &UP[2..]).await;
    assert!(plan.contains(&format!("\ncluster update {why}")), "{plan}");
    assert_eq!(engine.answers.changes(), [""; 0]);

    engine.answers.run_commands("false");
    for verb in ["stop", "start"] {
        engine.answers.give(&format!("POST /containers/{NODE}/{verb}"), 204, &json!(null));
    }
    // It still rejects them.
    let (status, said) = with_engine(&machine, &engine, &UP).await;
    assert_eq!(status, 4, "{said}");
    assert!(said.contains(&format!("the cluster cannot be used: {REJECTED}")), "{said}");
    let entries = calls(&machine).into_iter().filter(|entry| entry["step"] == "cluster");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let calls: Vec<[String; 2]> =
        entries.map(|entry| [text(&entry["outcome"]["is"]), text(&entry["call"])]).collect();
    let made = [
        format!("kubeadm certs renew etcd-peer in {NODE}"),
        format!("renew the certificate of the kubelet of {NODE}"),
        format!("stop container {NODE}"),
        format!("start container {NODE}"),
        format!("kubeadm certs renew admin.conf in {NODE}"),
    ];
    let expected = made.iter().flat_map(|call| ["calling", "made"].map(|is| [is, call.as_str()]));
    assert_eq!(calls, expected.collect::<Vec<_>>());
    let of_containers = |one: &String| one.starts_with("POST /containers/");
    let changes: Vec<String> = engine.answers.changes().into_iter().filter(of_containers).collect();
    let changes: Vec<&str> = changes.iter().map(|one| one.split('?').next().unwrap()).collect();
    let [exec, stop, start] = ["exec", "stop", "start"].map(|verb| format!("POST /containers/{NODE}/{verb}"));
    assert_eq!(changes, [&exec, &exec, &exec, &stop, &start, &exec]);
}

#[tokio::test]
async fn failed_renewal_is_reported_and_restarts_no_node() {
    let (machine, engine) = (Machine::new(), engine());
    let _server = rejecting(&machine, &engine).await;
    certificates(&engine, EXPIRED, EXPIRED);
    engine.answers.run_commands("sh -c");
    let (status, said) = with_engine(&machine, &engine, &UP).await;
    assert_eq!(status, 4, "{said}");
    for expected in [
        "cannot renew the certificates of its nodes",
        &format!("kubeadm certs renew in container {NODE}: exit status 1: no"),
        "hint: run the same command again, which continues",
        "hint: or delete the cluster with every dev server and home in it: `",
    ] {
        assert!(said.contains(expected), "{expected} is not in: {said}");
    }
    let restarts = |one: &String| one.contains("/stop") || one.contains(&format!("/containers/{NODE}/start"));
    assert!(!engine.answers.changes().iter().any(restarts), "{:?}", engine.answers.changes());
}

#[tokio::test]
async fn cluster_with_expired_certificates_is_destroyed_without_its_api_server() {
    let (machine, engine) = (Machine::new(), engine());
    let server = rejecting(&machine, &engine).await;
    certificates(&engine, EXPIRED, EXPIRED);
    engine.answers.give_networks(&[network("n1", None)]);
    engine.answers.give("DELETE /networks/n1", 204, &json!(null));
    let (begun, go) = (machine.at("work/begun"), machine.at("work/go"));
    let wait = format!("touch '{}'; until [ -e '{}' ]; do sleep 0.05; done", begun.display(), go.display());
    machine.program("kind", &format!("case \"$1\" in delete) {wait} ;; *) echo 0.31.0 ;; esac")).await;
    let running = machine.start_with(&["destroy", "--yes"], &[("DOCKER_HOST", &engine.address)]).await;
    machine.until(|| begun.exists()).await;
    list(&engine, "io.x-k8s.kind.cluster=devplat", &[]);
    tokio::task::spawn_blocking(move || std::fs::write(go, "")).await.unwrap().unwrap();
    let (status, said) = running.ended().await;
    assert_eq!(status, 0, "{said}");
    assert_eq!(engine.answers.changes(), ["DELETE /networks/n1"]);
    assert_eq!(server.answers.requests(), [""; 0]);
    assert!(!machine.at(STATE).exists());
}

/// k3s renews its certificates at its start.
#[tokio::test]
async fn stopped_nodes_with_expired_certificates_are_reported_as_such() {
    let (machine, engine) = (Machine::new(), engine_with_three_servers());
    let server = "%2Fvar%2Flib%2Francher%2Fk3s%2Fserver%2Ftls%2Fclient-admin.crt";
    for node in ["server-0", "server-1"] {
        let request = format!("GET /containers/k3d-devplat-{node}/archive?path={server}");
        engine.answers.give_file(&request, EXPIRED);
    }
    let profile = ["--profile", "k3d", "--set=images.delivery=nodes", IMAGE, "--set=cluster.k3d.agents=1"];
    let plan = planned(&machine, &engine, &[&profile[..], &["--set=cluster.k3d.servers=3"]].concat()).await;
    let why = "k3d-devplat-server-1 is stopped; the certificates of k3d-devplat-server-0, k3d-devplat-server-1 have \
               expired";
    assert!(plan.contains(&format!("\ncluster update {why}")), "{plan}");
}

/// Assembles the images of devplat's programs, as an earlier run has.
pub(crate) fn assemble_images(machine: &Machine) {
    let store = Store::new(machine.at("home/.cache/devplat/images"));
    for (image, names) in [
        (ImageName::Operator, &["devplat-operator"][..]),
        (ImageName::Bastion, &["devplat-bastion", "devctl"]),
        (ImageName::Agent, &["devplat-agent"]),
    ] {
        let paths: Vec<PathBuf> = names.iter().map(|name| machine.at(&format!("programs/{name}"))).collect();
        let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
        store.assemble_programs(image, &Key::of_programs(image, &paths).unwrap(), &paths).unwrap();
    }
}

/// The finder of the registry and the finder of the images in it look for its container once each.
#[tokio::test]
async fn registry_is_looked_up_once_for_all_images() {
    let (machine, engine, registry) = (Machine::new(), engine(), api_server("registry").await);
    registry.answers.give("GET /v2/ ", 200, &json!({}));
    engine.answers.give_networks(&[network("n1", None)]);
    let inspection = format!("GET /containers/{REGISTRY}/json");
    engine.answers.give(&inspection, 200, &running(&registry));
    assemble_images(&machine);
    let plan = planned(&machine, &engine, &["--profile", "k3d", IMAGE]).await;
    let pushes = plan.lines().filter(|line| line.contains(" in the registry create ")).count();
    assert_eq!(pushes, 3, "{plan}");
    let requests = engine.answers.requests();
    let inspections = requests.iter().filter(|request| request.starts_with(&inspection)).count();
    assert_eq!(inspections, 2, "{requests:#?}");
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
    let unknown = "the last proof may be of other images or keys: this machine lacks some";
    // A change of the operator alone does not change the image, so the pull has a reason of its own.
    let needed = "the next proof needs it, and nodes delete images that they do not use";
    assert!(plan.contains(&format!("\npull of devserver-base update {needed}")), "{plan}");
    assert!(plan.contains(&format!("\nproof update {unknown}")), "{plan}");
}
