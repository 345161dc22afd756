//! Local clusters of other users: whether their nodes get images.

use std::fs;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::{
    answers::{Serving, api_server, engine},
    local::assemble_images,
    machine::{Machine, run},
    replaced::stopped,
    trouble::{EXISTING, changed, cluster, container, list, node, nothing_listens, planned, with_engine},
};

fn port_of(address: &str) -> u16 {
    address.rsplit_once(':').unwrap().1.parse().unwrap()
}

/// A kind cluster `lab` of another user, with its node in the engine.
async fn lab(machine: &Machine, engine: &Serving, api_port: impl FnOnce(u16) -> u16) -> Serving {
    let name = "lab-control-plane";
    let of = node(name, &json!({}), "kind://docker/lab/lab-control-plane", "containerd://2.1.4", "amd64");
    let server = cluster(machine, &[of]).await;
    let labels = json!({"io.x-k8s.kind.cluster": "lab", "io.x-k8s.kind.role": "control-plane"});
    let port = api_port(port_of(&server.address));
    list(engine, "io.x-k8s.kind.cluster=lab", &[(name, container(name, &labels, &[], Some(port)))]);
    server
}

#[tokio::test]
async fn announced_registry_that_is_gone_is_passed_over() {
    let (machine, engine) = (Machine::new(), engine());
    let server = lab(&machine, &engine, |port| port).await;
    let gone = nothing_listens();
    let map = json!({"kind": "ConfigMap", "apiVersion": "v1", "metadata": {"name": "local-registry-hosting"},
        "data": {"localRegistryHosting.v1": format!("host: \"{gone}\"")}});
    server.answers.give("GET /api/v1/namespaces/kube-public/configmaps/local-registry-hosting", 200, &map);
    let said = planned(&machine, &engine, &EXISTING).await;
    assert!(said.contains(&format!("registry {gone}, announced by the cluster")), "{said}");
    assert!(
        said.contains("does not answer") && said.contains("images will be imported into the nodes"),
        "{said}"
    );
}

#[tokio::test]
async fn cluster_of_k3d_is_recognised_behind_its_load_balancer() {
    let (machine, engine) = (Machine::new(), engine());
    let names = ["k3d-lab-server-0", "k3d-lab-serverlb"];
    let of = node(names[0], &json!({}), "k3s://k3d-lab-server-0", "containerd://2.1.4-k3s1", "amd64");
    let server = cluster(&machine, &[of]).await;
    let labels = |role: &str| json!({"app": "k3d", "k3d.cluster": "lab", "k3d.role": role});
    let port = Some(port_of(&server.address));
    let containers = [
        (names[0], container(names[0], &labels("server"), &[], None)),
        (names[1], container(names[1], &labels("loadbalancer"), &[], port)),
    ];
    list(&engine, "k3d.cluster=lab", &containers);
    let said = planned(&machine, &engine, &EXISTING).await;
    assert!(said.contains("images will be imported into the nodes of the k3d cluster lab"), "{said}");
}

#[tokio::test]
async fn nodes_of_another_cluster_with_the_same_names_get_no_images() {
    let (machine, engine) = (Machine::new(), engine());
    let server = lab(&machine, &engine, |port| port.wrapping_sub(1)).await;
    let args = [&["up", "--yes"][..], &EXISTING].concat();
    let (status, said) = with_engine(&machine, &engine, &args).await;
    assert_eq!(status, 2, "{said}");
    assert!(
        said.contains("cannot import images into the nodes of context \"there\" (kind cluster lab)"),
        "{said}"
    );
    assert!(said.contains("does not lead to lab-control-plane in the Docker engine"), "{said}");
    assert!(
        said.contains("hint: name the Docker engine") && said.contains("hint: name a registry"),
        "{said}"
    );
    // Without an engine there are no nodes to import into either, and that is the reason.
    let (status, said) = run(machine.devplat(&args).env("DOCKER_HOST", "unix:///nowhere/docker.sock")).await;
    assert_eq!(status, 3, "{said}");
    assert!(said.contains("the Docker engine at unix:///nowhere/docker.sock is not running"), "{said}");
    assert_eq!(changed(&server), [""; 0]);
}

