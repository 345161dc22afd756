//! The parts of README.md that no test types as a block of commands: its profile, and the command lines in its text.

use std::fs;

use crate::machine::{Machine, run};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");

/// Returns the text of README outside of its blocks, and its blocks of YAML.
fn readme() -> (String, Vec<String>) {
    let page = fs::read_to_string(README).unwrap();
    let (mut text, mut profiles) = (String::new(), Vec::new());
    // The mark and the lines of the block that is open.
    let mut open: Option<(&str, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(mark)) => open = Some((mark, String::new())),
            (None, None) => text.extend([line, "\n"]),
            (Some((_, block)), None) => block.extend([line, "\n"]),
            (Some(_), Some(_)) => {
                profiles.extend(open.take().filter(|(mark, _)| *mark == "yaml").map(|(_, block)| block));
            }
        }
    }
    (text, profiles)
}

/// Returns a value for a placeholder, and any other word as it is.
fn value(word: &str) -> &str {
    match word {
        "NAME" => "kind",
        "SHELL" => "bash",
        word => word,
    }
}

/// Returns the arguments of each command line of devplat in the code of a text, with values for its placeholders.
fn commands(text: &str) -> Vec<Vec<&str>> {
    let lines = text.split('`').skip(1).step_by(2).filter_map(|code| code.strip_prefix("devplat "));
    lines.map(|line| line.split_whitespace().map(value).collect()).collect()
}

#[tokio::test]
async fn profile_of_the_readme_has_no_mistake() {
    let (machine, (_, profiles)) = (Machine::new(), readme());
    let [profile] = &profiles[..] else { panic!("README has {} profiles", profiles.len()) };
    machine.write("work/mine.yaml", profile);
    let shown = machine.devplat(&["profiles", "show", "./mine.yaml"]).run().await.unwrap().stdout;
    let own: Vec<&str> = shown
        .lines()
        .filter(|line| line.contains("./mine.yaml:"))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let flavor = "flavors.cpu-huge.resources";
    assert_eq!(
        own,
        [
            "operator.replicas".to_owned(),
            format!("{flavor}.requests.cpu"),
            format!("{flavor}.requests.memory"),
            format!("{flavor}.limits.cpu"),
            format!("{flavor}.limits.memory"),
        ],
        "{shown}"
    );
}

/// The commands in the table succeed without a cluster and without Docker.
#[tokio::test]
async fn other_commands_of_the_readme_succeed() {
    let (machine, (text, _)) = (Machine::new(), readme());
    let (_, below) = text.split_once("\n### Other commands\n").unwrap();
    let (table, _) = below.split_once("\n## ").unwrap();
    let commands = commands(table);
    assert!(commands.len() > 5, "{commands:?}");
    for args in commands {
        let (status, said) = run(machine.devplat(&args)).await;
        assert_eq!(status, 0, "{args:?}: {said}");
    }
}

#[tokio::test]
async fn every_command_in_the_readmes_text_has_its_verb_and_flags() {
    let (machine, (text, _)) = (Machine::new(), readme());
    for words in commands(&text) {
        // The words after `--` are a command of the user's.
        let own = words.split(|word| *word == "--").next().unwrap_or_default();
        let (status, said) = run(machine.devplat(&[own, &["--help"]].concat())).await;
        assert_eq!(status, 0, "{words:?}: {said}");
    }
}
