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
    trouble::{K3D_THAT_FAILS, list, planned, with_engine},
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
    let mut idle = stopped(running(&registry));
    idle["NetworkSettings"] = json!({});
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

#[tokio::test]
async fn renamed_registry_is_found_by_its_mark() {
    let (machine, engine, registry) = (Machine::new(), engine(), api_server("registry").await);
    registry.answers.give("GET /v2/ ", 200, &json!({}));
    engine.answers.give_networks(&[network("n1", None)]);
    let mut renamed = running(&registry);
    (renamed["Id"], renamed["Name"]) = (json!("mine"), json!("/mine"));
    list(&engine, "dev.devplat.platform=devplat", &[("mine", renamed)]);
    let plan = planned(&machine, &engine, &["--profile", "k3d", IMAGE]).await;
    assert!(plan.contains("\nlocal registry update it is named mine"), "{plan}");
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
