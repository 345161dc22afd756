//! A whole run in this process, with the test's own clock, output and requests to stop.

use std::{path::Path, sync::Arc, time::Duration};

use devplat::{
    cli,
    host::Host,
    platform_context::Stop,
    stdin::Input,
    ui::{Event, Transcript, Ui},
};
use devplat_image::{ImageName, Key, Store};
use devplat_kubernetes::connect::NoPlugins;
use devplat_tool::{Surroundings, local::Account};
use serde_json::json;

use crate::{
    answers::{Serving, api_server, engine, kubeconfig, network},
    machine::Machine,
};

const UP: [&str; 7] = [
    "devplat",
    "up",
    "--yes",
    "--profile",
    "kind",
    // The assembly of the base image from packages would take long.
    "--set",
    "devServers.image=registry.example/dev:1",
];

fn at_noon() -> jiff::Timestamp {
    "2001-02-03T12:00:00Z".parse().unwrap()
}

pub(crate) fn host(machine: &Machine, engine: &Serving) -> Host {
    let path = format!("{}:/usr/bin:/bin", machine.at("bin").display());
    let variables = [("PATH", path), ("DOCKER_HOST", engine.address.clone())];
    Host {
        surroundings: Surroundings::new(variables, Some(machine.at("home"))),
        folder: machine.at("work"),
        account: Account { uid: rustix::process::geteuid().as_raw(), name: "ada".to_owned() },
        stop: Stop::default(),
        now: Arc::new(at_noon),
        stdin: Input::Process,
        ui: Ui::recording(),
        programs: machine.at("programs"),
        plugins: Arc::new(NoPlugins),
    }
}

