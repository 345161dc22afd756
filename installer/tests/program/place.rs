//! The place of a platform: a search in another place must not count as a destroyed platform.

use std::{fs, time::Duration};

use serde_json::{Value, json};

use crate::{
    account::{output, server_of_another_account},
    answers::{Serving, api_server, engine, kubeconfig},
    machine::{Machine, run},
    trouble::{K3D, with_engine},
};

/// Returns the decisions of a platform with profile kind in the engine `id`.
fn in_engine(id: &str) -> Value {
    json!({"profile": "kind", "place": {"in": "engine", "id": id, "endpoint": "unix:///run/old.sock"}})
}

/// Returns the decisions of a platform in the cluster with this UID and context `there`.
fn in_cluster(uid: &str) -> Value {
    json!({"profile": "existing", "context": "there",
        "place": {"in": "cluster", "uid": uid, "server": "https://old:6443"}})
}

/// The verbs that search for a platform or change it, and take a profile or, as `destroy`, need none.
const VERBS: [&[&str]; 4] = [&["status"], &["plan"], &["up", "--yes"], &["destroy", "--yes"]];
/// The verbs for a platform that exists.
const LATER: [&[&str]; 5] = [
    &["users", "list"],
    &["users", "add", "alice", "--key", "/etc/devplat-no-such-key.pub"],
    &["users", "remove", "alice", "--yes"],
    &["port-forward"],
    &["ssh-config", "--yes"],
];

/// A Docker engine that is not running.
const NO_ENGINE: &str = "unix:///nowhere/docker.sock";

#[tokio::test]
async fn destroy_without_a_platform_fails_with_the_searched_places() {
    let (machine, engine) = (Machine::new(), engine());
    let (status, said) = with_engine(&machine, &engine, &["destroy", "--yes"]).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("platform devplat is neither known nor found here"), "{said}");
    assert!(said.contains(".local/state/devplat/devplat") && said.contains(&engine.address), "{said}");
    assert_eq!(engine.answers.changes(), [""; 0]);
    assert!(machine.home().keys().all(|path| !path.ends_with("decisions.json")));
}

#[tokio::test]
async fn known_platforms_are_named_for_an_unknown_one() {
    let (machine, engine) = (Machine::new(), engine());
    let hint = |name: &str| format!("hint: if it has another name, add --name {name}\n");
    for (known, name) in [(None, "NAME"), (Some("team-a"), "team-a")] {
        if let Some(known) = known {
            let file = format!("home/.local/state/devplat/{known}/decisions.json");
            machine.write(&file, &json!({"profile": "kind"}).to_string());
        }
        let (status, said) = with_engine(&machine, &engine, &["destroy", "--yes"]).await;
        assert_eq!(status, 2, "{said}");
        assert!(format!("{said}\n").contains(&hint(name)), "{said}");
    }
}

#[tokio::test]
async fn list_names_the_file_that_cannot_be_read() {
    let (machine, engine) = (Machine::new(), engine());
    machine.write("home/.local/state/devplat/team-a/decisions.json", "{");
    let all = machine.all_output(&["list"], &[("DOCKER_HOST", &engine.address)]).await;
    assert!(all.stdout.contains("team-a  unreadable"), "{}", all.stdout);
    assert!(all.stderr.contains("/devplat/team-a/decisions.json"), "{}", all.stderr);
    let json = machine.all_output(&["list", "-o", "json"], &[("DOCKER_HOST", &engine.address)]).await;
    let json: Value = serde_json::from_str(&json.stdout).unwrap();
    let why = json["platforms"][0]["unreadable"].as_str().unwrap();
    assert!(why.contains("/devplat/team-a/decisions.json"), "{why}");
}

/// Returns an API server with the marks of the platform `devplat`.
async fn server_with_marks() -> Serving {
    let server = api_server("u1").await;
    server.answers.give(
        "GET /api/v1/namespaces?",
        200,
        &json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "items": [
            {"metadata": {"name": "devplat-system", "labels": {"devplat.dev/platform": "devplat"}}}
        ]}),
    );
    server
}

