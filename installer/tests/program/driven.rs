//! A whole run in this process, with the test's own clock, output and requests to stop.

use std::{path::Path, sync::Arc, time::Duration};

use devplat::{
    cli,
    host::Host,
    ui::{Event, Record, Ui},
    world::Stop,
};
use devplat_kubernetes::connect::NoPlugins;
use devplat_tool::{Surroundings, local::Account};
use serde_json::json;

use crate::{
    answers::{Serving, engine},
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

fn host(machine: &Machine, engine: &Serving) -> Host {
    let path = format!("{}:/usr/bin:/bin", machine.at("bin").display());
    let variables = [("PATH", path), ("DOCKER_HOST", engine.address.clone())];
    Host {
        surroundings: Surroundings::new(variables, Some(machine.at("home"))),
        folder: machine.at("work"),
        account: Account { uid: rustix::process::geteuid().as_raw(), name: "ada".to_owned() },
        stop: Stop::default(),
        now: at_noon,
        ui: Ui::recording(),
        programs: machine.at("programs"),
        plugins: Arc::new(NoPlugins),
    }
}

fn journal(machine: &Machine) -> Vec<serde_json::Value> {
    let file = machine.at("home/.local/state/devplat/devplat/journal.jsonl");
    let text = std::fs::read_to_string(file).unwrap();
    text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Returns the network as the engine lists it after its creation.
fn made(account: u32) -> serde_json::Value {
    json!({"Name": "devplat-devplat", "Id": "n1", "IPAM": {"Config": [{"Subnet": "172.18.0.0/16"}]},
        "Containers": {}, "Labels": {"dev.devplat.platform": "devplat",
        "dev.devplat.account": format!("{account}:ada")}})
}

/// Waits until the run reports an event that `is` accepts.
async fn reported(ui: &Ui, is: impl Fn(&Event) -> bool) {
    for _ in 0..6000 {
        if ui.record().events.iter().any(&is) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it is not reported: {:#?}", ui.record());
}

fn steps(record: &Record) -> Vec<&str> {
    let begun = record.events.iter().filter_map(|event| match event {
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
    reported(&host.ui, |event| matches!(event, Event::Stopping { running } if !running.is_empty())).await;
    assert!(!run.is_finished(), "a call that is under way is waited for");
    // The engine creates the network although the run no longer waits for its answer.
    engine.answers.give("GET /networks/devplat-devplat", 200, &made(account));
    host.stop.ask();
    assert_eq!(run.await.unwrap(), 4);
    let record = host.ui.record();
    assert!(steps(&record).contains(&"network"), "{record:#?}");
    let Some(Event::Error { hints, exit: 4, .. }) = record.events.last() else { panic!("{record:#?}") };
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

/// The same without journal and decisions, because the marks suffice.
async fn destroys(machine: &Machine, engine: &Serving) {
    std::fs::remove_dir_all(machine.at("home/.local/state")).unwrap();
    engine.answers.give("DELETE /networks/devplat-devplat", 204, &json!(null));
    let mut attempts = 0;
    let (status, record) = loop {
        let host = host(machine, engine);
        let status = cli::drive(&["devplat", "destroy", "--yes"], &host).await;
        let record = host.ui.record();
        // Until it executes its program, a process that another test starts has a copy of the lock of the first run.
        let locked = |event: &Event| matches!(event, Event::Error { message, .. } if message.contains("is working on"));
        attempts += 1;
        if attempts == 100 || !record.events.iter().any(locked) {
            break (status, record);
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    assert_eq!(status, 0, "{record:#?}");
    let Some(Event::Destroyed { deleted, .. }) = record.events.last() else { panic!("{record:#?}") };
    assert_eq!(deleted, &["network"]);
}
