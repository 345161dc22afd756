//! Profiles that are the user's own files or come through a pipe: `up` remembers them for later verbs in any folder.

use std::{fs, time::Duration};

use devplat_tool::Command;
use serde_json::{Value, json};

use crate::{
    answers::{Serving, engine},
    machine::{Machine, run},
    trouble::with_engine,
};

const IMAGE: &str = "--set=devServers.image=registry.example/dev:1";
const TEAM: &str = "extends: kind\noperator: {replicas: 3}\ncluster: {kind: {configFile: kind.yaml}}\n";
/// Verbs after an `up` in which the engine created no network, with their exit statuses. None of them names a profile.
const LATER: [(&[&str], i32); 3] = [(&["status"], 0), (&["plan"], 0), (&["up", "--yes"], 4)];

/// Puts the profile into `folder`, and another one of the same name into the working folder of later verbs.
async fn prepare(machine: &Machine, folder: &str) {
    for program in ["kind", "docker"] {
        machine.program(program, "echo 0.31.0").await;
    }
    machine.write(&format!("{folder}/p.yaml"), TEAM);
    machine.write(&format!("{folder}/kind.yaml"), "featureGates: {A: true}\n");
    machine.write("home/p.yaml", "extends: k3d\n");
}

/// Returns devplat in another folder than that of the profile.
fn elsewhere(machine: &Machine, engine: &Serving, args: &[&str]) -> Command {
    let command = machine.devplat(args).env("DOCKER_HOST", &engine.address).folder(&machine.at("home"));
    command.deadline(Duration::from_mins(1))
}

