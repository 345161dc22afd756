//! The engine's answers as types, from recordings of Docker 20.10 and from its documentation.

use base64::{Engine as _, prelude::BASE64_STANDARD};

use super::{
    recorded::{Recorded, frame},
    *,
};
use crate::registry;

mod connecting;
mod firewall;

/// k3d mounts that socket into a container.
#[tokio::test]
async fn socket_of_the_shell_does_not_reach_another_engine() {
    let authority = "127.0.0.1:2375";
    let address = Address::Tcp { authority: authority.to_owned(), certificates: None };
    let engine = Engine {
        endpoint: Endpoint { context: "default".to_owned(), address, setting: Setting::Default },
        docker: Docker::connect_with_http(authority, PATIENCE_SECONDS, API_DEFAULT_VERSION).unwrap(),
        info: Arc::default(),
    };
    let shell = Surroundings::new([("PATH", "/usr/bin:/bin"), ("DOCKER_SOCK", "/run/other.sock")], None);
    let command = Command::new("sh", &shell).args(["-c", "echo \"${DOCKER_SOCK-none} $DOCKER_HOST\""]);
    let output = engine.used_by(command).run().await.unwrap();
    assert_eq!(output.stdout, "none tcp://127.0.0.1:2375\n");
}

#[tokio::test]
async fn engine_before_20_10_has_old_control_groups() {
    let told = |text: &str| Recorded::new().answer("GET /info", 200, text);
    let old = told(r#"{"ID":"A","ServerVersion":"19.03.15"}"#).serve().await;
    assert_eq!(old.engine().info().await.unwrap().cgroups, Cgroups::V1);
    let new = r#"{"ID":"22CT:G2AW","Name":"vm","ServerVersion":"28.0.1","CgroupVersion":"2","Driver":"overlay2",
        "DockerRootDir":"/var/lib/docker","Architecture":"x86_64",
        "SecurityOptions":["name=seccomp,profile=builtin","name=rootless"],
        "DefaultAddressPools":[{"Base":"10.10.0.0/16","Size":24}]}"#;
    let new = told(new).serve().await;
    let info = new.engine().info().await.unwrap();
    assert_eq!((info.id.as_str(), info.cgroups, info.rootless), ("22CT:G2AW", Cgroups::V2, true));
    assert_eq!(info.pools, [Pool { base: "10.10.0.0/16".parse().unwrap(), size: 24 }]);
}