/// A second read of the pipe would wait for a writer.
#[tokio::test]
async fn contexts_are_searched_with_one_read_of_the_kubeconfig() {
    let (engine, server) = (engine(), server_with_marks().await);
    for args in [&["destroy", "--yes"][..], &["destroy", "--yes", "--profile", "existing"]] {
        let machine = Machine::new();
        machine.write("work/kubeconfig", &kubeconfig(&server.address, &json!({"token": "t"})));
        let script = r#"mkfifo pipe; cat kubeconfig > pipe & KUBECONFIG="$PWD/pipe" "$@""#;
        let command = machine.in_shell(script, args, &[("DOCKER_HOST", engine.address.as_str())]);
        let (status, said) = run(command.deadline(Duration::from_secs(20))).await;
        assert_eq!(status, 2, "{said}");
        assert!(said.contains("context there has its marks"), "{said}");
    }
}

#[tokio::test]
async fn context_with_marks_is_suggested_for_an_unknown_platform() {
    let (machine, engine, server) = (Machine::new(), engine(), server_with_marks().await);
    machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
    for args in [&["destroy", "--yes"][..], &["destroy", "--yes", "--profile", "existing"]] {
        let (status, said) = with_engine(&machine, &engine, args).await;
        assert_eq!(status, 2, "{said}");
        assert!(said.contains("context there has its marks"), "{said}");
        assert!(said.contains("devplat destroy") && said.contains("--context there"), "{said}");
    }
}

#[tokio::test]
async fn contexts_without_the_platform_are_named_with_those_that_do_not_answer() {
    let (engine, server) = (engine(), api_server("u1").await);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}", listener.local_addr().unwrap());
    for (address, place) in [
        (server.address.as_str(), "not found in context there"),
        ("http://127.0.0.1:1", "not searched: context there: "),
        (silent.as_str(), "not searched: context there: its cluster did not answer within 3 s"),
    ] {
        let machine = Machine::new();
        machine.write("home/.kube/config", &kubeconfig(address, &json!({"token": "t"})));
        for args in [&["destroy", "--yes"][..], &["status"]] {
            let (status, said) = with_engine(&machine, &engine, args).await;
            assert_eq!(status, 2, "{said}");
            assert!(said.contains(place), "{args:?}: {said}");
        }
    }
}

#[tokio::test]
async fn ssh_block_alone_is_not_a_platform() {
    let (machine, engine) = (Machine::new(), engine());
    let block = "# >>> devplat devplat: written by `devplat ssh-config`, removed by `devplat destroy`\n\
                 Include /x\n# <<< devplat devplat\nHost mine\n";
    let file = machine.write("home/.ssh/config", block);
    let (status, said) = with_engine(&machine, &engine, &["destroy", "--yes"]).await;
    assert_eq!(status, 2, "{said}");
    assert_eq!(fs::read_to_string(file).unwrap(), block);
}

#[tokio::test]
async fn every_verb_rejects_an_engine_with_another_id() {
    let (machine, engine) = (Machine::new(), engine());
    machine.remember(&in_engine("E1"));
    for args in VERBS.into_iter().chain(LATER) {
        let before = machine.home();
        let (status, said) = with_engine(&machine, &engine, args).await;
        assert_eq!(status, 2, "{args:?}: {said}");
        assert!(
            said.contains("was made in the Docker engine E1 at unix:///run/old.sock"),
            "{args:?}: {said}"
        );
        assert!(said.contains("--forget"), "{args:?}: {said}");
        assert_eq!(machine.home(), before, "{args:?}");
    }
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn every_verb_rejects_a_cluster_with_another_uid() {
    let (machine, server) = (Machine::new(), api_server("u2").await);
    machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
    machine.remember(&in_cluster("u1"));
    for args in VERBS.into_iter().chain(LATER) {
        let before = machine.home();
        let (status, said) = run(machine.devplat(args)).await;
        assert_eq!(status, 2, "{args:?}: {said}");
        assert!(said.contains("its namespace kube-system had UID u1"), "{args:?}: {said}");
        assert_eq!(machine.home(), before, "{args:?}");
    }
    let changes = server.answers.changes();
    assert!(changes.iter().all(|one| one.contains("selfsubjectaccessreviews")), "{changes:?}");
}

#[tokio::test]
async fn decisions_of_an_older_devplat_are_kept_if_nothing_is_found() {
    let (machine, engine) = (Machine::new(), engine());
    machine.remember(&json!({"profile": "kind", "context": null, "devServerImage": "debian"}));
    let key = machine.write("home/.local/state/devplat/devplat/ssh/demo.key", "private");
    let (status, said) = with_engine(&machine, &engine, &["destroy", "--yes"]).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("it is unknown where the platform was created"), "{said}");
    assert!(key.exists());
    let (status, said) = with_engine(&machine, &engine, &["destroy", "--forget", "--yes"]).await;
    assert_eq!(status, 0, "{said}");
    assert!(!key.exists());
}

