//! k3d's environment, version, steps and remains.

use super::*;
use crate::{
    docker::{Cgroups, recorded::Recorded},
    local::{
        ExtraConfig, Mapping, Mark,
        fake::{Fake, engine_without_containers},
    },
};

#[test]
fn steps_of_k3d_have_no_colours_and_seconds() {
    let line = "\u{1b}[36mINFO\u{1b}[0m[0003] Starting node 'k3d-a-server-0'               ";
    assert_eq!(step(line).as_deref(), Some("Starting node 'k3d-a-server-0'"));
    assert_eq!(step("INFO[0000] Prep: Network").as_deref(), Some("Prep: Network"));
    assert_eq!(step("\u{1b}[31mFATA\u{1b}[0m[0000] Failed to create cluster"), None);
    assert_eq!(step("kubectl cluster-info"), None);
}

#[test]
fn lines_before_commands_of_k3d_are_not_steps() {
    let line = "INFO[0021] You can now use it like this:       ";
    assert_eq!(step(line), None);
    let colon_inside = "INFO[0000] Prep: Network: k3d-a";
    assert_eq!(step(colon_inside).as_deref(), Some("Prep: Network: k3d-a"));
}

#[tokio::test]
async fn version_before_5_6_is_too_old() {
    async fn said(script: &str) -> Result<String, ClusterError> {
        let fake = Fake::new("k3d", script).await;
        version(&fake.surroundings([])).await
    }
    assert_eq!(said(r#"echo '{"k3d":"v5.8.3","k3s":"v1.31.5-k3s1"}'"#).await.unwrap(), "v5.8.3");
    assert_eq!(said(r#"echo '{"k3d":"v5-dev","k3s":"latest"}'"#).await.unwrap(), "v5-dev");
    let old = "[ $# = 1 ] || { echo 'unknown shorthand flag' >&2; exit 1; }; echo 'k3d version v5.4.6'; echo 'k3s version v1.24'";
    for (script, found) in [(r#"echo '{"k3d":"v5.5.2","k3s":"v1.27"}'"#, "v5.5.2"), (old, "v5.4.6")] {
        let error = said(script).await.unwrap_err();
        assert!(matches!(error, ClusterError::TooOld { program: "k3d", .. }), "{error}");
        let start = format!("k3d is version {found}; devplat needs 5.6.0 or later");
        assert!(error.to_string().starts_with(&start), "{error}");
    }
}

#[tokio::test]
async fn version_of_k3d_is_read_without_an_engine() {
    let fake = Fake::new("k3d", r#"env; echo '{"k3d":"v5.8.3","k3s":"v1.31.5-k3s1"}'"#).await;
    let silent = [("DOCKER_HOST", "tcp://192.0.2.7:2375"), ("DOCKER_CONTEXT", "far")];
    assert_eq!(version(&fake.surroundings(silent)).await.unwrap(), "v5.8.3");
    let environment = fake.environment();
    assert_eq!(environment["DOCKER_HOST"], NO_ENGINE);
    assert!(!environment.contains_key("DOCKER_CONTEXT"), "{environment:?}");
}

#[tokio::test]
async fn k3d_that_does_not_run_is_not_called_old() {
    let fake = Fake::new("k3d", "echo 'No version is set for command k3d' >&2; exit 126").await;
    let error = version(&fake.surroundings([])).await.unwrap_err();
    assert!(matches!(error, ClusterError::Tool(_)), "{error}");
    assert!(error.to_string().ends_with("exit status 126: No version is set for command k3d"), "{error}");
}

fn owner() -> Mark {
    Mark { platform: "team-a".to_owned(), account: None }
}

fn creation(owner: &Mark) -> K3dCreation<'_> {
    K3dCreation {
        name: "team-a",
        network: "devplat-team-a",
        image: "rancher/k3s:v1.34.3-k3s1",
        cgroups: Cgroups::V2,
        api_port: None,
        mappings: &[],
        servers: 1,
        agents: 0,
        direct: &[],
        owner,
        extra: None,
        registries: None,
    }
}

#[tokio::test]
async fn variables_of_the_shell_do_not_reach_k3d() {
    let script = "env; cat \"$5\" > \"$(dirname \"$0\")/config\"; printf 'INFO[0000] Prep: Network\\n'";
    let fake = Fake::new("k3d", script).await;
    let surroundings = fake.surroundings([
        ("K3D_CONFIG", "/home/ada/k3d.yaml"),
        ("K3D_FIX_DNS", "0"),
        ("LOG_LEVEL", "error"),
        ("KUBECONFIG", "/home/ada/.kube/config"),
        ("DOCKER_HOST", "tcp://10.9.0.2:2375"),
        ("DOCKER_SOCK", "/run/other.sock"),
    ]);
    let engine = engine_without_containers().await;
    let (kubeconfig, folder) = (fake.folder().join("kubeconfig"), fake.folder().join("xdg"));
    let k3d = K3dCommand::new(engine.engine(), &surroundings, &kubeconfig, &folder)
        .with_tools_image("devplat/k3d-tools");
    let mut steps = Vec::new();
    k3d.create(&creation(&owner()), |step| steps.push(step.to_owned()), async {}).await.unwrap();
    assert_eq!(steps, ["Prep: Network"]);
    let seen = fake.environment();
    let get = |name: &str| seen.get(name).map(String::as_str);
    assert_eq!((get("K3D_CONFIG"), get("K3D_FIX_DNS"), get("LOG_LEVEL")), (None, None, None));
    assert_eq!(get("K3D_IMAGE_TOOLS"), Some("devplat/k3d-tools"));
    assert_eq!((get("KUBECONFIG"), get("XDG_CONFIG_HOME")), (kubeconfig.to_str(), folder.to_str()));
    assert_eq!(get("TMPDIR"), folder.to_str());
    assert_eq!(get("DOCKER_HOST"), Some(engine.engine().endpoint().as_str()));
    // The path is mounted into the tools container.
    assert_eq!(get("DOCKER_SOCK"), engine.engine().endpoint().strip_prefix("unix://"));
    let config = std::fs::read_to_string(fake.folder().join("config")).unwrap();
    assert!(config.contains("k3d.io/v1alpha5"), "{config}");
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "the configuration is deleted again");
}

#[tokio::test]
async fn servers_and_agents_are_created_with_ports_on_the_first_server() {
    let script =
        "folder=$(dirname \"$0\"); echo \"$*\" > \"$folder/arguments\"; cat \"$5\" > \"$folder/config\"";
    let fake = Fake::new("k3d", script).await;
    let surroundings = fake.surroundings([]);
    let engine = engine_without_containers().await;
    let (kubeconfig, folder) = (fake.folder().join("kubeconfig"), fake.folder().join("xdg"));
    let owner = owner();
    let mappings = [Mapping { address: "127.0.0.1".parse().unwrap(), host_port: 2222, node_port: 30022 }];
    let creation =
        K3dCreation { api_port: Some(6550), mappings: &mappings, servers: 3, agents: 2, ..creation(&owner) };
    let k3d = K3dCommand::new(engine.engine(), &surroundings, &kubeconfig, &folder);
    k3d.create(&creation, |_| {}, async {}).await.unwrap();
    let written = |name: &str| std::fs::read_to_string(fake.folder().join(name)).unwrap();
    let arguments = written("arguments");
    assert!(arguments.starts_with("cluster create team-a --config /"), "{arguments}");
    let config: serde_json::Value = serde_saphyr::from_str(&written("config")).unwrap();
    assert_eq!((config["servers"].as_u64(), config["agents"].as_u64()), (Some(3), Some(2)), "{config:#}");
    assert_eq!(config["kubeAPI"]["hostPort"], "6550");
    let ports = serde_json::json!([{"port": "127.0.0.1:2222:30022", "nodeFilters": ["server:0:direct"]}]);
    assert_eq!(config["ports"], ports);
}

#[tokio::test]
async fn nodes_reach_each_other_and_the_registry_without_the_proxy() {
    let fake = Fake::new("k3d", "cat \"$5\" > \"$(dirname \"$0\")/config\"").await;
    let surroundings =
        fake.surroundings([("HTTPS_PROXY", "http://127.0.0.1:3128"), ("NO_PROXY", "localhost")]);
    let engine = engine_without_containers().await;
    let (kubeconfig, folder) = (fake.folder().join("kubeconfig"), fake.folder().join("xdg"));
    let (owner, direct) = (owner(), ["devplat-team-a-registry".to_owned()]);
    let theirs = "options: {k3s: {extraArgs: [{arg: '--cluster-cidr=10.1.0.0/16', nodeFilters: ['server:*']}, \
                  {arg: '--service-cidr=10.2.0.0/16', nodeFilters: ['server:*']}]}}";
    let extra = ExtraConfig { path: "k3d.yaml".as_ref(), text: theirs };
    let creation =
        K3dCreation { servers: 2, agents: 1, direct: &direct, extra: Some(extra), ..creation(&owner) };
    let k3d = K3dCommand::new(engine.engine(), &surroundings, &kubeconfig, &folder);
    k3d.create(&creation, |_| {}, async {}).await.unwrap();
    let config = std::fs::read_to_string(fake.folder().join("config")).unwrap();
    let config: serde_json::Value = serde_saphyr::from_str(&config).unwrap();
    let env = config["env"].as_array().unwrap();
    let variables: Vec<&str> = env.iter().map(|one| one["envVar"].as_str().unwrap()).collect();
    let hosts = "localhost,10.42.0.0/16,10.43.0.0/16,10.1.0.0/16,10.2.0.0/16,172.18.0.0/16,.svc,\
                 .svc.cluster.local,k3d-team-a-server-0,k3d-team-a-server-1,k3d-team-a-agent-0,\
                 devplat-team-a-registry";
    let proxy = "HTTPS_PROXY=http://127.0.0.1:3128".to_owned();
    assert_eq!(variables, [proxy, format!("NO_PROXY={hosts}"), format!("no_proxy={hosts}")]);
}

#[tokio::test]
async fn taken_port_in_the_users_file_is_reported() {
    let fake = Fake::new("k3d", "echo 'FATA[0003] anything at all' >&2; exit 1").await;
    let surroundings = fake.surroundings([]);
    // An engine with the image.
    let image = "GET /images/rancher/k3s:v1.34.3-k3s1/json";
    let engine = Recorded::new()
        .answer("GET /containers/json", 200, "[]")
        .answer(image, 200, r#"{"Id":"sha256:1"}"#)
        .answer("GET /info", 200, r#"{"ID":"E1","DockerRootDir":"/","CgroupVersion":"2"}"#)
        .serve()
        .await;
    let (kubeconfig, folder) = (fake.folder().join("kubeconfig"), fake.folder().join("xdg"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap();
    let theirs = format!("ports: [{{port: '{taken}:80', nodeFilters: ['server:0:direct']}}]");
    let extra = ExtraConfig { path: "k3d.yaml".as_ref(), text: &theirs };
    let owner = owner();
    let creation = K3dCreation { extra: Some(extra), ..creation(&owner) };
    let k3d = K3dCommand::new(engine.engine(), &surroundings, &kubeconfig, &folder);
    let error = k3d.create(&creation, |_| {}, async {}).await.unwrap_err();
    let ClusterError::PortTaken { port, holder, .. } = &error else { panic!("{error}") };
    assert_eq!(*port, taken.port());
    assert!(holder.as_ref().unwrap().contains(&std::process::id().to_string()), "{holder:?}");
}

#[tokio::test]
async fn failed_deletion_is_repeated() {
    let script = "calls=\"$(dirname \"$0\")/calls\"; echo \"$*\" >> \"$calls\"\n\
                  [ $(wc -l < \"$calls\") -gt 1 ] || { echo 'FATA[0000] removal is in progress' >&2; exit 1; }";
    let fake = Fake::new("k3d", script).await;
    let surroundings = fake.surroundings([]);
    let engine = engine_without_containers().await;
    let (kubeconfig, folder) = (fake.folder().join("kubeconfig"), fake.folder().join("xdg"));
    let k3d = K3dCommand::new(engine.engine(), &surroundings, &kubeconfig, &folder);
    k3d.delete("team-a").await.unwrap();
    let calls = std::fs::read_to_string(fake.folder().join("calls")).unwrap();
    assert_eq!(calls, "cluster delete team-a\n".repeat(2));
}

/// Returns an engine in which `k3d cluster create` was killed after it had created its tools container.
fn interrupted() -> Recorded {
    Recorded::new()
        .answer("GET /containers/json", 200, "[]")
        .answer(
            "GET /containers/k3d-team-a-tools/json",
            200,
            r#"{"Id":"t1","Name":"/k3d-team-a-tools","Config":{"Labels":{"app":"k3d"}}}"#,
        )
        .answer(
            "GET /volumes/k3d-team-a-images",
            200,
            r#"{"Name":"k3d-team-a-images","Driver":"local","Mountpoint":"/v","Labels":{"app":"k3d","k3d.cluster":"team-a"},"Scope":"local","Options":null}"#,
        )
        .answer("GET /networks/k3d-team-a", 200, r#"{"Name":"k3d-team-a","Id":"n1","Labels":{"app":"k3d"}}"#)
        .answer("DELETE /", 204, "")
}

#[tokio::test]
async fn remains_of_an_interrupted_create_are_found_and_deleted() {
    let recorded = interrupted().serve().await;
    let engine = recorded.engine();
    let remains = K3dRemains::of(engine, "team-a").await.unwrap();
    assert!(!remains.is_empty());
    for remain in remains.in_order() {
        remain.remove(engine).await.unwrap();
    }
    let deleted: Vec<String> =
        recorded.requests().into_iter().filter(|request| request.starts_with("DELETE")).collect();
    assert_eq!(
        deleted,
        [
            "DELETE /containers/t1?v=true&force=true&link=false",
            "DELETE /volumes/k3d-team-a-images",
            "DELETE /networks/n1"
        ]
    );
}

#[tokio::test]
async fn tools_container_with_the_label_of_the_cluster_is_found_once() {
    let tools =
        r#"{"Id":"t1","Name":"/k3d-team-a-tools","Config":{"Labels":{"app":"k3d","k3d.cluster":"team-a"}}}"#;
    let recorded = Recorded::new()
        .answer("GET /containers/json", 200, r#"[{"Id":"t1"}]"#)
        .answer("GET /containers/t1/json", 200, tools)
        .answer("GET /containers/k3d-team-a-tools/json", 200, tools)
        .serve()
        .await;
    let remains = K3dRemains::of(recorded.engine(), "team-a").await.unwrap();
    assert_eq!(remains.in_order().iter().map(Remain::id).collect::<Vec<_>>(), ["t1"]);
}

#[tokio::test]
async fn foreign_network_and_volume_with_k3ds_names_are_not_remains() {
    let recorded = Recorded::new()
        .answer("GET /containers/json", 200, "[]")
        .answer("GET /networks/k3d-team-a", 200, r#"{"Name":"k3d-team-a","Id":"n1","Labels":{}}"#)
        .serve()
        .await;
    assert!(K3dRemains::of(recorded.engine(), "team-a").await.unwrap().is_empty());
}
