//! Engines, clusters and registries that cannot be used as they are: devplat reports why, and changes nothing.

use std::{
    fs,
    net::{SocketAddr, TcpListener},
};

use serde_json::{Value, json};

use crate::{
    answers::{Serving, api_server, engine, kubeconfig},
    machine::{Machine, run},
};

/// A profile by k3d whose images need nothing but the programs at hand.
pub(crate) const K3D: [&str; 7] = [
    "up",
    "--profile",
    "k3d",
    "--yes",
    "--set=images.delivery=nodes",
    "--set=devServers.image=registry.example/dev:1",
    "--set=cluster.k3d.image=registry.example/k3s:1",
];
/// Arguments for a cluster that exists.
pub(crate) const EXISTING: [&str; 5] =
    ["--profile", "existing", "--context", "there", "--set=devServers.image=registry.example/dev:1"];
/// A k3d that is new enough and creates nothing. It waits in between until the test writes to `go`.
pub(crate) const K3D_THAT_FAILS: &str = r#"case "$1" in
version) echo '{"k3d":"v5.8.3","k3s":"v1.34.3-k3s1"}' ;;
cluster) touch "$FOLDER/begun"; until [ -e "$FOLDER/go" ]; do sleep 0.02; done; echo 'FATA[0003] no' >&2; exit 1 ;;
esac"#;

pub(crate) async fn with_engine(machine: &Machine, engine: &Serving, args: &[&str]) -> (i32, String) {
    run(machine.devplat(args).env("DOCKER_HOST", &engine.address)).await
}

/// The output of the verb `plan`, standard error first, with single spaces.
pub(crate) async fn planned(machine: &Machine, engine: &Serving, args: &[&str]) -> String {
    let variables = [("DOCKER_HOST", engine.address.as_str())];
    let output = machine.all_output(&[&["plan"][..], args].concat(), &variables).await;
    let text = output.stderr + &output.stdout;
    text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ") + "\n").collect()
}

/// The answer to a list of the containers with this label.
pub(crate) fn list(engine: &Serving, label: &str, containers: &[(&str, Value)]) {
    let filters = json!({ "label": [label] }).to_string();
    let filters = filters.bytes().map(|byte| match byte {
        byte if byte.is_ascii_alphanumeric() || b"-._".contains(&byte) => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    });
    let request = format!("GET /containers/json?all=true&size=false&filters={}", filters.collect::<String>());
    let ids: Vec<Value> = containers.iter().map(|(name, _)| json!({ "Id": name })).collect();
    engine.answers.give(&request, 200, &json!(ids));
    for (name, inspected) in containers {
        engine.answers.give(&format!("GET /containers/{name}/json"), 200, inspected);
    }
}

pub(crate) fn container(name: &str, labels: &Value, mounts: &[&str], api_port: Option<u16>) -> Value {
    let mounts: Vec<Value> = mounts.iter().map(|place| json!({ "Destination": place })).collect();
    let bound = api_port.map(|port| json!([{ "HostIp": "127.0.0.1", "HostPort": port.to_string() }]));
    json!({
        "Id": name, "Name": format!("/{name}"), "State": {"Running": true}, "Mounts": mounts,
        "Config": {"Labels": labels}, "HostConfig": {"PortBindings": {"6443/tcp": bound}},
        "NetworkSettings": {"Ports": {"6443/tcp": bound}}
    })
}

pub(crate) fn kind_node(mounts: &[&str]) -> (&'static str, Value) {
    let labels = json!({"io.x-k8s.kind.cluster": "devplat", "io.x-k8s.kind.role": "control-plane"});
    ("devplat-control-plane", container("devplat-control-plane", &labels, mounts, None))
}

/// An address that refuses connections.
pub(crate) fn nothing_listens() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A cluster behind context `there` whose nodes are these.
pub(crate) async fn cluster(machine: &Machine, nodes: &[Value]) -> Serving {
    let server = api_server("u1").await;
    let all = json!({"kind": "NodeList", "apiVersion": "v1", "metadata": {}, "items": nodes});
    server.answers.give("GET /api/v1/nodes", 200, &all);
    machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
    server
}

