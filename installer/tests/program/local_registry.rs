//! The platform's own registry: its container is started again, its image is pulled with the user's login, and a full disk
//! below it is reported.

use std::fs;

use serde_json::json;

use crate::{
    answers::{Serving, api_server, engine, network},
    dropped::{IMAGE, STATE},
    journal::{REGISTRY, running},
    machine::Machine,
    replaced::stopped,
    trouble::{K3D_THAT_FAILS, container, list, planned, with_engine},
};

const UP: [&str; 6] = [
    "up",
    "--profile",
    "k3d",
    "--yes",
    "--set=cluster.k3d.image=registry.example/k3s:1",
    "--set=images.local.image=registry.example/registry:1",
];

/// Runs `up` in a network that exists already, with a k3d that fails once `done` has ended.
async fn up(machine: &Machine, engine: &Serving, done: impl Future<Output = ()>) -> (i32, String) {
    let folder = machine.at("work").display().to_string();
    machine.program("k3d", &K3D_THAT_FAILS.replace("$FOLDER", &folder)).await;
    engine.answers.give_networks(&[network("n1", None)]);
    engine.answers.give("GET /images/registry.example/k3s:1/json", 200, &json!({"Id": "sha256:1"}));
    let args = [&UP[..], &[IMAGE]].concat();
    let running = machine.start_with(&args, &[("DOCKER_HOST", &engine.address)]).await;
    let (begun, go) = (machine.at("work/begun"), machine.at("work/go"));
    machine.until(|| begun.exists()).await;
    done.await;
    tokio::task::spawn_blocking(move || fs::write(go, "")).await.unwrap().unwrap();
    running.ended().await
}

fn inspection() -> String {
    format!("GET /containers/{REGISTRY}/json")
}

#[tokio::test]
async fn stopped_registry_is_started() {
    let (machine, engine, registry) = (Machine::new(), engine(), api_server("registry").await);
    registry.answers.give("GET /v2/ ", 200, &json!({}));
    engine.answers.give_networks(&[network("n1", None)]);
    let idle = stopped(running(&registry));
    engine.answers.give(&inspection(), 200, &idle);
    let plan = planned(&machine, &engine, &["--profile", "k3d", IMAGE]).await;
    assert!(plan.contains("\nlocal registry update it is stopped"), "{plan}");
    let start = format!("POST /containers/{REGISTRY}/start");
    engine.answers.give(&start, 204, &json!(null));
    let answered = async {
        engine.answers.asked(&start).await;
        assert_eq!(registry.answers.requests(), [""; 0]);
        engine.answers.give(&inspection(), 200, &running(&registry));
        registry.answers.asked("GET /v2/").await;
    };
    let (_, said) = up(&machine, &engine, answered).await;
    let changes = engine.answers.changes();
    assert!(changes.len() == 1 && changes[0].starts_with(&start), "{changes:?}: {said}");
}

/// Returns a machine and an engine with the platform's registry, which a user has renamed to `mine`, and the registry.
async fn renamed_registry() -> (Machine, Serving, Serving) {
    let (machine, engine, registry) = (Machine::new(), engine(), api_server("registry").await);
    registry.answers.give("GET /v2/ ", 200, &json!({}));
    engine.answers.give_networks(&[network("n1", None)]);
    let mut renamed = running(&registry);
    (renamed["Id"], renamed["Name"]) = (json!("mine"), json!("/mine"));
    list(&engine, "dev.devplat.platform=devplat", &[("mine", renamed)]);
    (machine, engine, registry)
}

#[tokio::test]
async fn renamed_registry_is_found_by_its_mark() {
    let (machine, engine, _registry) = renamed_registry().await;
    let plan = planned(&machine, &engine, &["--profile", "k3d", IMAGE]).await;
    let why = format!("container mine was renamed; `docker rename mine {REGISTRY}` gives its name back");
    assert!(plan.contains(&format!("\nlocal registry update {why}")), "{plan}");
    for request in ["DELETE /containers/", "DELETE /networks/n1"] {
        engine.answers.give(request, 204, &json!(null));
    }
    let (status, said) = with_engine(&machine, &engine, &["destroy", "--yes"]).await;
    let changes = engine.answers.changes();
    assert!(
        changes.iter().any(|change| change.starts_with("DELETE /containers/mine")),
        "{changes:?}: {said}"
    );
    assert!(status == 0 && said.contains("destroyed: local registry, network"), "{status}: {said}");
}