#[tokio::test]
async fn platform_without_its_cluster_is_forgotten_not_destroyed() {
    let (machine, engine) = (Machine::new(), engine());
    machine.remember(&in_engine(&engine.id));
    let (status, said) = with_engine(&machine, &engine, &["destroy", "--yes"]).await;
    assert_eq!(status, 0, "{said}");
    assert!(said.contains("no resource of platform devplat was found"), "{said}");
    assert!(said.contains("deleted its state folder") && !said.contains("destroyed"), "{said}");
}

#[tokio::test]
async fn absent_context_is_reported_with_the_forget_flag() {
    let machine = Machine::new();
    machine.remember(&in_cluster("u1"));
    let (status, said) = run(machine.devplat(&["destroy", "--yes"])).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("there is no context \"there\"") && said.contains("--forget"), "{said}");
}

#[tokio::test]
async fn destroy_searches_the_cluster_of_the_file_without_docker() {
    let machine = Machine::new();
    let server = server_of_another_account(&machine).await;
    machine.write("work/ctx.yaml", "extends: existing\ncluster: {context: there}\n");
    for args in [&["--profile", "./ctx.yaml"][..], &["--context", "there"]] {
        let args = [&["destroy", "--yes"][..], args].concat();
        let (status, said) = run(machine.devplat(&args).env("DOCKER_HOST", NO_ENGINE)).await;
        assert_eq!(status, 2, "{args:?}: {said}");
        assert!(said.contains("as the cluster of context \"there\" records"), "{args:?}: {said}");
        assert!(!said.contains("Docker") && !said.contains("destroyed"), "{args:?}: {said}");
    }
    server.answers.asked("GET /api/v1/namespaces/devplat-system").await;
}

#[tokio::test]
async fn destroy_without_docker_reports_that_it_could_not_look_there() {
    let machine = Machine::new();
    let (status, said) = run(machine.devplat(&["destroy", "--yes"]).env("DOCKER_HOST", NO_ENGINE)).await;
    assert_eq!(status, 3, "{said}");
    assert!(said.contains("platform devplat is neither known nor found here"), "{said}");
    let place = format!("not searched: the Docker engine at {NO_ENGINE} is not running");
    assert!(said.contains(&place) && said.contains("hint: start it"), "{said}");
    assert!(!said.contains("not found in Docker engine"), "{said}");
}

#[tokio::test]
async fn engine_of_another_machine_is_refused_before_it_is_asked() {
    let machine = Machine::new();
    machine.remember(&in_engine("E1"));
    for args in VERBS.into_iter().chain(LATER) {
        let before = machine.home();
        // An address of documentation, which never answers.
        let (status, said) = run(machine.devplat(args).env("DOCKER_HOST", "tcp://192.0.2.7:2375")).await;
        assert_eq!(status, 2, "{args:?}: {said}");
        let why = "the Docker engine at tcp://192.0.2.7:2375 is on another machine";
        assert!(said.contains(why) && said.contains("hint: run devplat on that machine"), "{args:?}: {said}");
        assert_eq!(machine.home(), before, "{args:?}");
    }
}

