//! The block in `~/.ssh/config` of a machine without a cluster.

use std::fs;

use devplat::ui::{Event, Transcript};
use serde_json::json;

use crate::{answers::engine, driven::drive, machine::Machine};

const BEGIN: &str = "# >>> devplat devplat: written by `devplat ssh-config`, removed by `devplat destroy`\n";
const END: &str = "# <<< devplat devplat\n";

/// Returns the message and the exit status of a failed run.
fn failed(transcript: &Transcript) -> (&str, u8) {
    let Some(Event::Error { message, exit, .. }) = transcript.events.last() else {
        panic!("{transcript:#?}")
    };
    (message.as_str(), *exit)
}

/// Otherwise, a later `up` would add the block.
#[tokio::test]
async fn rejected_ssh_config_is_not_remembered() {
    let (machine, engine) = (Machine::new(), engine());
    let decisions = machine.remember(&json!({"profile": "kind",
        "set": ["devServers.image=registry.example/dev:1"],
        "place": {"in": "engine", "id": engine.id, "endpoint": engine.address}}));
    let (line, file) = (["devplat", "ssh-config", "--yes"], machine.at("home/.ssh/config"));
    let (_, transcript) = drive(&line, &machine, &engine).await;
    assert_eq!(failed(&transcript), ("there is no platform devplat here", 2));
    assert!(!file.exists());
    let unclear = format!("{BEGIN}Include work\n");
    machine.write("home/.ssh/config", &unclear);
    for line in [&line[..], &["devplat", "ssh-config", "--remove"], &["devplat", "destroy", "--yes"]] {
        let (status, transcript) = drive(line, &machine, &engine).await;
        let (message, exit) = failed(&transcript);
        assert!(
            message.contains("/.ssh/config:1: ") && (status, exit) == (2, 2),
            "{line:?}: {transcript:#?}"
        );
        assert_eq!(fs::read_to_string(&file).unwrap(), unclear, "{line:?}");
    }
    assert!(!fs::read_to_string(decisions).unwrap().contains("sshConfig"));
}

#[tokio::test]
async fn half_of_an_ssh_block_is_removed_without_lines_of_the_user() {
    let (machine, engine) = (Machine::new(), engine());
    machine.remember(&json!({"profile": "kind", "sshConfig": true}));
    let include = machine.at("home/.local/state/devplat/devplat/ssh/hosts");
    let include = format!("Include {}\n", include.display());
    let include = include.as_str();
    for half in [[BEGIN, include], [include, END], [BEGIN, BEGIN]] {
        let file = machine.write("home/.ssh/config", &format!("Host mine\n{}Host other\n", half.concat()));
        let line = ["devplat", "ssh-config", "--remove"];
        let (status, transcript) = drive(&line, &machine, &engine).await;
        assert_eq!(status, 0, "{half:?}: {transcript:#?}");
        assert_eq!(fs::read_to_string(file).unwrap(), "Host mine\nHost other\n", "{half:?}");
    }
}