/// Otherwise, `up` would start and use the stranger's container.
#[tokio::test]
async fn renamed_registry_whose_name_a_stranger_has_is_blocked() {
    let (machine, engine, _registry) = renamed_registry().await;
    engine.answers.give(&inspection(), 200, &container(REGISTRY, &json!({}), &[], None));
    for args in [&["plan"][..], &["up", "--yes"]] {
        let args = [args, &["--profile", "k3d", IMAGE]].concat();
        let (status, said) = with_engine(&machine, &engine, &args).await;
        assert_eq!(status, 2, "{said}");
        let why = format!("another container has its name {REGISTRY}: rename or delete that one, then");
        assert!(said.contains(&why) && said.contains(&format!("`docker rename mine {REGISTRY}`")), "{said}");
    }
    // The plan is shown as well, with the steps that are not blocked.
    let plan = planned(&machine, &engine, &["--profile", "k3d", IMAGE]).await;
    assert!(plan.contains("\nlocal registry blocked local registry cannot be used"), "{plan}");
    assert!(plan.contains("\ncluster create absent"), "{plan}");
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn disconnected_registry_is_connected_again() {
    let (machine, engine, registry) = (Machine::new(), engine(), api_server("registry").await);
    machine.local_programs().await;
    engine.answers.give_networks(&[network("n1", None)]);
    let mut outside = running(&registry);
    outside["NetworkSettings"] = json!({});
    engine.answers.give(&inspection(), 200, &outside);
    let args = ["--profile", "k3d", IMAGE];
    let plan = planned(&machine, &engine, &args).await;
    let why = "it is not in network devplat-devplat";
    assert!(plan.contains(&format!("\nlocal registry update {why}")), "{plan}");
    let stop = format!("POST /containers/{REGISTRY}/stop");
    engine.answers.give(&stop, 204, &json!(null));
    let (_, said) = with_engine(&machine, &engine, &[&["up", "--yes"][..], &args].concat()).await;
    let changes = engine.answers.changes();
    let of = |beginning: &str| changes.iter().position(|change| change.starts_with(beginning));
    let (stopped, connected) = (of(&stop), of("POST /networks/devplat-devplat/connect"));
    assert!(stopped.is_some() && stopped < connected, "{changes:?}: {said}");
}

#[tokio::test]
async fn port_that_a_stopped_registry_needs_is_looked_at_in_the_plan() {
    let (machine, engine, registry) = (Machine::new(), engine(), api_server("registry").await);
    machine.local_programs().await;
    engine.answers.give_networks(&[network("n1", None)]);
    let mut idle = running(&registry);
    idle["HostConfig"]["PortBindings"] = idle["NetworkSettings"]["Ports"].clone();
    let idle = stopped(idle);
    engine.answers.give(&inspection(), 200, &idle);
    let (status, said) = with_engine(&machine, &engine, &["plan", "--profile", "k3d", IMAGE]).await;
    let address = registry.address.trim_start_matches("http://");
    assert_eq!(status, 3, "{said}");
    let why = format!("port {address} of this machine is taken by ");
    assert!(said.contains(&why) && said.contains(&std::process::id().to_string()), "{said}");
}

#[tokio::test]
async fn image_of_the_registry_is_pulled_with_the_users_login() {
    let (machine, engine) = (Machine::new(), engine());
    let config = json!({"credHelpers": {"registry.example": "kept"}});
    machine.write("home/.docker/config.json", &config.to_string());
    let asked = machine.at("work/asked");
    let answer = json!({"Username": "ada", "Secret": "s"});
    let helper = format!("cat > '{}'; echo '{answer}'", asked.display());
    machine.program("docker-credential-kept", &helper).await;
    let (_, said) = up(&machine, &engine, engine.answers.asked("POST /images/create?")).await;
    assert_eq!(fs::read_to_string(asked).ok().as_deref(), Some("registry.example"), "{said}");
}

#[tokio::test]
async fn image_of_the_registry_is_pulled_although_a_helper_is_absent() {
    let (machine, engine) = (Machine::new(), engine());
    machine.write("home/.docker/config.json", &json!({"credsStore": "absent"}).to_string());
    let (status, said) = up(&machine, &engine, engine.answers.asked("POST /images/create?")).await;
    assert_ne!(status, 0, "{said}");
}

#[tokio::test]
async fn push_to_a_registry_on_a_full_disk_reports_the_disk() {
    let (machine, engine, registry) = (Machine::new(), engine(), api_server("registry").await);
    // The file system at /proc is always full.
    let info = json!({"ID": engine.id, "DockerRootDir": "/proc", "CgroupVersion": "2"});
    engine.answers.give("GET /info", 200, &info);
    registry.answers.give("GET /v2/ ", 200, &json!({}));
    registry.answers.give("POST /v2/", 500, &json!({"errors": [{"code": "UNKNOWN", "message": "anything"}]}));
    engine.answers.give(&inspection(), 200, &running(&registry));
    let journal = machine.at(&format!("{STATE}/journal.jsonl"));
    let full = ": 0 B are left where the Docker engine keeps its data, /proc";
    let is_of_push = |line: &str| line.contains("cannot push image devplat-") && line.contains(full);
    let reported = || fs::read_to_string(&journal).is_ok_and(|text| text.lines().any(is_of_push));
    let (status, said) = up(&machine, &engine, machine.until(reported)).await;
    assert_eq!(status, 4, "{said}");
    assert!(said.contains("`docker system prune` deletes what is not used"), "{said}");
}