fn decisions(machine: &Machine) -> Value {
    let file = machine.at("home/.local/state/devplat/devplat/decisions.json");
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// Fails unless the remembered profile is the team's.
async fn shows_the_team(machine: &Machine, engine: &Serving, known: &str) {
    let status = elsewhere(machine, engine, &["status"]).run().await.unwrap().stdout;
    assert!(status.contains(&format!("platform devplat (profile {known}): ")), "{status}");
    let operator = elsewhere(machine, engine, &["render", "operator"]).run().await.unwrap().stdout;
    assert!(operator.contains("replicas: 3"), "{operator}");
}

#[tokio::test]
async fn relative_path_is_remembered_as_an_absolute_one() {
    let (machine, engine) = (Machine::new(), engine());
    prepare(&machine, "work/team").await;
    let up = machine.devplat(&["up", "--yes", "--profile", "./p.yaml", IMAGE]);
    let (status, said) = run(up.env("DOCKER_HOST", &engine.address).folder(&machine.at("work/team"))).await;
    assert_eq!(status, 4, "{said}");
    // devplat takes the path of its working folder from the kernel, which resolves links.
    let file = fs::canonicalize(machine.at("work/team/p.yaml")).unwrap();
    let known = file.to_str().unwrap();
    let first = decisions(&machine);
    assert_eq!(first["profile"], known);
    assert_eq!(first["profileText"], TEAM);
    for (args, expected) in LATER {
        let (status, said) = run(elsewhere(&machine, &engine, args)).await;
        assert_eq!(status, expected, "{args:?}: {said}");
        assert_eq!(decisions(&machine), first, "{args:?}");
    }
    shows_the_team(&machine, &engine, known).await;

    fs::write(&file, "extends: kind\noperator: {replica: 3}\n").unwrap();
    for (args, _) in LATER {
        let (status, said) = run(elsewhere(&machine, &engine, args)).await;
        assert_eq!(status, 2, "{args:?}: {said}");
        assert!(said.contains(&format!("{known}:2:")), "{args:?}: {said}");
        assert!(said.contains("unknown key \"replica\" in operator"), "{args:?}: {said}");
    }

    fs::remove_file(&file).unwrap();
    let gone = format!("profile {known} no longer exists: using its text of the last `up`");
    for (args, expected) in LATER {
        let (status, said) = run(elsewhere(&machine, &engine, args)).await;
        assert_eq!(status, expected, "{args:?}: {said}");
        assert!(expected != 0 || said.contains(&gone), "{args:?}: {said}");
        assert_eq!(decisions(&machine), first, "{args:?}");
    }
    shows_the_team(&machine, &engine, known).await;
    let (status, said) = run(elsewhere(&machine, &engine, &["destroy", "--yes"])).await;
    assert_eq!(status, 0, "{said}");
}

/// The file for kind is beside the profile, so it is found only from the folder of the first `up`. A second read of the
/// named pipe would wait for a writer.
#[tokio::test]
async fn profile_from_a_pipe_is_remembered_by_its_text_and_folder() {
    for (script, name) in [
        (r#"cat p.yaml | "$@" --profile -"#, "standard input"),
        (r#""$@" --profile /dev/stdin < p.yaml"#, "/dev/stdin"),
        (r#"cat p.yaml | "$@" --profile /dev/fd/9 9<&0"#, "/dev/fd/9"),
        (r#"mkfifo pipe; cat p.yaml > pipe & "$@" --profile "$PWD/pipe""#, "/work/pipe"),
    ] {
        let (machine, engine) = (Machine::new(), engine());
        prepare(&machine, "work").await;
        let variables = [("DOCKER_HOST", engine.address.as_str())];
        let up = machine.in_shell(script, &["up", "--yes", IMAGE], &variables);
        let (status, said) = run(up.deadline(Duration::from_mins(1))).await;
        assert_eq!(status, 4, "{script}: {said}");
        let first = decisions(&machine);
        let known = first["profile"].as_str().unwrap();
        assert!(known.ends_with(name), "{script}: {known}");
        assert_eq!(first["profileText"], TEAM, "{script}");
        let used = format!("using the profile that the last `up` read from {known}");
        for (args, expected) in LATER {
            let (status, said) = run(elsewhere(&machine, &engine, args)).await;
            assert_eq!(status, expected, "{script}: {args:?}: {said}");
            assert!(expected != 0 || said.contains(&used), "{script}: {args:?}: {said}");
            assert_eq!(decisions(&machine), first, "{script}: {args:?}");
        }
        shows_the_team(&machine, &engine, known).await;
    }
}

#[tokio::test]
async fn verbs_read_a_pipe_only_once() {
    let (machine, engine) = (Machine::new(), engine());
    machine.local_programs().await;
    let text = "extends: kind\ndevServers: {image: 'registry.example/dev:1'}\n";
    for args in [
        &["status", "--profile", "-"][..],
        &["plan", "--profile", "/dev/stdin"],
        &["destroy", "--yes", "--profile", "-"],
    ] {
        let (status, said) = run(elsewhere(&machine, &engine, args).stdin(text)).await;
        assert_eq!(status, 0, "{args:?}: {said}");
    }
}

#[tokio::test]
async fn profile_of_a_platform_is_shown_with_its_remembered_values() {
    let machine = Machine::new();
    machine.remember(&json!({"profile": "kind", "set": ["operator.replicas=3"],
        "variables": {"DEVPLAT_BASTION_REPLICAS": "3"}}));
    let show = ["profiles", "show", "--name", "devplat"];
    let shown = machine.devplat(&show).run().await.unwrap().stdout;
    let of = |path: &str| {
        let line = shown.lines().find(|line| line.trim().starts_with(&format!("{path} "))).unwrap();
        line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    let remembered = "(remembered from an earlier `devplat up`)";
    assert_eq!(of("operator.replicas"), format!("3 --set operator.replicas=3 {remembered}"));
    assert_eq!(of("bastion.replicas"), format!("3 $DEVPLAT_BASTION_REPLICAS {remembered}"));
    let (status, said) = run(machine.devplat(&["profiles", "show", "--name", "other"])).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("error: no platform other is known here"), "{said}");
    let (status, said) = run(machine.devplat(&["profiles", "show", "kind", "--name", "devplat"])).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("error: --name cannot be used with NAME|FILE"), "{said}");
}

#[tokio::test]
async fn remembered_value_is_listed_and_forgotten_singly() {
    let (machine, engine) = (Machine::new(), engine());
    machine.local_programs().await;
    machine.remember(&json!({"profile": "kind",
        "set": ["operator.replicas=3", "bastion.replicas=3", "devServers.image=registry.example/dev:1"]}));
    let (status, said) = with_engine(&machine, &engine, &["plan"]).await;
    assert_eq!(status, 0, "{said}");
    let listed = "using --set operator.replicas=3, --set bastion.replicas=3, --set \
                  devServers.image=registry.example/dev:1 of an earlier `up`; --unset KEY forgets one";
    assert!(said.contains(listed), "{said}");
    let (status, said) = with_engine(&machine, &engine, &["plan", "--unset", "operator.replicas"]).await;
    assert_eq!(status, 0, "{said}");
    assert!(!said.contains("operator.replicas=3") && said.contains("bastion.replicas=3"), "{said}");
    for program in ["kind", "docker"] {
        machine.program(program, "echo 0.31.0").await;
    }
    let up = ["up", "--yes", "--unset", "operator.replicas"];
    for remark in [false, true] {
        let (status, said) = with_engine(&machine, &engine, &up).await;
        // The engine creates no network, so the same command line is typed again.
        assert_eq!(status, 4, "{said}");
        assert_eq!(
            said.contains("--unset operator.replicas: no value is remembered there"),
            remark,
            "{said}"
        );
        let kept = json!(["bastion.replicas=3", "devServers.image=registry.example/dev:1"]);
        assert_eq!(decisions(&machine)["set"], kept);
    }
}