/// Runs this command line to its end.
pub(crate) async fn drive(line: &[&str], machine: &Machine, engine: &Serving) -> (u8, Transcript) {
    let mut attempts = 0;
    loop {
        let host = host(machine, engine);
        let status = cli::drive(line, &host).await;
        let transcript = host.ui.transcript();
        // Until it executes its program, a process that another test starts has a copy of the lock of the last run.
        let locked = |event: &Event| matches!(event, Event::Error { message, .. } if message.contains("is working on"));
        attempts += 1;
        if attempts == 100 || !transcript.events.iter().any(locked) {
            return (status, transcript);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn journal(machine: &Machine) -> Vec<serde_json::Value> {
    let file = machine.at("home/.local/state/devplat/devplat/journal.jsonl");
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the network as the engine lists it after its creation.
fn made(account: u32) -> serde_json::Value {
    network("n1", Some(&format!("{account}:ada")))
}

/// Waits until the run reports an event that `is` accepts.
pub(crate) async fn reported(ui: &Ui, is: impl Fn(&Event) -> bool) {
    for _ in 0..6000 {
        if ui.transcript().events.iter().any(&is) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it is not reported: {:#?}", ui.transcript());
}

pub(crate) fn steps(transcript: &Transcript) -> Vec<&str> {
    let begun = transcript.events.iter().filter_map(|event| match event {
        Event::Begun { step, .. } => Some(step.as_str()),
        _ => None,
    });
    begun.collect()
}

#[tokio::test]
async fn abandoned_run_is_recorded_and_destroy_finds_its_resources() {
    let (machine, engine) = (Machine::new(), engine());
    machine.program("kind", "echo 0.31.0").await;
    engine.answers.be_silent_on("POST /networks/create");
    let (host, account) = (host(&machine, &engine), rustix::process::geteuid().as_raw());
    let run = tokio::spawn({
        let host = host.clone();
        async move { cli::drive(&UP, &host).await }
    });
    engine.answers.asked("POST /networks/create").await;
    host.stop.ask();
    reported(&host.ui, |event| matches!(event, Event::Stopping { running, .. } if !running.is_empty())).await;
    assert!(!run.is_finished(), "a call that is under way is waited for");
    // The engine creates the network although the run no longer waits for its answer.
    engine.answers.give_networks(&[made(account)]);
    host.stop.ask();
    assert_eq!(run.await.unwrap(), 4);
    let transcript = host.ui.transcript();
    assert!(steps(&transcript).contains(&"network"), "{transcript:#?}");
    let Some(Event::Error { hints, exit: 4, .. }) = transcript.events.last() else {
        panic!("{transcript:#?}")
    };
    let again = "`devplat up --profile kind --set 'devServers.image=registry.example/dev:1'` continues";
    assert!(hints.iter().any(|hint| hint.contains(again)), "{hints:?}");

    let entries = journal(&machine);
    assert!(entries.iter().all(|entry| entry["at"] == "2001-02-03T12:00:00Z"), "{entries:#?}");
    let of_network =
        |is: &str| entries.iter().any(|entry| entry["step"] == "network" && entry["outcome"]["is"] == is);
    assert!(of_network("begun") && of_network("calling") && of_network("abandoned"), "{entries:#?}");

    destroys(&machine, &engine).await;
    assert!(!Path::new(&machine.at("home/.local/state/devplat/devplat")).exists());
}

/// Destroys the platform without journal and decisions, because the marks suffice.
async fn destroys(machine: &Machine, engine: &Serving) {
    std::fs::remove_dir_all(machine.at("home/.local/state")).unwrap();
    engine.answers.give("DELETE /networks/n1", 204, &json!(null));
    let (status, transcript) = drive(&["devplat", "destroy", "--yes"], machine, engine).await;
    assert_eq!(status, 0, "{transcript:#?}");
    let Some(Event::Destroyed { deleted, .. }) = transcript.events.last() else { panic!("{transcript:#?}") };
    assert_eq!(deleted, &["network"]);
}

/// Returns the same host with another variable.
pub(crate) fn with(host: Host, name: &str, value: &str) -> Host {
    let mut surroundings = host.surroundings;
    surroundings.variables.insert(name.into(), value.into());
    Host { surroundings, ..host }
}

/// Returns the message of the error of this command line, with its causes.
pub(crate) async fn error_of(line: &[&str], host: &Host) -> String {
    let status = cli::drive(line, host).await;
    let transcript = host.ui.transcript();
    let Some(Event::Error { message, causes, .. }) = transcript.events.last() else {
        panic!("{status}: {transcript:#?}")
    };
    std::iter::once(message).chain(causes).map(String::as_str).collect::<Vec<_>>().join(": ")
}

#[tokio::test]
async fn clock_of_the_host_decides_whether_a_certificate_has_expired() {
    let (machine, engine) = (Machine::new(), engine());
    // Valid from 2026 to 2126.
    let certificate = concat!(env!("CARGO_MANIFEST_DIR"), "/../connect/src/testdata/valid.pem");
    let user = json!({"client-certificate": certificate, "client-key-data": "a2V5"});
    machine.write("home/.kube/config", &kubeconfig("https://127.0.0.1:1", &user));
    let line = ["devplat", "status", "--profile", "existing", "--context", "there"];
    let at = |time: &str| {
        let time: jiff::Timestamp = time.parse().unwrap();
        Host { now: Arc::new(move || time), ..host(&machine, &engine) }
    };
    let expired = "your client certificate expired on 2126-11-04";
    let said = error_of(&line, &at("2126-12-01T00:00:00Z")).await;
    assert!(said.contains(expired), "{said}");
    let said = error_of(&line, &at("2126-11-01T00:00:00Z")).await;
    assert!(!said.contains("expired"), "{said}");
}

#[tokio::test]
async fn variable_of_the_host_is_overridden_by_its_flag() {
    let (machine, engine) = (Machine::new(), engine());
    for (line, platform) in [
        (&["devplat", "destroy", "--forget"][..], "team-a"),
        (&["devplat", "destroy", "--forget", "--name", "team-b"], "team-b"),
        (&["devplat", "--name", "team-b", "destroy", "--forget"], "team-b"),
    ] {
        let host = with(host(&machine, &engine), "DEVPLAT_NAME", "team-a");
        let said = error_of(line, &host).await;
        assert_eq!(said, format!("there is no state folder of platform {platform}"), "{line:?}");
    }
}

#[tokio::test]
async fn profile_is_read_from_the_given_standard_input() {
    let (machine, engine) = (Machine::new(), engine());
    let line = ["devplat", "plan", "--profile", "-"];
    let stdin = Input::Given(Arc::from(*b"extends: kind\noperator: {replica: 1}\n"));
    let said = error_of(&line, &Host { stdin, ..host(&machine, &engine) }).await;
    assert!(said.contains("unknown key \"replica\" in operator"), "{said}");
}

/// Without the name, a shell with this variable would act on another platform.
#[tokio::test]
async fn hints_repeat_the_default_name_if_it_was_given() {
    let (machine, engine) = (Machine::new(), engine());
    for line in
        [&["devplat", "ssh-config", "--name", "devplat"][..], &["devplat", "--name", "devplat", "ssh-config"]]
    {
        let host = with(host(&machine, &engine), "DEVPLAT_NAME", "team-a");
        error_of(line, &host).await;
        let Some(Event::Error { hints, .. }) = host.ui.transcript().events.pop() else { panic!("no error") };
        assert_eq!(hints, ["`devplat up --name devplat` creates one; --name names another"], "{line:?}");
    }
}

#[tokio::test]
async fn run_by_sudo_in_a_foreign_home_folder_is_remarked() {
    let (machine, engine) = (Machine::new(), engine());
    for (line, remarked) in [
        (&["devplat", "status", UP[3], UP[4], UP[5], UP[6]][..], true),
        // Without a platform, no file is written.
        (&["devplat", "render", "crds", "--profile", "kind"], false),
    ] {
        let host = with(host(&machine, &engine), "SUDO_USER", "eve");
        let account = Account { uid: host.account.uid + 1, name: "root".to_owned() };
        let host = Host { account, ..host };
        assert_eq!(cli::drive(line, &host).await, 0, "{line:?}: {:#?}", host.ui.transcript());
        let said = host.ui.transcript().said.join("\n");
        assert_eq!(said.contains("sudo runs devplat for eve as root"), remarked, "{line:?}: {said}");
    }
}

#[tokio::test]
async fn forwarded_port_is_not_that_of_another_platform() {
    let (machine, engine, server) = (Machine::new(), engine(), api_server("u1").await);
    machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
    // The names of both give 22984.
    machine.write("home/.local/state/devplat/local/decisions.json", r#"{"profile": "kind"}"#);
    let host = host(&machine, &engine);
    let run = tokio::spawn({
        let host = host.clone();
        async move {
            cli::drive(&["devplat", "port-forward", "--name", "work", "--context", "there"], &host).await
        }
    });
    let leads = Event::Listening { name: "work".to_owned(), address: ([127, 0, 0, 1], 22985).into() };
    machine.until(|| host.ui.transcript().events.contains(&leads)).await;
    host.stop.ask();
    assert_eq!(run.await.unwrap(), 0);
}

#[tokio::test]
async fn damage_of_an_assembled_image_is_the_reason_of_its_step() {
    let (machine, engine) = (Machine::new(), engine());
    machine.local_programs().await;
    let program = machine.at("programs/devplat-operator");
    let paths = [program.as_path()];
    let key = Key::of_programs(ImageName::Operator, &paths).unwrap();
    let store = Store::new(machine.at("home/.cache/devplat/images"));
    let stored = store.assemble_programs(ImageName::Operator, &key, &paths).unwrap();
    std::fs::write(stored.path(&stored.layers[0]), "cut").unwrap();
    let host = host(&machine, &engine);
    let line = ["devplat", "plan", "--profile", "kind", "--set", "devServers.image=registry.example/dev:1"];
    assert_eq!(cli::drive(&line, &host).await, 0, "{:#?}", host.ui.transcript());
    let said = host.ui.transcript().said.join("\n");
    let step = said.lines().find(|line| line.contains("has 3 bytes, not ")).unwrap_or(&said);
    assert!(step.contains("image devplat-operator") && step.contains("update"), "{step}");
}

#[tokio::test]
async fn forget_removes_the_ssh_block_although_the_decisions_are_damaged() {
    let (machine, engine) = (Machine::new(), engine());
    let decisions = machine.remember(&json!({}));
    std::fs::write(&decisions, "{").unwrap();
    let block = "# >>> devplat devplat: written by `devplat ssh-config`, removed by `devplat destroy`\n\
                 Include /x\n# <<< devplat devplat\n";
    let file = machine.write("home/.ssh/config", &format!("{block}Host mine\n"));
    let host = host(&machine, &engine);
    let status = cli::drive(&["devplat", "destroy", "--forget", "--yes"], &host).await;
    assert_eq!(status, 0, "{:#?}", host.ui.transcript());
    assert_eq!(std::fs::read_to_string(file).unwrap(), "Host mine\n");
    assert!(!decisions.exists());
}

#[tokio::test]
async fn flag_that_would_be_ignored_is_refused() {
    let (machine, engine) = (Machine::new(), engine());
    for line in [
        &["devplat", "destroy", "--forget", "--yes", "--profile", "kind"][..],
        &["devplat", "destroy", "--forget", "--yes", "--context", "there"],
        // The deletion of devplat's own cluster deletes all data in any case.
        &["devplat", "destroy", "--yes", "--profile", "kind", "--lose-data"],
        // The removal never asks.
        &["devplat", "ssh-config", "--remove", "--yes"],
    ] {
        let host = host(&machine, &engine);
        let said = error_of(line, &host).await;
        assert!(said.contains("cannot be used with"), "{line:?}: {said}");
        let transcript = host.ui.transcript();
        let rejected = matches!(transcript.events.last(), Some(Event::Error { exit: 2, .. }));
        assert!(rejected, "{line:?}: {transcript:#?}");
    }
    assert_eq!(engine.answers.changes(), [""; 0]);
}

#[tokio::test]
async fn example_is_written_to_a_folder_and_printed_as_json() {
    let (machine, engine) = (Machine::new(), engine());
    let host = host(&machine, &engine);
    let example = ["devplat", "render", "example", "--profile", "kind"];
    let status = cli::drive(&[&example[..], &["--to", "out"]].concat(), &host).await;
    assert_eq!(status, 0, "{:#?}", host.ui.transcript());
    let text = std::fs::read_to_string(machine.at("work/out/example.yaml")).unwrap();
    assert!(text.contains("kind: DevServer"), "{text}");
    let printed = machine.devplat(&[&example[1..], &["--output", "json"]].concat()).run().await.unwrap();
    let object: serde_json::Value = serde_json::from_str(&printed.stdout).unwrap();
    assert_eq!(object["kind"], "DevServer");
}
