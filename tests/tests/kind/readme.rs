//! The README's commands, typed one after the other in one shell, on a machine without a platform.

use std::fs;

use anyhow::{Context, Result, ensure};

use crate::{lane::docker_changes, shared::platform};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md");

pub(crate) fn commands_of_the_readme_work() -> Result<()> {
    let platform = platform()?;
    let _changes = docker_changes();
    let blocks = blocks("sh")?;
    let (first, others) = blocks.split_first().context("the README has commands")?;
    let commands: Vec<&str> = first.lines().filter_map(|line| line.split_whitespace().next()).collect();
    // The first two run this test, or have run before it.
    ensure!(commands == ["./quickstart", "./check"], "the README begins with {commands:?}");
    // The README uses the default name, and expects a user with a key.
    let (state, host) = (format!("devplat/{}/", platform.name), format!("@{}", platform.name));
    let script = others.concat().replace("devplat/devplat/", &state).replace("@devplat", &host);
    // Only the line that opens a shell reads the typed input; the others read nothing.
    let quiet = |line: &str| {
        let runs = line.starts_with("ssh ") && !line.ends_with(&host);
        format!("{line}{}\n", if runs { " </dev/null" } else { "" })
    };
    let script: String = script.lines().map(quiet).collect();
    let key = "mkdir -p ~/.ssh && ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519";
    let typed = platform.type_in(&format!("set -x\n{key}\n{script}"))?.expect(0)?.stdout;
    ensure!(typed.contains("; nothing is left"), "{typed}");
    Ok(())
}

/// Returns the blocks of the README that are marked as `language`.
pub(crate) fn blocks(language: &str) -> Result<Vec<String>> {
    blocks_of(README, language)
}

/// Returns the blocks of a page that are marked as `language`.
pub(crate) fn blocks_of(page: &str, language: &str) -> Result<Vec<String>> {
    let text = fs::read_to_string(page)?;
    let mut blocks = Vec::new();
    let mut open: Option<String> = None;
    for line in text.lines() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(mark)) if mark == language => open = Some(String::new()),
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.push_str(line);
                block.push('\n');
            }
            (None, _) => {}
        }
    }
    Ok(blocks)
}
