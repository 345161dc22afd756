//! The examples in the help of every verb are command lines that devplat accepts.

use std::ffi::OsString;

use clap::{Command, CommandFactory};
use devplat_tool::Surroundings;

use super::{Program, parse, usage};

/// Returns the lines of devplat in the examples of a verb and of all verbs below it.
fn examples(command: &Command) -> Vec<String> {
    let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let lines = help.lines().skip_while(|line| !line.starts_with("Example")).skip(1);
    let own = lines.take_while(|line| line.starts_with("  ")).flat_map(command_lines);
    own.chain(command.get_subcommands().flat_map(examples)).collect()
}

/// Returns the command lines of devplat in an example: without the remark after it, other programs of its pipe, and files
/// that it writes to.
fn command_lines(example: &str) -> Vec<String> {
    let shell = example.trim().split("  ").next().unwrap_or_default();
    let programs = shell.split(" | ").flat_map(|program| program.split("<(")).flat_map(|one| one.split("$("));
    let own = programs.filter(|program| program.starts_with("devplat "));
    own.map(|program| program.split(['>', ')']).next().unwrap_or_default().trim().to_owned()).collect()
}

#[test]
fn every_example_is_a_command_line_that_devplat_accepts() {
    let lines = examples(&Program::command());
    assert!(lines.len() > 30, "{lines:#?}");
    for line in lines {
        let words = shlex::split(&line).unwrap_or_else(|| panic!("{line} is not a command line"));
        let arguments: Vec<OsString> = words.iter().map(OsString::from).collect();
        match parse(&arguments, &Surroundings::default()) {
            Ok(_) => {}
            Err(error) if usage::is_help(&error) => {}
            Err(error) => panic!("{line}: {error}"),
        }
    }
}

#[test]
fn command_lines_are_taken_out_of_an_example() {
    for (example, expected) in [
        ("  devplat destroy --name a     out of a cluster", "devplat destroy --name a"),
        ("  curl -s https://a.example | devplat users add a --key -", "devplat users add a --key -"),
        ("  source <(devplat completions bash)", "devplat completions bash"),
        ("  sh -c 'until s=$(devplat status -o json) || exit; done'", "devplat status -o json"),
        ("  devplat profiles schema > schema.json", "devplat profiles schema"),
        (
            "  devplat port-forward -- ssh -F a/devplat/config a@devplat",
            "devplat port-forward -- ssh -F a/devplat/config a@devplat",
        ),
    ] {
        assert_eq!(command_lines(example), [expected]);
    }
    assert_eq!(command_lines("  ssh a@devplat list"), [""; 0]);
}