/// devplat starts only nodes of its own clusters.
#[tokio::test]
async fn stopped_node_of_another_users_cluster_is_named() {
    let (machine, engine) = (Machine::new(), engine());
    let names = ["lab-control-plane", "lab-worker"];
    let nodes = names.map(|name| {
        let id = format!("kind://docker/lab/{name}");
        node(name, &json!({}), &id, "containerd://2.1.4", "amd64")
    });
    let server = cluster(&machine, &nodes).await;
    let labels = |role: &str| json!({"io.x-k8s.kind.cluster": "lab", "io.x-k8s.kind.role": role});
    let port = Some(port_of(&server.address));
    let containers = [
        (names[0], container(names[0], &labels("control-plane"), &[], port)),
        (names[1], stopped(container(names[1], &labels("worker"), &[], None))),
    ];
    list(&engine, "io.x-k8s.kind.cluster=lab", &containers);
    assemble_images(&machine);
    for verb in [&["plan"][..], &["up", "--yes"]] {
        let (status, said) = with_engine(&machine, &engine, &[verb, &EXISTING].concat()).await;
        assert_eq!(status, 3, "{said}");
        assert!(said.contains("nodes of the cluster are stopped: lab-worker"), "{said}");
        assert!(said.contains("hint: start them: `docker start lab-worker`"), "{said}");
    }
    assert_eq!(changed(&server), [""; 0]);
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn another_engine_with_a_namesake_cluster_gets_no_images() {
    let (machine, engine) = (Machine::new(), engine());
    let server = lab(&machine, &engine, |port| port.wrapping_sub(1)).await;
    machine.remember(&json!({"profile": "existing", "context": "there",
        "place": {"in": "cluster", "uid": "u1", "server": server.address},
        "delivery": {"by": "engineNodes", "label": "io.x-k8s.kind.cluster=lab"}}));
    let (status, said) = with_engine(&machine, &engine, &["up", "--yes"]).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("cannot import images into the nodes as before"), "{said}");
    assert_eq!(changed(&server), [""; 0]);
}

/// Loads the image that Docker would load: it is named in `manifest.json`.
pub(crate) const LOAD_AS_DOCKER: &str = r#"tag=$(tar -xOf "$3" manifest.json | sed 's/.*"RepoTags":\["\([^"]*\)"\].*/\1/'); echo "$tag" >> LOADED"#;

/// minikube's log of its commands.
const AUDIT_LOG: &str = "home/.minikube/logs/audit.json";

/// A minikube with the profile `lab` of one node, whose API server is `server`. The shell command `load` loads an archive.
/// The real minikube cannot be had where devplat is developed: the answers are in the format of its source, and it keeps
/// its log as the real one does.
pub(crate) async fn minikube(machine: &Machine, server: &Serving, load: &str) {
    let node = json!({"Name": "", "IP": "127.0.0.1", "Port": port_of(&server.address), "ControlPlane": true});
    let profiles = json!({"invalid": [], "valid": [{"Name": "lab", "Status": "Skipped", "Config": {
        "Name": "lab", "Driver": "docker", "Nodes": [node], "Addons": {},
        "KubernetesConfig": {"KubernetesVersion": "v1.34.0", "ContainerRuntime": "docker"}}}]});
    let script = r#"[ "$MINIKUBE_SKIP_AUDIT" = true ] || { mkdir -p "$(dirname 'HISTORY')"; echo "$*" >> 'HISTORY'; }
case "$*" in
'profile list -o json -l') cat <<'E'
PROFILES
E
;;
'image load '*' -p lab') HOW ;;
'image ls --format json -p lab')
    touch LOADED
    image='{"id":"1","repoDigests":[],"repoTags":["&"],"size":"9"}'
    echo "[$(sed "s|.*|$image|" LOADED | paste -sd, -)]" ;;
*) exit 1 ;;
esac"#;
    let loaded = machine.at("work/loaded").display().to_string();
    let history = machine.at(AUDIT_LOG).display().to_string();
    let script = script.replace("PROFILES", &profiles.to_string()).replace("HOW", load);
    let script = script.replace("HISTORY", &history);
    machine.program("minikube", &script.replace("LOADED", &loaded)).await;
}

