//! The effect of the user's shell, files and folders on devplat.

use std::fs;

use serde_json::{Value, json};

use crate::{
    answers::{api_server, engine, kubeconfig},
    machine::{Machine, run},
};

/// An address without a server.
const DEAD: &str = "http://127.0.0.1:9";

#[tokio::test]
async fn connections_to_a_local_api_server_use_no_proxy() {
    let (machine, server) = (Machine::new(), api_server("u1").await);
    machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let command = names
        .iter()
        .fold(machine.devplat(&["status", "--context", "there"]), |command, name| command.env(*name, DEAD));
    let (_, said) = run(command).await;
    assert!(!said.contains("proxy") && !said.contains(DEAD), "{said}");
    server.answers.asked("GET /api/v1/namespaces").await;
}

#[tokio::test]
async fn read_only_verbs_do_not_change_the_home_folder() {
    let (machine, engine, server) = (Machine::new(), engine(), api_server("u1").await);
    machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
    machine.write("home/.ssh/config", "Host mine\n");
    machine.remember(&json!({"profile": "kind",
        "place": {"in": "engine", "id": engine.id, "endpoint": engine.address}}));
    let before = machine.home();
    // The kubectl of some cloud providers does this with any arguments.
    machine
        .program(
            "kubectl",
            "[ -s \"${KUBECONFIG:-$HOME/.kube/config}\" ] && : > \"$HOME/.kube/cache\"; echo v1",
        )
        .await;
    for args in [
        &["plan"][..],
        &["status"],
        &["doctor"],
        &["render"],
        &["profiles", "list"],
        &["plan", "--name", "other", "--profile", "kind"],
        &["status", "--name", "other"],
        &["status", "--name", "other", "--context", "there"],
    ] {
        let (_, said) = run(machine.devplat(args).env("DOCKER_HOST", &engine.address)).await;
        assert_eq!(machine.home(), before, "{args:?}: {said}");
    }
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn json_of_read_only_verbs_is_one_line_without_colours() {
    let (machine, engine) = (Machine::new(), engine());
    for args in [
        &["profiles", "list", "-o", "json"][..],
        &["plan", "--profile", "kind", "-o", "json"],
        &["status", "-o", "json"],
        &["doctor", "-o", "json"],
        &["version", "-o", "json"],
    ] {
        let all = machine.all_output(args, &[("DOCKER_HOST", &engine.address)]).await;
        let lines: Vec<&str> = all.stdout.lines().collect();
        assert!(!lines.is_empty(), "{args:?}: {}", all.stderr);
        for line in lines {
            let value: Result<Value, _> = serde_json::from_str(line);
            assert!(value.is_ok(), "{args:?}: {line}");
        }
    }
}

#[tokio::test]
async fn log_into_a_pipe_has_no_colours() {
    let (machine, engine) = (Machine::new(), engine());
    let all = machine.all_output(&["doctor", "-v"], &[("DOCKER_HOST", &engine.address)]).await;
    assert!(all.stderr.contains("kubectl"), "{}", all.stderr);
    assert!(!all.stderr.contains('\u{1b}') && !all.stdout.contains('\u{1b}'), "{}", all.stderr);
}

#[tokio::test]
async fn failed_login_quotes_the_plugin_after_one_try() {
    let (machine, server) = (Machine::new(), api_server("u1").await);
    let calls = machine.at("calls");
    machine
        .program(
            "log-in",
            &format!("echo x >> '{}'; echo 'no ticket: run kinit' >&2; exit 3", calls.display()),
        )
        .await;
    let exec = json!({"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": "log-in",
        "interactiveMode": "Never"}});
    machine.write("home/.kube/config", &kubeconfig(&server.address, &exec));
    let (status, said) = run(machine.devplat(&["destroy", "--yes", "--context", "there"])).await;
    assert_eq!(status, 3, "{said}");
    assert!(said.contains("no ticket: run kinit"), "{said}");
    for debug in ["ExitStatus", "AuthExec", "stdout:", "Some("] {
        assert!(!said.contains(debug), "{said}");
    }
    assert_eq!(fs::read_to_string(calls).unwrap().lines().count(), 1, "{said}");
}

