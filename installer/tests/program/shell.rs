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
        &["list"],
        &["users", "list"],
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
        &["list", "-o", "json"],
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
async fn output_that_a_full_disk_loses_is_a_failure() {
    let (machine, engine) = (Machine::new(), engine());
    machine.local_programs().await;
    for args in [
        &["profiles", "list"][..],
        &["profiles", "schema"],
        &["plan", "--profile", "kind"],
        &["version"],
        &["completions", "bash"],
        &["man"],
        &["plan", "--profile", "kind", "--output", "json"],
        &["version", "-o", "json"],
        &["--help"],
        &["help"],
        &["up", "--help"],
        &["--version"],
    ] {
        let full = machine.in_shell("exec \"$@\" > /dev/full", args, &[("DOCKER_HOST", &engine.address)]);
        let (status, said) = run(full).await;
        assert_eq!(status, 4, "{args:?}: {said}");
        let message = "error: cannot write to standard output\n  because: No space left on device";
        assert!(said.contains(message), "{args:?}: {said}");
        // The reader of a pipe ends it on purpose.
        let closed = "{ \"$@\"; echo $? >&2; } | :";
        let closed = machine.in_shell(closed, args, &[("DOCKER_HOST", &engine.address)]);
        assert_eq!(run(closed).await, (0, "0\n".to_owned()), "{args:?}");
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
    machine.local_programs().await;
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
    machine.local_programs().await;
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
async fn variables_and_the_file_for_kind_are_remembered() {
    let (machine, engine) = (Machine::new(), engine());
    for program in ["kind", "docker"] {
        machine.program(program, "echo 0.31.0").await;
    }
    let file = machine.write("work/kind.yaml", "featureGates: {A: true}\n");
    machine.write("work/team.yaml", "extends: kind\ncluster:\n  kind:\n    configFile: kind.yaml\n");
    let of = |args: &[&str]| machine.devplat(args).env("DOCKER_HOST", &engine.address);
    let set = "--set=devServers.image=registry.example/dev:1";
    let up = of(&["up", "--yes", "--profile", "team.yaml", set]).env("DEVPLAT_OPERATOR_REPLICAS", "3");
    // The engine creates no network.
    let (status, said) = run(up).await;
    assert_eq!(status, 4, "{said}");
    let decisions =
        fs::read_to_string(machine.at("home/.local/state/devplat/devplat/decisions.json")).unwrap();
    let decisions: Value = serde_json::from_str(&decisions).unwrap();
    assert_eq!(decisions["variables"], json!({"DEVPLAT_OPERATOR_REPLICAS": "3"}));
    assert_eq!(decisions["forwardedPort"], 2222);
    assert_eq!(decisions["configFile"]["text"], "featureGates: {A: true}\n");
    fs::remove_file(&file).unwrap();
    for verb in ["plan", "status"] {
        let (status, said) = run(of(&[verb])).await;
        assert_eq!(status, 0, "{verb}: {said}");
        assert!(
            said.contains("kind.yaml no longer exists: using its text of the last `up`"),
            "{verb}: {said}"
        );
        assert!(said.contains("$DEVPLAT_OPERATOR_REPLICAS is not set now: using \"3\""), "{verb}: {said}");
    }
    // Another file is not replaced by the remembered one.
    let other = "--set=cluster.kind.configFile=other.yaml";
    let (status, said) = run(of(&["plan", other])).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("other.yaml, which the profile names as configFile"), "{said}");
}

/// Without the remembered variable, the first run would have chosen another delivery.
#[tokio::test]
async fn registry_in_a_variable_of_the_first_up_is_used_later() {
    let (machine, server) = (Machine::new(), api_server("u1").await);
    machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
    let mut decisions = json!({"profile": "existing", "context": "there",
        "set": ["devServers.image=registry.example/dev:1"],
        "place": {"in": "cluster", "uid": "u1", "server": server.address}});
    let no_registry = "reach the nodes of context \"there\"";
    machine.remember(&decisions);
    let (_, said) = run(machine.devplat(&["plan"])).await;
    assert!(said.contains(no_registry) && said.contains("only through a registry"), "{said}");
    decisions["variables"] = json!({"DEVPLAT_IMAGES_REGISTRY": "registry.example/team"});
    machine.remember(&decisions);
    let (_, said) = run(machine.devplat(&["plan"])).await;
    assert!(said.contains("$DEVPLAT_IMAGES_REGISTRY is not set now"), "{said}");
    assert!(!said.contains(no_registry), "{said}");
}

/// Nothing answers at the webhook's URL, which only the API server can know.
#[tokio::test]
async fn webhook_that_may_have_failed_a_new_user_is_named() {
    let (machine, server) = (Machine::new(), api_server("u1").await);
    machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAII6l2XCScHQ+kLqncIsU+a6w/OVqApjWlsuQ7QY4t32U alice\n";
    machine.write("work/alice.pub", key);
    let hook = json!({"name": "check.dead.example", "failurePolicy": "Fail", "sideEffects": "None",
        "admissionReviewVersions": ["v1"], "clientConfig": {"url": "https://127.0.0.1:9/check"},
        "rules": [{"apiGroups": ["*"], "apiVersions": ["*"], "resources": ["*"], "operations": ["*"]}]});
    let hooks = json!({"kind": "ValidatingWebhookConfigurationList", "metadata": {},
        "apiVersion": "admissionregistration.k8s.io/v1",
        "items": [{"metadata": {"name": "policy-dead"}, "webhooks": [hook]}]});
    let configurations = "GET /apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";
    server.answers.give(configurations, 200, &hooks);
    let failed = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "Internal error occurred", "reason": "InternalError", "code": 500});
    let absent = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "absent", "reason": "NotFound", "code": 404});
    server.answers.give("GET /apis/apps.devservers.io/v1/devusers/alice", 404, &absent);
    server.answers.give("PATCH /apis/apps.devservers.io/v1/devusers/alice", 500, &failed);
    let add = ["users", "add", "alice", "--key", "alice.pub", "--context", "there"];
    let (status, said) = run(machine.devplat(&add)).await;
    assert_eq!(status, 4, "{said}");
    let why = "webhook check.dead.example of ValidatingWebhookConfiguration policy-dead calls \
               https://127.0.0.1:9/check, which may not answer";
    assert!(said.contains("cannot apply DevUser alice") && said.contains(why), "{said}");
    let remedy = "or delete ValidatingWebhookConfiguration policy-dead if it is no longer needed";
    assert!(said.contains(remedy) && !said.contains("kubectl"), "{said}");
    assert!(!said.contains("overloaded"), "{said}");
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
    machine.local_programs().await;
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