pub(crate) fn node(name: &str, labels: &Value, provider: &str, runtime: &str, architecture: &str) -> Value {
    json!({
        "metadata": {"name": name, "labels": labels}, "spec": {"providerID": provider},
        "status": {"nodeInfo": {
            "architecture": architecture, "containerRuntimeVersion": runtime, "bootID": "", "kernelVersion": "",
            "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "", "operatingSystem": "linux",
            "osImage": "", "systemUUID": ""
        }}
    })
}

/// Requests that change the cluster: reviews and trials only ask.
pub(crate) fn changed(server: &Serving) -> Vec<String> {
    let asks = |one: &String| one.contains("accessreviews") || one.contains("dryRun=All");
    server.answers.changes().into_iter().filter(|one| !asks(one)).collect()
}

#[tokio::test]
async fn old_k3d_is_rejected_and_the_current_context_not_asked() {
    let (machine, engine) = (Machine::new(), engine());
    let production = cluster(&machine, &[]).await;
    machine.program("k3d", r#"[ "$2" = -o ] && exit 1; echo 'k3d version v5.4.6'"#).await;
    let (status, said) = with_engine(&machine, &engine, &K3D).await;
    assert_eq!(status, 3, "{said}");
    assert!(said.contains("k3d is version v5.4.6; devplat needs 5.6.0 or later"), "{said}");
    assert!(said.contains("hint: install a later k3d"), "{said}");
    assert_eq!(engine.answers.changes(), [""; 0]);
    assert_eq!(production.answers.requests(), [""; 0]);
}

#[tokio::test]
async fn context_and_a_profile_that_creates_a_cluster_exclude_each_other() {
    let (machine, engine) = (Machine::new(), engine());
    let production = cluster(&machine, &[]).await;
    for verb in [&["up", "--yes"][..], &["plan"], &["status"], &["destroy", "--yes"]] {
        for profile in ["k3d", "kind"] {
            let args = [verb, &["--profile", profile, "--context", "there"]].concat();
            let (status, said) = with_engine(&machine, &engine, &args).await;
            assert_eq!(status, 2, "{args:?}: {said}");
            let why =
                format!("--context names an existing cluster, but the profile creates one with {profile}");
            assert!(said.contains(&why), "{args:?}: {said}");
        }
    }
    assert_eq!(engine.answers.requests(), [""; 0]);
    assert_eq!(production.answers.requests(), [""; 0]);
}

#[tokio::test]
async fn engine_on_another_processor_is_refused_before_anything_is_made() {
    let (machine, engine) = (Machine::new(), engine());
    let info = json!({"ID": "arm", "DockerRootDir": "/", "CgroupVersion": "2", "Architecture": "aarch64"});
    engine.answers.give("GET /info", 200, &info);
    machine.program("k3d", K3D_THAT_FAILS).await;
    let (status, said) = with_engine(&machine, &engine, &K3D).await;
    assert_eq!(status, 3, "{said}");
    assert!(said.contains("is on a machine of arm64; devplat's images are for amd64"), "{said}");
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn half_a_cluster_by_k3d_of_another_user_is_left_alone() {
    let (machine, engine) = (Machine::new(), engine());
    let labels = json!({"app": "k3d", "k3d.cluster": "devplat"});
    list(
        &engine,
        "k3d.cluster=devplat",
        &[("k3d-devplat-tools", container("k3d-devplat-tools", &labels, &[], None))],
    );
    let volume = json!({"Name": "k3d-devplat-images", "Driver": "local", "Mountpoint": "/v", "Labels": labels,
        "Scope": "local", "Options": null});
    engine.answers.give("GET /volumes/k3d-devplat-images", 200, &volume);
    let network = json!({"Name": "k3d-devplat", "Id": "n1", "Labels": {"app": "k3d"}});
    engine.answers.give("GET /networks/k3d-devplat", 200, &network);
    for args in [&K3D[..], &["destroy", "--yes"]] {
        let (status, said) = with_engine(&machine, &engine, args).await;
        assert_eq!(status, 2, "{said}");
        let remedy = "to delete it: `docker rm --force k3d-devplat-tools`, `docker volume rm k3d-devplat-images`, \
                      `docker network rm k3d-devplat`";
        assert!(said.contains("an interrupted `k3d cluster create`") && said.contains(remedy), "{said}");
    }
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn foreign_cluster_blocks_only_a_cluster_by_the_same_maker() {
    let (machine, engine) = (Machine::new(), engine());
    list(&engine, "io.x-k8s.kind.cluster=devplat", &[kind_node(&[])]);
    let (status, said) = with_engine(&machine, &engine, &["plan", "--profile", "kind"]).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("kind cluster devplat was not created by devplat"), "{said}");
    let plan = planned(&machine, &engine, &["--profile", "k3d", K3D[5]]).await;
    assert!(plan.contains("\ncluster create absent") && !plan.contains("delete"), "{plan}");
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn half_a_cluster_of_another_kind_is_replaced() {
    let (machine, engine) = (Machine::new(), engine());
    list(&engine, "io.x-k8s.kind.cluster=devplat", &[kind_node(&["/etc/devplat/owner/devplat"])]);
    let plan = planned(&machine, &engine, &["--profile", "k3d", K3D[5]]).await;
    assert!(plan.contains("\ncluster delete its creation or deletion was interrupted"), "{plan}");
    assert!(plan.contains("\ncluster create replaces the deleted one"), "{plan}");
}

/// Runs `up` with a k3d that fails after `meanwhile`.
pub(crate) async fn k3d_fails(
    machine: &Machine,
    engine: &Serving,
    args: &[&str],
    meanwhile: impl FnOnce(),
) -> (i32, String) {
    let folder = machine.at("work").display().to_string();
    machine.program("k3d", &K3D_THAT_FAILS.replace("$FOLDER", &folder)).await;
    engine.answers.give("POST /networks/create", 201, &json!({"Id": "n1", "Warning": ""}));
    engine.answers.give("GET /images/registry.example/k3s:1/json", 200, &json!({"Id": "sha256:1"}));
    let running = machine.start_with(args, &[("DOCKER_HOST", &engine.address)]).await;
    let begun = machine.at("work/begun");
    machine.until(|| begun.exists()).await;
    meanwhile();
    // Not through a pipe: devplat may have noticed the fault and stopped k3d, and then the pipe has no reader.
    fs::write(machine.at("work/go"), "").unwrap();
    running.ended().await
}

#[tokio::test]
async fn port_taken_after_the_check_is_reported_with_its_holder() {
    let (machine, engine) = (Machine::new(), engine());
    let address = nothing_listens();
    let port = format!("--set=cluster.k3d.sshPort={}", address.port());
    let mut taken = None;
    let args = [&K3D[..], &[&port]].concat();
    let (status, said) =
        k3d_fails(&machine, &engine, &args, || taken = Some(TcpListener::bind(address))).await;
    assert_eq!(status, 3, "{said}");
    let why = format!("cannot create cluster devplat: port {address} is taken by ");
    assert!(said.contains(&why) && said.contains(&std::process::id().to_string()), "{said}");
    assert!(said.contains("hint: stop the process that listens there, or name another port"), "{said}");
}

#[tokio::test]
async fn exhausted_address_ranges_end_up_with_a_remedy() {
    let (machine, engine) = (Machine::new(), engine());
    machine.program("k3d", K3D_THAT_FAILS).await;
    let info = json!({"ID": engine.id, "DockerRootDir": "/", "CgroupVersion": "2",
        "DefaultAddressPools": [{"Base": "10.255.255.0/24", "Size": 24}]});
    engine.answers.give("GET /info", 200, &info);
    let full = json!([{"Name": "full", "Id": "full", "IPAM": {"Config": [{"Subnet": "10.255.255.0/24"}]}}]);
    engine.answers.give("GET /networks ", 200, &full);
    let words = "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to \
                 the network";
    engine.answers.give("POST /networks/create", 500, &json!({"message": words}));
    engine.answers.give("GET /images/registry.example/k3s:1/json", 200, &json!({"Id": "sha256:1"}));
    let (status, said) = with_engine(&machine, &engine, &K3D).await;
    assert_eq!(status, 3, "{said}");
    assert!(
        said.contains("has no free address range: 1 networks have one, 1 of them have no container"),
        "{said}"
    );
    assert!(said.contains("hint: delete networks that no container uses (`docker network prune`)"), "{said}");
    assert!(said.contains("default-address-pools in /etc/docker/daemon.json"), "{said}");
}

/// A profile whose SSH port is on an address of documentation, which no machine has.
#[tokio::test]
async fn address_of_another_machine_is_refused_before_anything_is_made() {
    let (machine, engine) = (Machine::new(), engine());
    machine.program("k3d", K3D_THAT_FAILS).await;
    let args = [&K3D[1..3], &K3D[4..], &["--set=cluster.k3d.sshAddress=192.0.2.7"]].concat();
    for verb in [&["plan"][..], &["up", "--yes"]] {
        let (status, said) = with_engine(&machine, &engine, &[verb, &args].concat()).await;
        assert_eq!(status, 3, "{verb:?}: {said}");
        assert!(said.contains("192.0.2.7 is not an address of this machine"), "{said}");
        assert!(said.contains("hint: this machine has ") && !said.contains("stop the process"), "{said}");
    }
    let plan = planned(&machine, &engine, &args).await;
    assert!(plan.contains("\ncluster create absent"), "{plan}");
    let set = "--set 'cluster.k3d.sshAddress=192.0.2.7'` would end before its first step";
    assert!(plan.contains(set), "{plan}");
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn port_forward_names_the_process_that_has_its_port() {
    let machine = Machine::new();
    let _server = cluster(&machine, &[]).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let port = address.port().to_string();
    let args = ["port-forward", "--context", "there", "--port", &port];
    let (status, said) = run(machine.devplat(&args)).await;
    assert_eq!(status, 3, "{said}");
    let why = format!("cannot listen on {address}: the port is taken by ");
    assert!(said.contains(&why) && said.contains(&std::process::id().to_string()), "{said}");
}

#[tokio::test]
async fn stopped_engine_is_reported_and_the_same_command_continues() {
    let (machine, engine) = (Machine::new(), engine());
    let socket = engine.address.trim_start_matches("unix://");
    let aside = format!("{socket}.aside");
    let (status, said) = k3d_fails(&machine, &engine, &K3D, || fs::rename(socket, &aside).unwrap()).await;
    assert_eq!(status, 4, "{said}");
    let why = format!("the Docker engine at {} is not running", engine.address);
    assert!(said.contains("cannot create cluster") && said.contains(&why), "{said}");
    assert!(said.contains("hint: start it") && said.contains("hint: run the same command again"), "{said}");
    fs::rename(&aside, socket).unwrap();
    let (_, again) = k3d_fails(&machine, &engine, &K3D, || {}).await;
    assert!(again.contains("create cluster (about ") && !again.contains("is not running"), "{again}");
}

#[tokio::test]
async fn cluster_whose_nodes_are_all_arm64_is_refused() {
    let (machine, engine) = (Machine::new(), engine());
    let server = cluster(&machine, &[node("a", &json!({}), "", "containerd://2.1.4", "arm64")]).await;
    let registry = "--set=images.registry=registry.example/team";
    for verb in [&["plan"][..], &["up", "--yes"]] {
        let args = [verb, &EXISTING, &[registry]].concat();
        let (status, said) = with_engine(&machine, &engine, &args).await;
        assert_eq!(status, 3, "{said}");
        assert!(said.contains("runs images of amd64: they have arm64"), "{said}");
        assert!(said.contains("hint: add a node of amd64"), "{said}");
    }
    assert_eq!(changed(&server), [""; 0]);
}

#[tokio::test]
async fn registry_that_cannot_serve_is_refused_before_images_are_assembled() {
    let (machine, engine) = (Machine::new(), engine());
    let server = cluster(&machine, &[]).await;
    let registry = api_server("none").await;
    let here = registry.address.trim_start_matches("http://").to_owned();
    for (answer, address, why, hint) in [
        (401, here.clone(), "answered 401: it requires credentials", "hint: log in with `docker login"),
        (
            403,
            here.clone(),
            "answered 403: this account may not",
            "hint: log in with an account that may push",
        ),
        (200, nothing_listens().to_string(), "cannot reach registry", "curl -v"),
    ] {
        registry.answers.give("HEAD /v2/", answer, &json!(null));
        registry.answers.give("GET /v2/", answer, &json!(null));
        let set = format!("--set=images.registry={address}/team");
        let args = [&["up", "--yes"][..], &EXISTING, &[&set]].concat();
        let (status, said) = with_engine(&machine, &engine, &args).await;
        assert_eq!(status, 3, "{said}");
        assert!(said.contains(&format!("registry {address}")) && said.contains(why), "{said}");
        assert!(said.contains(hint), "{said}");
    }
    assert_eq!(changed(&server), [""; 0]);
    let files = machine.home();
    assert!(
        files.keys().all(|file| !file.ends_with("decisions.json") && !file.ends_with("index.json")),
        "{files:?}"
    );
}