#[tokio::test]
async fn broken_kubeconfig_blocks_only_existing_clusters() {
    let (machine, engine) = (Machine::new(), engine());
    machine.write("home/.kube/config", "contexts: [\n");
    let of = |args: &[&str]| machine.devplat(args).env("DOCKER_HOST", &engine.address);
    let (status, said) = run(of(&["plan", "--profile", "kind"])).await;
    assert_eq!(status, 0, "{said}");
    let (status, said) = run(of(&["plan", "--profile", "existing", "--context", "there"])).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains(".kube/config"), "{said}");
}

#[tokio::test]
async fn profile_is_remembered_without_its_file_and_folder() {
    let (machine, engine) = (Machine::new(), engine());
    let file = machine.write("work/team.yaml", "extends: kind\noperator:\n  replicas: 3\n");
    machine.remember(&json!({
        "profile": file, "profileText": fs::read_to_string(&file).unwrap(),
        "place": {"in": "engine", "id": engine.id, "endpoint": engine.address}
    }));
    let of = |args: &[&str]| machine.devplat(args).env("DOCKER_HOST", &engine.address);
    for gone in [false, true] {
        if gone {
            fs::remove_file(&file).unwrap();
        }
        let shown = of(&["plan", "--output", "json"]).folder(&machine.at("home")).run().await.unwrap();
        assert!(shown.stdout.contains("cluster"), "{}", shown.stdout);
    }
}

#[tokio::test]
async fn templates_are_remembered_without_their_folder() {
    let machine = Machine::new();
    machine.remember(&json!({
        "profile": "kind",
        "templates": {"example/devserver.yaml.hbs": "kind: DevServer\nmetadata: {name: of-the-team}\n"}
    }));
    let shown = machine.devplat(&["render", "example"]).run().await.unwrap();
    assert!(shown.stdout.contains("of-the-team"), "{shown:?}");
    fs::create_dir(machine.at("none")).unwrap();
    let none = machine.at("none").display().to_string();
    let shown = machine.devplat(&["render", "example", "--templates", &none]).run().await.unwrap();
    assert!(shown.stdout.contains("kind: DevServer"), "{shown:?}");
    assert!(!shown.stdout.contains("of-the-team"), "an empty folder brings back devplat's own: {shown:?}");
}

#[tokio::test]
async fn profile_from_standard_input_is_read_once() {
    let (machine, engine) = (Machine::new(), engine());
    let of = |args: &[&str]| machine.devplat(args).env("DOCKER_HOST", &engine.address);
    let plan = of(&["plan", "--profile", "-"]).stdin("extends: kind\nbastion:\n  replicas: 1\n");
    let (status, said) = run(plan).await;
    assert_eq!(status, 0, "{said}");
    let (status, said) = run(of(&["plan", "--profile", "-"]).stdin(vec![b'x'; 20 << 20])).await;
    assert_eq!(status, 2, "{said}");
    let (status, said) = run(of(&["plan", "--profile", "-"]).stdin(b"caf\xe9: 1\n".to_vec())).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("not UTF-8"), "{said}");
}

#[tokio::test]
async fn hints_repeat_the_name_of_the_platform() {
    let (machine, engine) = (Machine::new(), engine());
    for args in [&["ssh-config", "--name", "team-a"][..], &["users", "list", "--name", "team-a"]] {
        let (status, said) = run(machine.devplat(args).env("DOCKER_HOST", &engine.address)).await;
        assert_ne!(status, 0, "{said}");
        let commands = said.split('`').skip(1).step_by(2).filter(|text| text.starts_with("devplat "));
        let mut any = false;
        for command in commands {
            assert!(command.contains("--name team-a"), "{args:?}: {said}");
            any = true;
        }
        assert!(any, "{args:?}: {said}");
    }
}

#[tokio::test]
async fn values_without_a_profile_are_refused_by_verbs_that_would_ignore_them() {
    let (machine, engine) = (Machine::new(), engine());
    for verb in [&["doctor"][..], &["destroy", "--yes"]] {
        let args = [verb, &["--set", "operator.replicas=2"]].concat();
        let (status, said) = run(machine.devplat(&args).env("DOCKER_HOST", &engine.address)).await;
        assert_eq!(status, 2, "{said}");
        assert!(said.contains("uses --set only with --profile"), "{said}");
    }
}