#[tokio::test]
async fn minikube_is_used_if_its_container_runtime_is_known() {
    let (machine, engine) = (Machine::new(), engine());
    for (name, runtime, expected) in [
        ("lab", "containerd://2.1.4", "images will be imported into the nodes of the minikube cluster lab"),
        ("lab", "docker://28.0.1", "images will be imported into the nodes of the minikube cluster lab"),
        (
            "lab",
            "cri-o://1.34.0",
            "its container runtime is cri-o; devplat imports images into docker and containerd",
        ),
        ("other", "containerd://2.1.4", "minikube has no profile other here; it has lab"),
    ] {
        let labels = json!({ "minikube.k8s.io/name": name });
        let server = cluster(&machine, &[node("lab", &labels, "", runtime, "amd64")]).await;
        minikube(&machine, &server, "exit 1").await;
        let said = planned(&machine, &engine, &EXISTING).await;
        assert!(said.contains(expected), "{said}");
        assert_eq!(changed(&server), [""; 0]);
    }
}

/// Many machines have a profile of this name, and a context may lead to that of another one.
#[tokio::test]
async fn profile_of_another_cluster_with_the_same_name_gets_no_images() {
    let engine = engine();
    let elsewhere = api_server("u2").await;
    let labels = json!({ "minikube.k8s.io/name": "lab" });
    for (name, expected) in [
        ("lab", "does not lead to minikube's profile lab here, whose API server is at 127.0.0.1:"),
        ("lab-m02", "the cluster has nodes lab-m02; minikube's profile lab has lab"),
    ] {
        let machine = Machine::new();
        let server = cluster(&machine, &[node(name, &labels, "", "docker://28.0.1", "amd64")]).await;
        minikube(&machine, &elsewhere, "exit 1").await;
        let args = [&["up", "--yes"][..], &EXISTING].concat();
        let (status, said) = with_engine(&machine, &engine, &args).await;
        assert_eq!(status, 2, "{said}");
        assert!(said.contains(expected), "{said}");
        assert!(
            said.contains("hint: run devplat as the account, and on the machine, that created"),
            "{said}"
        );
        // A delivery that is known from the last run is checked again.
        machine.remember(&json!({"profile": "existing", "context": "there",
            "place": {"in": "cluster", "uid": "u1", "server": server.address},
            "delivery": {"by": "minikube", "profile": "lab"}}));
        let (status, said) = with_engine(&machine, &engine, &["up", "--yes"]).await;
        assert_eq!(status, 2, "{said}");
        assert!(said.contains("cannot import images into the nodes as before"), "{said}");
        assert!(said.contains(expected), "{said}");
        assert_eq!(changed(&server), [""; 0]);
    }
}

/// As with Docker Desktop, where the network of the nodes cannot be reached.
#[tokio::test]
async fn profile_behind_a_published_port_gets_images() {
    let (machine, engine) = (Machine::new(), engine());
    let inside = api_server("u2").await;
    let labels = json!({ "minikube.k8s.io/name": "lab" });
    let server = cluster(&machine, &[node("lab", &labels, "", "docker://28.0.1", "amd64")]).await;
    minikube(&machine, &inside, "exit 1").await;
    let mut published = container("lab", &json!({"name.minikube.sigs.k8s.io": "lab"}), &[], None);
    let bound = json!([{"HostIp": "127.0.0.1", "HostPort": port_of(&server.address).to_string()}]);
    published["HostConfig"]["PortBindings"] = json!({(format!("{}/tcp", port_of(&inside.address))): bound});
    list(&engine, "name.minikube.sigs.k8s.io=lab", &[("lab", published)]);
    let said = planned(&machine, &engine, &EXISTING).await;
    assert!(said.contains("images will be imported into the nodes of the minikube cluster lab"), "{said}");
}

/// The minikube cluster `lab` without devplat. It never lists its namespaces, so the first release waits until the test
/// ends it, and no step fails before the images are loaded.
async fn empty_lab(machine: &Machine) -> Serving {
    let labels = json!({ "minikube.k8s.io/name": "lab" });
    let server = cluster(machine, &[node("lab", &labels, "", "docker://28.0.1", "amd64")]).await;
    let absent = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "absent", "reason": "NotFound", "code": 404});
    server.answers.give("GET /apis/", 404, &absent);
    server.answers.give("GET /api/v1/namespaces/d", 404, &absent);
    server.answers.give("GET /api/v1/namespaces/devplat-system/configmaps?", 200, &nothing());
    server.answers.be_silent_on("GET /api/v1/namespaces?");
    server
}

