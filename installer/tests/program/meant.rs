//! The platform that a command line means: by decisions that may not be readable, by its marks, or not at all.

use std::fs;

use devplat::state::StateFolder;
use devplat_profile::PlatformName;
use serde_json::json;

use crate::{
    account::output,
    answers::engine,
    machine::{Machine, run},
    trouble::{container, list, with_engine},
};

const IMAGE: &str = "--set=devServers.image=registry.example/dev:1";

#[tokio::test]
async fn decisions_of_another_shape_or_version_are_refused() {
    let (machine, engine) = (Machine::new(), engine());
    let file = machine.remember(&json!({}));
    for (text, why) in [
        ("[]", "decisions.json is damaged\n  because: it is not a JSON object"),
        ("null", "decisions.json is damaged\n  because: it is not a JSON object"),
        (
            r#"{"set": 1}"#,
            "decisions.json is damaged\n  because: these keys have values of the wrong type: set",
        ),
        (r#"{"version": 99}"#, "decisions.json has version 99; this devplat reads version 1"),
    ] {
        fs::write(&file, text).unwrap();
        let mut verbs = vec![&["status"][..], &["plan", "--profile", "kind"], &["up", "--yes"]];
        // A deletion does without damaged ones.
        if why.contains("version") {
            verbs.push(&["destroy", "--yes"]);
        }
        for args in verbs {
            let (status, said) = with_engine(&machine, &engine, args).await;
            assert_eq!(status, 2, "{text}: {args:?}: {said}");
            assert!(said.contains(why), "{text}: {args:?}: {said}");
            assert!(said.contains("decisions.json away and name --profile or --context again"), "{said}");
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
    }
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn folder_in_place_of_the_decisions_is_named_as_such() {
    let (machine, engine) = (Machine::new(), engine());
    let file = machine.remember(&json!({}));
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    let (status, said) = with_engine(&machine, &engine, &["status"]).await;
    assert_eq!(status, 3, "{said}");
    assert!(said.contains(&format!("hint: {} is a folder where", file.display())), "{said}");
    assert!(!said.contains("writable"), "{said}");
}

#[tokio::test]
async fn status_without_a_platform_fails_with_the_searched_places() {
    let (machine, engine) = (Machine::new(), engine());
    for args in [&["status", "--name", "other"][..], &["status", "--name", "other", IMAGE]] {
        let (status, said) = with_engine(&machine, &engine, args).await;
        assert_eq!(status, 2, "{args:?}: {said}");
        assert!(said.contains("error: platform other is neither known nor found here"), "{args:?}: {said}");
        assert!(said.contains(&format!("not found in Docker engine at {}", engine.address)), "{said}");
        assert!(said.contains("hint: `devplat up --name other"), "{args:?}: {said}");
    }
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn status_finds_a_platform_whose_state_folder_is_lost() {
    let (machine, engine) = (Machine::new(), engine());
    let labels = json!({"k3d.cluster": "devplat", "k3d.role": "server", "dev.devplat.platform": "devplat"});
    let node = "k3d-devplat-server-0";
    list(&engine, "k3d.cluster=devplat", &[(node, container(node, &labels, &[], None))]);
    let (status, said) = with_engine(&machine, &engine, &["status", IMAGE]).await;
    assert_eq!(status, 0, "{said}");
    let said = output(&machine, &engine, &["status", IMAGE]).await;
    assert!(said.contains("found the k3d cluster of platform devplat: using profile k3d"), "{said}");
    assert!(said.contains("platform devplat (profile k3d): not ready"), "{said}");
    assert!(said.contains("its creation or deletion was interrupted"), "{said}");
}

#[tokio::test]
async fn running_up_is_reported_in_place_of_its_unfinished_steps() {
    let (machine, engine) = (Machine::new(), engine());
    let begun = json!({"at": "2001-02-03T12:00:00Z", "step": "network", "action": "create",
        "outcome": {"is": "begun"}});
    let journal = format!("{{\"version\":2}}\n{begun}\n");
    machine.write("home/.local/state/devplat/devplat/journal.jsonl", &journal);
    let (plan, status) = (["plan", "--profile", "kind", IMAGE], ["status", "--profile", "kind", IMAGE]);
    let said = output(&machine, &engine, &plan).await;
    assert!(said.contains("an earlier run did not finish: create network"), "{said}");
    let base = machine.at("home/.local/state/devplat");
    let _lock = StateFolder::below(&base, &PlatformName::default()).lock().unwrap();
    let process = format!("process {}, `", std::process::id());
    for (args, told) in [(plan, format!("note: {process}")), (status, format!("wait for {process}"))] {
        let said = output(&machine, &engine, &args).await;
        assert!(said.contains(&told) && said.matches(&process).count() == 1, "{args:?}: {said}");
        assert!(!said.contains("did not finish"), "{args:?}: {said}");
    }
}

#[tokio::test]
async fn absent_kubeconfig_is_named_with_the_ways_out() {
    let machine = Machine::new();
    let up = ["up", "--yes", "--name", "team-a", "--profile", "existing", "--context", "prod"];
    let file = machine.at("home/.kube/config").display().to_string();
    let (status, said) = run(machine.devplat(&up)).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("error: there is no context \"prod\": the kubeconfig has no contexts"), "{said}");
    assert!(said.contains(&format!("because: {file} does not exist")), "{said}");
    assert!(said.contains("KUBECONFIG=FILE"), "{said}");
    assert!(said.contains("`devplat up --name team-a --profile kind` creates a cluster"), "{said}");
    let (_, said) = run(machine.devplat(&up).env("KUBECONFIG", machine.at("home").into_os_string())).await;
    assert!(said.contains("is a folder"), "{said}");
    let (status, said) = run(machine.devplat(&up).env("KUBECONFIG", ":")).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("because: KUBECONFIG is \":\", which names no file"), "{said}");
    assert!(said.contains("or `unset KUBECONFIG` to use ~/.kube/config"), "{said}");
}

#[tokio::test]
async fn hints_repeat_the_arguments_that_the_verb_takes() {
    let (machine, engine) = (Machine::new(), engine());
    let args = ["plan", "--name", "brkx", "--profile", "kind", IMAGE, "--lose", "nothing"];
    let (status, said) = with_engine(&machine, &engine, &args).await;
    assert_eq!(status, 2, "{said}");
    let set = "--set 'devServers.image=registry.example/dev:1'";
    let line = format!("`devplat plan --name brkx --profile kind {set}` prints the names");
    assert!(said.contains(&line), "{said}");
}

#[tokio::test]
async fn file_is_suggested_for_its_name_without_the_extension() {
    let machine = Machine::new();
    for file in ["mine.yaml", "mine.yml"] {
        machine.write(&format!("work/{file}"), "extends: k3d\n");
        let (status, said) = run(machine.devplat(&["profiles", "show", "mine"])).await;
        assert_eq!(status, 2, "{said}");
        let hint = format!("hint: to use the file ./{file} here: --profile ./{file}");
        assert!(said.contains(&hint) && !said.contains("extends:"), "{said}");
        fs::remove_file(machine.at(&format!("work/{file}"))).unwrap();
    }
    let (_, said) = run(machine.devplat(&["profiles", "show", "k3dd"])).await;
    assert!(said.contains("did you mean k3d?") && said.contains("\"extends: k3d\""), "{said}");
}

#[tokio::test]
async fn mistake_in_a_remembered_variable_has_ways_out() {
    let (machine, engine) = (Machine::new(), engine());
    let file = machine
        .remember(&json!({"profile": "kind", "variables": {"DEVPLAT_OPERATOR_REPLICAS": "many"},
        "place": {"in": "engine", "id": engine.id, "endpoint": engine.address}}));
    let before = fs::read_to_string(&file).unwrap();
    let (status, said) = with_engine(&machine, &engine, &["up", "--yes"]).await;
    assert_eq!(status, 2, "{said}");
    assert!(said.contains("hint: set DEVPLAT_OPERATOR_REPLICAS to a correct value"), "{said}");
    let unset = "forget the wrong values: `devplat up --unset DEVPLAT_OPERATOR_REPLICAS`";
    assert!(said.contains(unset), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
}

/// As after an update of devplat that knows fewer values.
#[tokio::test]
async fn wrong_remembered_value_is_reported_also_with_its_profile() {
    let (machine, engine) = (Machine::new(), engine());
    machine.local_programs().await;
    machine.remember(&json!({"profile": "kind", "set": ["operator.replicas=3", "operator.replica=3"],
        "place": {"in": "engine", "id": engine.id, "endpoint": engine.address}}));
    for named in [&["--profile", "kind"][..], &[]] {
        let plan = [&["plan"][..], named].concat();
        let (status, said) = with_engine(&machine, &engine, &plan).await;
        assert_eq!(status, 2, "{said}");
        assert!(said.contains("unknown key \"replica\""), "{said}");
        let up = [&["devplat", "up"][..], named, &["--unset", "operator.replica`"]].concat().join(" ");
        assert!(said.contains(&format!("forget the wrong values: `{up}")), "{said}");
    }
    let unset = ["plan", "--profile", "kind", IMAGE, "--unset", "operator.replica"];
    let (status, said) = with_engine(&machine, &engine, &unset).await;
    assert!(
        status == 0 && said.contains("using --set operator.replicas=3 of an earlier"),
        "{status}: {said}"
    );
    // The platform can be deleted all the same.
    let (_, said) = with_engine(&machine, &engine, &["destroy", "--yes", "--profile", "kind"]).await;
    assert!(!said.contains("replica"), "{said}");
}

#[tokio::test]
async fn remembered_values_are_kept_with_their_profile_and_listed_with_another() {
    let (machine, engine) = (Machine::new(), engine());
    machine.local_programs().await;
    machine.remember(&json!({"profile": "kind", "set": ["operator.replicas=3"],
        "variables": {"DEVPLAT_BASTION_REPLICAS": "3"}}));
    let replicas = async |args: &[&str]| {
        let args = [&["render", "operator"][..], args].concat();
        let text = machine.devplat(&args).run().await.unwrap().stdout;
        text.lines().find_map(|line| line.trim().strip_prefix("replicas: ")).unwrap().to_owned()
    };
    for same in [&[] as &[&str], &["--profile", "kind"]] {
        assert_eq!(replicas(same).await, "3", "{same:?}");
    }
    assert_eq!(replicas(&["--profile", "kind", "--set", "operator.replicas=2"]).await, "2");
    assert_ne!(replicas(&["--profile", "k3d"]).await, "3");
    let remark = "not using --set 'operator.replicas=3', DEVPLAT_BASTION_REPLICAS=3 of the last `up`, because it had \
                  profile kind: give them again to keep them";
    let (status, said) = with_engine(&machine, &engine, &["plan", "--profile", "kind", IMAGE]).await;
    assert!(status == 0 && !said.contains("not using"), "{status}: {said}");
    let (status, said) = with_engine(&machine, &engine, &["plan", "--profile", "k3d", IMAGE]).await;
    assert!(status == 0 && said.contains(remark), "{status}: {said}");
    // Values that are given again are not listed.
    let again = ["plan", "--profile", "k3d", IMAGE, "--set", "operator.replicas=3"];
    let (_, said) = with_engine(&machine, &engine, &again).await;
    assert!(said.contains("not using DEVPLAT_BASTION_REPLICAS=3 of"), "{said}");
}
