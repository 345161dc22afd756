//! The program in its own process, with its environment and its exit status.

#[cfg(test)]
#[path = "program/account.rs"]
mod account;
#[cfg(test)]
#[path = "program/account_of_aws.rs"]
mod account_of_aws;
#[cfg(test)]
#[path = "program/admission.rs"]
mod admission;
#[cfg(test)]
#[path = "program/answers.rs"]
mod answers;
#[cfg(test)]
#[path = "program/aws.rs"]
mod aws;
#[cfg(test)]
#[path = "program/bench.rs"]
mod bench;
#[cfg(test)]
#[path = "program/by_hand.rs"]
mod by_hand;
#[cfg(test)]
#[path = "program/cases.rs"]
mod cases;
#[cfg(test)]
#[path = "program/container_names.rs"]
mod container_names;
#[cfg(test)]
#[path = "program/delivery.rs"]
mod delivery;
#[cfg(test)]
#[path = "program/driven.rs"]
mod driven;
#[cfg(test)]
#[path = "program/dropped.rs"]
mod dropped;
#[cfg(test)]
#[path = "program/early.rs"]
mod early;
#[cfg(test)]
#[path = "program/go_builds.rs"]
mod go_builds;
#[cfg(test)]
#[path = "program/input.rs"]
mod input;
#[cfg(test)]
#[path = "program/invitation.rs"]
mod invitation;
#[cfg(test)]
#[path = "program/joining.rs"]
mod joining;
#[cfg(test)]
#[path = "program/journal.rs"]
mod journal;
#[cfg(test)]
#[path = "program/kept.rs"]
mod kept;
#[cfg(test)]
#[path = "program/keys.rs"]
mod keys;
#[cfg(test)]
#[path = "program/lab.rs"]
mod lab;
#[cfg(test)]
#[path = "program/limits.rs"]
mod limits;
#[cfg(test)]
#[path = "program/local.rs"]
mod local;
#[cfg(test)]
#[path = "program/local_registry.rs"]
mod local_registry;
#[cfg(test)]
#[path = "program/machine.rs"]
mod machine;
#[cfg(test)]
#[path = "program/meant.rs"]
mod meant;
#[cfg(test)]
#[path = "program/newcomer.rs"]
mod newcomer;
#[cfg(test)]
#[path = "program/owner.rs"]
mod owner;
#[cfg(test)]
#[path = "program/place.rs"]
mod place;
#[cfg(test)]
#[path = "program/plugins.rs"]
mod plugins;
#[cfg(test)]
#[path = "program/profiles.rs"]
mod profiles;
#[cfg(test)]
#[path = "program/readme_commands.rs"]
mod readme_commands;
#[cfg(test)]
#[path = "program/remains.rs"]
mod remains;
#[cfg(test)]
#[path = "program/render.rs"]
mod render;
#[cfg(test)]
#[path = "program/replaced.rs"]
mod replaced;
#[cfg(test)]
#[path = "program/scripts.rs"]
mod scripts;
#[cfg(test)]
#[path = "program/shell.rs"]
mod shell;
#[cfg(test)]
#[path = "program/ssh_config.rs"]
mod ssh_config;
#[cfg(test)]
#[path = "program/status.rs"]
mod status;
#[cfg(test)]
#[path = "program/stop.rs"]
mod stop;
#[cfg(test)]
#[path = "program/terminal.rs"]
mod terminal;
#[cfg(test)]
#[path = "program/trouble.rs"]
mod trouble;
#[cfg(test)]
#[path = "program/users.rs"]
mod users;
#[cfg(test)]
#[path = "program/waits.rs"]
mod waits;
#[cfg(test)]
#[path = "program/whole.rs"]
mod whole;

use std::{ffi::OsString, os::unix::ffi::OsStringExt};

use devplat_tool::{
    Command, Surroundings,
    process::{ChildEnd, Error},
};

fn devplat(args: &[&str]) -> Command {
    let own = Surroundings::new(std::env::vars_os(), None);
    Command::new(env!("CARGO_BIN_EXE_devplat"), &own).args(args.iter().copied())
}

/// Returns its exit status, and its standard error, or its standard output if standard error is empty.
async fn failed(command: Command) -> (Option<i32>, String) {
    match command.run().await.expect_err("it fails") {
        Error::Failed { line: _, ended: ChildEnd::Status(status), said } => (Some(status), said),
        error => panic!("{error}"),
    }
}

fn no_utf_8() -> OsString {
    OsString::from_vec(b"caf\xe9".to_vec())
}

#[tokio::test]
async fn other_variables_are_not_checked() {
    let shown = devplat(&["profiles", "show", "kind"]).env("GREETING", no_utf_8()).run().await.unwrap();
    assert!(shown.stdout.contains("operator.replicas"), "{}", shown.stdout);
}

#[tokio::test]
async fn variable_of_devplats_that_is_not_utf_8_is_named() {
    // A variable of the profile, and one that the command line reads first.
    for name in ["DEVPLAT_DEV_SERVERS_IMAGE", "DEVPLAT_NAME"] {
        let (status, said) = failed(devplat(&["profiles", "show", "kind"]).env(name, no_utf_8())).await;
        assert_eq!(status, Some(2), "{said}");
        assert_eq!(
            said,
            format!(
                "error: the value of ${name} is not UTF-8\nhint: set {name} to another value, or `unset {name}`"
            )
        );
    }
}

#[tokio::test]
async fn mistake_on_the_command_line_is_json_with_output_json() {
    let (status, said) = failed(devplat(&["plan", "--nmae", "x", "--output", "json"])).await;
    assert_eq!(status, Some(2), "{said}");
    let event: serde_json::Value = serde_json::from_str(&said).unwrap();
    insta::assert_json_snapshot!(event);
}

#[tokio::test]
async fn mistake_on_the_command_line_has_hints_for_people() {
    let (status, said) = failed(devplat(&["pln"])).await;
    assert_eq!(status, Some(2), "{said}");
    assert!(said.starts_with("error: unknown verb \"pln\"\nhint: "), "{said}");
}

#[tokio::test]
async fn help_is_not_an_error() {
    let help = devplat(&["plan", "--help"]).run().await.unwrap();
    assert!(help.stdout.contains("Usage: devplat plan"), "{}", help.stdout);
    assert_eq!(help.stderr, "");
    let (status, said) = failed(devplat(&[])).await;
    assert_eq!(status, Some(2), "{said}");
    assert!(!said.contains("error:"), "without a verb, only the help is printed: {said}");
}