/// An empty list of an API server.
fn nothing() -> Value {
    json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []})
}

/// Runs `up` until the journal has this outcome for `many` images in the nodes, and then stops it.
async fn up_until(machine: &Machine, engine: &Serving, outcome: &str, many: usize) -> (i32, String) {
    let args = [&["up", "--yes"][..], &EXISTING].concat();
    let running = machine.start_with(&args, &[("DOCKER_HOST", &engine.address)]).await;
    let journal = machine.at("home/.local/state/devplat/devplat/journal.jsonl");
    let is = |line: &&str| {
        let Ok(entry) = serde_json::from_str::<Value>(line) else { return false };
        let image = entry["step"].as_str().is_some_and(|step| step.ends_with(" in the nodes"));
        image && entry.get("call").is_none() && entry["outcome"]["is"] == outcome
    };
    let reached = || fs::read_to_string(&journal).is_ok_and(|text| text.lines().filter(is).count() >= many);
    machine.until(reached).await;
    running.signal(Signal::TERM);
    running.ended().await
}

#[tokio::test]
async fn minikube_with_docker_gets_images_with_tags() {
    let (machine, engine) = (Machine::new(), engine());
    let server = empty_lab(&machine).await;
    minikube(&machine, &server, LOAD_AS_DOCKER).await;
    let plan = planned(&machine, &engine, &EXISTING).await;
    assert!(plan.contains("\nimage devplat-operator in the nodes create absent"), "{plan}");
    let (status, said) = up_until(&machine, &engine, "done", 3).await;
    assert_eq!(status, 4, "{said}");
    let loaded = fs::read_to_string(machine.at("work/loaded")).unwrap();
    let mut names: Vec<&str> = loaded.lines().filter_map(|tag| Some(tag.split_once(":sha256-")?.0)).collect();
    names.sort_unstable();
    assert_eq!(names, ["agent", "bastion", "operator"].map(|name| format!("devplat.local/devplat-{name}")));
    // They are found again, so a second run loads nothing.
    server.answers.give("GET /api/v1/namespaces?", 200, &nothing());
    let plan = planned(&machine, &engine, &EXISTING).await;
    assert!(plan.contains("\nrelease crds create") && !plan.contains("in the nodes create"), "{plan}");
}

#[tokio::test]
async fn read_only_verbs_do_not_write_the_audit_log_of_minikube() {
    let (machine, engine) = (Machine::new(), engine());
    let server = empty_lab(&machine).await;
    minikube(&machine, &server, LOAD_AS_DOCKER).await;
    let (status, said) = up_until(&machine, &engine, "done", 3).await;
    assert_eq!(status, 4, "{said}");
    let audit_log = || fs::read_to_string(machine.at(AUDIT_LOG)).unwrap();
    let before = audit_log();
    assert_eq!(before.lines().count(), 3, "{before}");
    assert!(before.lines().all(|line| line.starts_with("image load ")), "{before}");
    server.answers.give("GET /api/v1/namespaces?", 200, &nothing());
    // Both list the images in the node.
    let plan = planned(&machine, &engine, &EXISTING).await;
    assert!(plan.contains("\nrelease crds create") && !plan.contains("in the nodes create"), "{plan}");
    let (_, said) = with_engine(&machine, &engine, &["status"]).await;
    assert_eq!(audit_log(), before, "{said}");
}

/// minikube writes only to its log that a node rejected an archive.
#[tokio::test]
async fn minikube_that_loads_nothing_is_reported_with_the_node() {
    let (machine, engine) = (Machine::new(), engine());
    let server = empty_lab(&machine).await;
    minikube(&machine, &server, "exit 0").await;
    let (status, said) = up_until(&machine, &engine, "failed", 1).await;
    assert_eq!(status, 4, "{said}");
    assert!(said.contains("reported no error, but these nodes do not list image devplat.local/"), "{said}");
    assert!(said.contains(": lab\n") && said.contains("minikube status -p lab"), "{said}");
}