#[tokio::test]
async fn description_of_an_engine_is_read_once() {
    let recorded =
        Recorded::new().answer("GET /info", 200, r#"{"ID":"A","DockerRootDir":"/"}"#).serve().await;
    let (engine, clone) = (recorded.engine(), recorded.engine().clone());
    let (one, other) = futures::join!(engine.info(), clone.info());
    assert_eq!(one.unwrap(), other.unwrap());
    engine.other_host().await.unwrap();
    assert_eq!(recorded.requests(), ["GET /info"]);
}

#[tokio::test]
async fn description_that_could_not_be_read_is_read_again() {
    let recorded = Recorded::new().answer("GET /info", 500, r#"{"message":"starting"}"#).serve().await;
    for _ in 0..2 {
        assert!(recorded.engine().info().await.is_err());
    }
    assert_eq!(recorded.requests(), ["GET /info", "GET /info"]);
}

const NODE: &str = r#"{"Id":"c1","Name":"/team-a-control-plane","Image":"sha256:abc",
    "State":{"Running":true,"StartedAt":"2026-11-28T22:30:00.5Z","ExitCode":0},
    "Mounts":[{"Type":"bind","Source":"/dev/null","Destination":"/etc/devplat/owner/team-a"}],
    "Config":{"Image":"devplat/kind-node:v1.34.3","Labels":{"io.x-k8s.kind.cluster":"team-a"}},
    "HostConfig":{"PortBindings":{"6443/tcp":[{"HostIp":"127.0.0.1","HostPort":"0"}],"53/udp":[{"HostIp":"","HostPort":"53"}],"6550":[{"HostIp":"","HostPort":"6551"}]}},
    "NetworkSettings":{"Ports":{"6443/tcp":[{"HostIp":"127.0.0.1","HostPort":"41234"}],"30080/tcp":null},
    "Networks":{"devplat-team-a":{"IPAddress":"172.18.0.2"}}}}"#;

#[tokio::test]
async fn last_lines_of_a_log_are_read_with_and_without_a_terminal() {
    let recorded = Recorded::new()
        .answer("GET /containers/kind/logs", 200, "\u{1b}[1mone\r\ntwo")
        .answer("GET /containers/k3d/logs", 200, [frame(1, "one\n"), frame(2, "two\n")].concat())
        .serve()
        .await;
    assert_eq!(recorded.engine().logs("kind", 500).await.unwrap(), "\u{1b}[1mone\r\ntwo");
    assert_eq!(recorded.engine().logs("k3d", 500).await.unwrap(), "one\ntwo\n");
    let asked = recorded.requests().remove(0);
    assert!(asked.contains("tail=500") && asked.contains("follow=false"), "{asked}");
    assert!(recorded.engine().logs("absent", 500).await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn container_has_configured_and_bound_ports() {
    let recorded = Recorded::new()
        .answer("GET /containers/json", 200, r#"[{"Id":"c1"}]"#)
        .answer("GET /containers/c1/json", 200, NODE)
        .serve()
        .await;
    let found = recorded.engine().containers("io.x-k8s.kind.cluster=team-a").await.unwrap();
    let [node] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(node.name, "team-a-control-plane");
    assert_eq!(node.mounts, ["/etc/devplat/owner/team-a"]);
    assert_eq!(node.networks["devplat-team-a"], "172.18.0.2");
    assert!(node.running && node.started_at.is_some() && node.exit_status.is_none());
    assert_eq!(node.configured[&6443][0].port, 0);
    assert_eq!(node.binding(6443).unwrap().port, 41234);
    assert!(node.binding(53).is_none());
    assert_eq!(node.binding(6550).unwrap().port, 6551, "as k3d writes TCP");
    let asked = recorded.requests().remove(0);
    assert!(asked.contains("all=true"), "{asked}");
}

#[tokio::test]
async fn stopped_container_has_its_configured_ports() {
    let stopped = r#"{"Id":"c1","Name":"/n","State":{"Running":false,"StartedAt":"0001-01-01T00:00:00Z","ExitCode":137},
        "HostConfig":{"PortBindings":{"22/tcp":[{"HostIp":"0.0.0.0","HostPort":"2222"}]}},"NetworkSettings":{"Ports":{}}}"#;
    let recorded = Recorded::new().answer("GET /containers/n/json", 200, stopped).serve().await;
    let node = recorded.engine().container("n").await.unwrap().unwrap();
    assert_eq!((node.exit_status, node.started_at), (Some(137), None));
    let binding = node.binding(22).unwrap();
    assert_eq!((binding.reached_at().to_string(), binding.port), ("127.0.0.1".to_owned(), 2222));
}

#[tokio::test]
async fn status_codes_decide_and_messages_do_not() {
    let recorded = Recorded::new()
        .answer(
            "DELETE /networks/used",
            403,
            r#"{"message":"error while removing network: network used has active endpoints"}"#,
        )
        .answer("GET /networks/broken", 500, r#"{"message":"No such network: broken"}"#)
        .answer("POST /containers/c/start", 409, r#"{"message":"conflict"}"#)
        .answer("GET /info", 200, r#"{"ID":"A","DockerRootDir":"/"}"#)
        .serve()
        .await;
    let engine = recorded.engine();
    assert_eq!(engine.network("absent").await.unwrap(), None);
    engine.remove_network("absent").await.unwrap();
    let error = engine.network("broken").await.unwrap_err();
    assert!(matches!(error, EngineError::Api { status: 500, .. }), "{error}");
    let error = engine.remove_network("used").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot delete network used: the Docker engine answered 403: error while removing network: network used has active endpoints"
    );
    assert!(engine.start("c").await.unwrap_err().is_conflict());
}

/// Docker lists a container before it can be read, and no longer after its deletion.
#[tokio::test]
async fn container_that_is_being_created_is_waited_for() {
    let recorded = Recorded::new()
        .answer_after(2, "GET /containers/c/json", 200, r#"{"Id":"c","Name":"/c"}"#)
        .answer_after(1, "GET /containers/json?", 200, r#"[{"Id":"c"}]"#)
        .answer("GET /containers/json?", 200, r#"[{"Id":"c"},{"Id":"deleted"}]"#)
        .serve()
        .await;
    let found = recorded.engine().containers("a=b").await.unwrap();
    assert_eq!(found.iter().map(|container| container.id.as_str()).collect::<Vec<_>>(), ["c"]);
}

#[tokio::test]
async fn networks_of_one_name_are_all_found() {
    let networks = r#"[{"Name":"a","Id":"n2"},{"Name":"a-b","Id":"n3"},{"Name":"a","Id":"n1"}]"#;
    let recorded = Recorded::new().answer("GET /networks", 200, networks).serve().await;
    let found = recorded.engine().networks_named("a").await.unwrap();
    assert_eq!(found.iter().map(|network| network.id.as_str()).collect::<Vec<_>>(), ["n1", "n2"]);
    let taken = recorded.engine().create_network("a", &[], None).await.unwrap_err();
    assert!(taken.is_conflict(), "{taken}");
}

#[tokio::test]
async fn exhausted_pools_are_reported_with_counts() {
    let network = |name: &str, range: &str| {
        format!(
            r#"{{"Name":"{name}","Id":"{name}","IPAM":{{"Config":[{{"Subnet":"{range}"}}]}},"Labels":{{}}}}"#
        )
    };
    let networks =
        [network("bridge", "10.0.0.0/24"), network("one", "10.0.1.0/24"), network("two", "10.0.2.0/23")]
            .join(",");
    let of_two = "GET /containers/json?all=true&size=false&filters=%7B%22network%22%3A%5B%22two";
    let recorded = Recorded::new()
        .answer("POST /networks/create", 500, r#"{"message":"anything"}"#)
        .answer("GET /networks", 200, format!("[{networks}]"))
        .answer("GET /info", 200, r#"{"ID":"A","DefaultAddressPools":[{"Base":"10.0.0.0/22","Size":24}]}"#)
        .answer(of_two, 200, r#"[{"Id":"c1"}]"#)
        .answer("GET /containers/c1/json", 200, NODE)
        .answer("GET /containers/json", 200, "[]")
        .serve()
        .await;
    let error = recorded.engine().create_network("devplat-team-a", &[], None).await.unwrap_err();
    let EngineError::NoAddressRange { networks: 3, unused: 1, free: Some(free) } = &error else {
        panic!("{error:?}")
    };
    assert!(free.to_string().starts_with("10.200."), "{free}");
    assert!(error.hint().unwrap().contains("docker network prune"));
}

#[tokio::test]
async fn network_names_are_unique_even_if_the_engine_allows_doubles() {
    let two = r#"[{"Name":"devplat-team-a","Id":"n1"},{"Name":"devplat-team-a","Id":"n2"}]"#;
    let recorded = Recorded::new().answer("GET /networks", 200, two).serve().await;
    let error = recorded.engine().create_network("devplat-team-a", &[], None).await.unwrap_err();
    assert!(error.is_conflict(), "{error}");
    assert_eq!(recorded.requests(), ["GET /networks"]);
}

#[tokio::test]
async fn damaged_file_is_an_error_but_an_absent_one_is_not() {
    let recorded = Recorded::new()
        .answer("GET /containers/c1/archive?path=%2Fkind%2Fdamaged", 200, vec![b'y'; 1024])
        .answer("GET /containers/c1/json", 200, NODE)
        .serve()
        .await;
    let engine = recorded.engine();
    assert_eq!(engine.read_file("c1", "/kind/devplat.json").await.unwrap(), None);
    let error = engine.read_file("c1", "/kind/damaged").await.unwrap_err();
    assert!(matches!(error, EngineError::Broken { .. }), "{error}");
    assert!(engine.read_file("gone", "/kind/devplat.json").await.unwrap_err().is_not_found());
}

#[tokio::test]
async fn command_reads_all_input_and_returns_its_status() {
    let output = [frame(1, "one\n"), frame(2, "ctr: no such thing\n")].concat();
    let recorded = Recorded::new()
        .answer("POST /containers/c1/exec", 201, r#"{"Id":"e1"}"#)
        .answer("POST /exec/e1/start", 101, output)
        .answer("GET /exec/e1/json", 200, r#"{"Running":false,"ExitCode":3}"#)
        .serve()
        .await;
    let engine = recorded.engine();
    let ran = engine.exec_any("c1", &["cat"], Stdin::Bytes(b"given".to_vec())).await.unwrap();
    let wanted = Ran { status: 3, stdout: "one\n".to_owned(), stderr: "ctr: no such thing\n".to_owned() };
    assert_eq!(ran, wanted);
    assert_eq!(recorded.stdin(), b"given");
    let error = engine.exec("c1", &["ctr", "images", "ls"], Stdin::Nothing).await.unwrap_err();
    assert_eq!(error.to_string(), "ctr images ls in container c1: exit status 3: ctr: no such thing");
}

#[tokio::test]
async fn pull_reports_progress_and_errors_from_the_stream() {
    let steps = concat!(
        r#"{"status":"Pulling fs layer","id":"a","progressDetail":{}}"#,
        "\n",
        r#"{"status":"Downloading","id":"a","progressDetail":{"current":10,"total":100}}"#,
        "\n",
        r#"{"status":"Downloading","id":"b","progressDetail":{"current":50,"total":50}}"#,
        "\n",
        r#"{"status":"Extracting","id":"a","progressDetail":{"current":5,"total":100}}"#,
        "\n",
    );
    let recorded = Recorded::new()
        .answer("POST /images/create?fromImage=registry%3A3&", 200, steps)
        .answer("GET /info", 200, r#"{"ID":"A","DockerRootDir":"/"}"#)
        .answer(
            "POST /images/create",
            200,
            concat!(r#"{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}"#, "\n"),
        )
        .serve()
        .await;
    let mut told = Vec::new();
    recorded.engine().pull("registry:3", None, |step| told.push((step.done, step.of))).await.unwrap();
    assert_eq!(told, [(10, 100), (60, 150), (60, 150)]);
    let error = recorded.engine().pull("gone:1", None, |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("manifest unknown"), "{error}");
}

#[tokio::test]
async fn pull_sends_the_login_for_the_registry() {
    let folder = tempfile::tempdir().unwrap();
    let auths = r#"{"auths":{"registry.example":{"auth":"YWRhOmE6Yg=="}}}"#;
    std::fs::write(folder.path().join("config.json"), auths).unwrap();
    let surroundings = Surroundings::new([("DOCKER_CONFIG", folder.path())], None);
    let recorded = Recorded::new().answer("POST /images/create", 200, "").serve().await;
    for image in ["registry.example/team/a:1", "other.example/a:1"] {
        let login = registry::credentials_of_image(&surroundings, image, |_| {}).await.unwrap();
        recorded.engine().pull(image, login, |_| {}).await.unwrap();
    }
    let sent = recorded.headers("x-registry-auth");
    let [sent] = sent.as_slice() else { panic!("{sent:?}") };
    let sent: serde_json::Value = serde_json::from_slice(&BASE64_STANDARD.decode(sent).unwrap()).unwrap();
    for (key, value) in [("username", "ada"), ("password", "a:b"), ("serveraddress", "registry.example")] {
        assert_eq!(sent[key], value, "{key}");
    }
}

#[tokio::test]
async fn start_resumes_a_paused_container() {
    let paused = NODE.replace("\"Running\":true", "\"Running\":true,\"Paused\":true");
    let recorded = Recorded::new()
        .answer("GET /containers/c1/json", 200, paused)
        .answer("POST /containers/c1/start", 409, r#"{"message":"cannot start a paused container"}"#)
        .answer("POST /containers/c1/unpause", 204, "")
        .serve()
        .await;
    let engine = recorded.engine();
    let node = engine.container("c1").await.unwrap().unwrap();
    assert!(!node.running && node.exit_status.is_none(), "{node:?}");
    engine.start("c1").await.unwrap();
    assert!(recorded.requests().contains(&"POST /containers/c1/unpause".to_owned()));
}

#[tokio::test]
async fn taken_port_of_a_container_is_reported_with_the_holder() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap();
    let made_with = format!("\"HostPort\":\"{}\"", taken.port());
    let stopped =
        NODE.replace("\"HostPort\":\"0\"", &made_with).replace("\"HostPort\":\"53\"", "\"HostPort\":\"0\"");
    let stopped = stopped.replace("\"HostPort\":\"6551\"", "\"HostPort\":\"0\"");
    let refused = r#"{"message":"driver failed programming external connectivity"}"#;
    let recorded = Recorded::new()
        .answer("GET /containers/c1/json", 200, stopped)
        .answer("POST /containers/c1/start", 500, refused)
        .serve()
        .await;
    let error = recorded.engine().start("c1").await.unwrap_err();
    let EngineError::PortTaken { address, holder, .. } = &error else { panic!("{error}") };
    assert_eq!(*address, taken);
    assert!(holder.as_ref().unwrap().contains(&std::process::id().to_string()), "{holder:?}");
}

#[tokio::test]
async fn full_disk_is_recognised_by_its_free_space() {
    // That file system is always full.
    let recorded = Recorded::new()
        .answer("GET /info", 200, r#"{"ID":"A","DockerRootDir":"/proc"}"#)
        .answer("POST /containers/c1/start", 500, r#"{"message":"anything at all"}"#)
        .serve()
        .await;
    let error = recorded.engine().start("c1").await.unwrap_err();
    assert!(matches!(&error, EngineError::NoSpace { free: 0, .. }), "{error}");
    let why = "cannot start container c1: 0 B are left where the Docker engine keeps its data, /proc";
    assert_eq!(error.to_string(), why);
}

#[test]
fn paused_container_is_not_called_stopped() {
    let of = |running: bool, paused: bool| {
        let text = format!(r#"{{"Name": "/a", "State": {{"Running": {running}, "Paused": {paused}}}}}"#);
        let inspected: bollard::models::ContainerInspectResponse = serde_json::from_str(&text).unwrap();
        let container = Container::from(inspected);
        (container.idle(&container.name), container.starting())
    };
    assert_eq!(of(true, false), (None, "start"));
    assert_eq!(of(false, false), (Some("a is stopped".to_owned()), "start"));
    let paused = "a is paused (`docker unpause a` resumes it)";
    assert_eq!(of(true, true), (Some(paused.to_owned()), "resume"));
}