#[tokio::test]
async fn engine_that_reports_another_host_is_remarked_before_the_first_step() {
    let (machine, engine) = (Machine::new(), engine());
    let info = json!({"ID": engine.id, "Name": "elsewhere", "DockerRootDir": "/", "CgroupVersion": "2"});
    engine.answers.give("GET /info", 200, &info);
    // It is too old, so `up` ends with the check.
    machine.program("k3d", r#"[ "$2" = -o ] && exit 1; echo 'k3d version v5.4.6'"#).await;
    for args in [&K3D[..], &["doctor", "--profile", "kind"]] {
        let said = output(&machine, &engine, args).await;
        assert!(said.contains("reports that it is on host elsewhere"), "{args:?}: {said}");
    }
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn profile_of_another_kind_of_cluster_is_refused() {
    let (machine, engine, server) = (Machine::new(), engine(), api_server("u1").await);
    machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
    let existing: &[&str] = &["--profile", "existing", "--context", "there"];
    let kind: &[&str] = &["--profile", "kind"];
    for (decisions, profile, why, hint) in [
        (
            in_engine(&engine.id),
            existing,
            "is in a cluster of its own in the Docker engine at unix:///run/old.sock",
            "hint: `devplat destroy` deletes that one first",
        ),
        (
            in_cluster("u1"),
            kind,
            "is installed in the cluster at https://old:6443",
            "hint: `devplat destroy` deletes it from there first",
        ),
    ] {
        machine.remember(&decisions);
        for verb in VERBS {
            let args = [verb, profile].concat();
            let before = machine.home();
            let (status, said) = with_engine(&machine, &engine, &args).await;
            assert_eq!(status, 2, "{args:?}: {said}");
            assert!(said.contains(why) && said.contains(hint), "{args:?}: {said}");
            assert_eq!(machine.home(), before, "{args:?}");
        }
    }
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn variables_of_a_service_named_devplat_do_not_end_a_verb() {
    let (machine, engine) = (Machine::new(), engine());
    let variables = [
        ("DEVPLAT_PORT", "tcp://10.96.0.7:22"),
        ("DEVPLAT_PORT_22_TCP", "tcp://10.96.0.7:22"),
        ("DEVPLAT_SERVICE_HOST", "10.96.0.7"),
    ];
    for (args, expected) in [(&["status", "--profile", "kind"][..], 0), (&["destroy", "--yes"], 2)] {
        let command = machine.devplat(args).env("DOCKER_HOST", &engine.address).envs(variables);
        let (status, said) = run(command).await;
        assert_eq!(status, expected, "{args:?}: {said}");
        assert!(!said.contains("mistake"), "{args:?}: {said}");
        // Nothing but the search ends destroy.
        assert_eq!(said.contains("neither known nor found here"), expected == 2, "{args:?}: {said}");
    }
}

/// `up` refuses it, so its plan and its manifests would not be those of `up`.
#[tokio::test]
async fn wrong_variable_ends_plan_and_render_but_not_status() {
    let (machine, engine) = (Machine::new(), engine());
    let image = "--set=devServers.image=registry.example/dev:1";
    for (name, value) in [("DEVPLAT_OPERATOR_REPLICA", "2"), ("DEVPLAT_OPERATOR_REPLICAS", "many")] {
        for (args, expected) in [
            (&["plan", "--profile", "kind", image][..], 2),
            (&["render", "--profile", "kind", "operator"], 2),
            (&["status", "--profile", "kind", image], 0),
        ] {
            let output = machine.devplat(args).env("DOCKER_HOST", &engine.address).env(name, value);
            let (status, said) = run(output).await;
            assert_eq!(status, expected, "{name}: {args:?}: {said}");
            assert!(said.contains(name), "{name}: {args:?}: {said}");
        }
    }
}

#[tokio::test]
async fn variables_of_a_docker_link_do_not_end_a_verb() {
    let (machine, engine) = (Machine::new(), engine());
    let variables = [
        ("DEVPLAT_NAME", "/web/devplat"),
        ("DEVPLAT_ENV_PATH", "/usr/bin:/bin"),
        ("DEVPLAT_PORT", "tcp://172.17.0.5:22"),
        ("DEVPLAT_PORT_22_TCP_START", "tcp://172.17.0.5:22"),
    ];
    for program in ["kind", "docker"] {
        machine.program(program, "echo 0.31.0").await;
    }
    let image = "--set=devServers.image=registry.example/dev:1";
    for (args, expected, remarked) in [
        (&["status", "--profile", "kind", image][..], 0, true),
        (&["plan", "--profile", "kind", image], 0, true),
        (&["profiles", "show", "kind"], 0, false),
        (&["destroy", "--yes"], 2, false),
        // The engine creates no network.
        (&["up", "--yes", "--profile", "kind", image], 4, false),
    ] {
        let command = machine.devplat(args).env("DOCKER_HOST", &engine.address).envs(variables);
        let (status, said) = run(command).await;
        assert_eq!(status, expected, "{args:?}: {said}");
        assert!(!said.contains("mistake") && !said.contains("DNS label"), "{args:?}: {said}");
        let remark = "$DEVPLAT_PORT_22_TCP_START come from a Docker link named devplat";
        assert!(said.contains(remark) || !remarked, "{args:?}: {said}");
    }
}

#[tokio::test]
async fn hints_repeat_the_given_context() {
    let (machine, server) = (Machine::new(), api_server("u1").await);
    machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
    let absent = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": "absent", "reason": "NotFound", "code": 404});
    server.answers.give("GET /apis/apps.devservers.io", 404, &absent);
    let args = ["users", "remove", "bob", "--yes", "--name", "team-a", "--context", "there"];
    let (status, said) = run(machine.devplat(&args)).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("`devplat users list --name team-a --context there` lists them"), "{said}");
}
