//! Limits of the machine, of the account and of the process that are too low.

use std::fs;

use devplat_tool::{Command, Surroundings};
use serde_json::{Value, json};

use crate::{
    answers::{Serving, engine},
    machine::{Machine, run},
    owner::open_folder,
    trouble::{kind_node, list},
};

/// Returns the exit status and the last lines of devplat with these soft and hard limits of open files.
async fn with_files(limits: &str, args: &[&str], machine: &Machine, engine: &Serving) -> (i32, String) {
    let script = format!("exec prlimit --nofile={limits} \"$@\"");
    run(machine.in_shell(&script, args, &[("DOCKER_HOST", &engine.address)])).await
}

#[tokio::test]
async fn plan_and_status_need_64_open_files() {
    let (machine, engine) = (Machine::new(), engine());
    machine.local_programs().await;
    machine.remember(&json!({"profile": "kind", "set": ["devServers.image=registry.example/dev:1"],
        "place": {"in": "engine", "id": engine.id, "endpoint": engine.address}}));
    for verb in ["plan", "status"] {
        let (status, said) = with_files("64:64", &[verb], &machine, &engine).await;
        assert_eq!(status, 0, "{verb}: {said}");
        let (status, said) = with_files("20:20", &[verb], &machine, &engine).await;
        assert_eq!(status, 3, "{verb}: {said}");
        assert!(said.contains("error: devplat may open 20 files, and needs 64\n"), "{verb}: {said}");
        assert!(said.contains("hint: allow more open files than 20: `ulimit -n 4096`"), "{verb}: {said}");
    }
}

/// A kubectl that shows the limit which it inherits.
#[tokio::test]
async fn programs_that_devplat_starts_have_a_raised_limit_of_open_files() {
    let (machine, engine) = (Machine::new(), engine());
    machine.program("kubectl", "ulimit -n").await;
    let out = machine.at("out");
    let script = format!("prlimit --nofile=64:1024 \"$@\" > '{}' || true", out.display());
    let doctor = machine.in_shell(&script, &["doctor", "-o", "json"], &[("DOCKER_HOST", &engine.address)]);
    let (_, said) = run(doctor).await;
    let text = fs::read_to_string(out).unwrap();
    let findings: Value = serde_json::from_str(text.lines().next().unwrap_or_default()).unwrap();
    let rows = findings.as_array().unwrap();
    let kubectl = rows.iter().find(|row| row["name"] == "kubectl").unwrap_or_else(|| panic!("{findings:#}"));
    assert_eq!(kubectl["has"], "1024", "{findings:#}{said}");
}

#[tokio::test]
async fn account_that_may_start_no_thread_is_reported_with_its_limit() {
    let folder = open_folder().await;
    let shell = Surroundings::new([("PATH", "/usr/bin:/bin")], None);
    // The limit does not hold for root.
    let limited = if rustix::process::geteuid().is_root() {
        let nobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups", "--", "prlimit"];
        Command::new("setpriv", &shell).args(nobody)
    } else {
        Command::new("prlimit", &shell)
    };
    let doctor = limited.arg("--nproc=1").arg(folder.path().join("devplat").into_os_string()).arg("doctor");
    let home = folder.path().as_os_str();
    let (status, said) = run(doctor.env("HOME", home).folder(folder.path())).await;
    assert_eq!(status, 3, "{said}");
    assert!(said.contains("error: cannot start 8 threads\n"), "{said}");
    assert!(said.contains("hint: end some processes of this account"), "{said}");
    assert!(said.contains("or allow more than 1: `ulimit -u 4096`"), "{said}");
}

/// A kind whose node ends, as with too few inotify instances. It waits in between until the test writes to `go`.
const KIND: &str = r#"case "$1 $2" in
'version -q') echo 0.31.0 ;;
'create cluster')
    echo "$*" > "$FOLDER/arguments"; cat > "$FOLDER/config"
    mkfifo "$FOLDER/go"; touch "$FOLDER/begun"; cat "$FOLDER/go"
    echo 'ERROR: failed to create cluster: could not find a log line that matches "Reached target"' >&2; exit 1 ;;
'delete cluster') touch "$FOLDER/deleted" ;;
esac"#;
const UP: [&str; 6] = [
    "up",
    "--yes",
    "--profile",
    "kind",
    "--set=images.delivery=nodes",
    "--set=devServers.image=registry.example/dev:1",
];

#[tokio::test]
async fn log_of_the_node_is_the_reason_why_kind_failed() {
    let (machine, engine) = (Machine::new(), engine());
    machine.program("kind", &KIND.replace("$FOLDER", &machine.at("work").display().to_string())).await;
    machine.program("docker", "exit 1").await;
    engine.answers.give("POST /networks/create", 201, &json!({"Id": "n1", "Warning": ""}));
    let running = machine.start_with(&UP, &[("DOCKER_HOST", &engine.address)]).await;
    let (begun, go) = (machine.at("work/begun"), machine.at("work/go"));
    machine.until(|| begun.exists()).await;
    // The node has the marks that the configuration gives it.
    let config = fs::read_to_string(machine.at("work/config")).unwrap();
    let marks: Vec<&str> = config
        .lines()
        .filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("containerPath: "))
        .collect();
    let (name, mut node) = kind_node(&marks);
    node["State"] = json!({"Running": false, "ExitCode": 255, "StartedAt": "2026-01-01T00:00:00Z"});
    list(&engine, "io.x-k8s.kind.cluster=devplat", &[(name, node)]);
    let line = "Failed to create control group inotify object: Too many open files";
    let log = format!("\u{1b}[1msystemd 252 running\u{1b}[0m\r\n{line}\r\nExiting PID 1...\r\n");
    engine.answers.give_text(&format!("GET /containers/{name}/logs"), &log);
    tokio::task::spawn_blocking(move || fs::write(go, "")).await.unwrap().unwrap();
    let (status, said) = running.ended().await;
    assert_eq!(status, 3, "{said}");
    assert!(
        said.contains(&format!("cannot create cluster devplat: node {name} reached the limit of ")),
        "{said}"
    );
    assert!(said.contains(&format!(" inotify instances: {line}\n")), "{said}");
    assert!(said.contains("hint: allow more: `sudo sysctl fs.inotify.max_user_instances="), "{said}");
    assert!(said.contains("/etc/sysctl.d/90-devplat.conf"), "{said}");
    let arguments = fs::read_to_string(machine.at("work/arguments")).unwrap();
    assert!(arguments.split_whitespace().any(|argument| argument == "--retain"), "{arguments}");
    assert!(machine.at("work/deleted").exists(), "the node is left: {said}");
}
