//! The output of verbs that change nothing: help, completions, profiles, manifests.

use std::{fmt::Write as _, fs, path::Path};

use anyhow::{Context, Result, ensure};

use crate::shared::platform;

/// The profile `existing` needs this value.
const REGISTRY: &str = "images.registry=registry.example/team";
const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

pub(crate) fn help_of_every_verb_is_as_reviewed() -> Result<()> {
    let platform = platform()?;
    let mut all = String::new();
    let mut open = vec![Vec::new()];
    // Each help lists its subcommands, so this test needs no list that could lack a new verb.
    while let Some(verb) = open.pop() {
        let args: Vec<&str> = verb.iter().map(String::as_str).chain(["--help"]).collect();
        let said = platform.run(&args)?.expect(0)?.stdout;
        let said = said.replace(&platform.name, "NAME");
        let _ = writeln!(all, "$ devplat {}\n{said}", args.join(" "));
        let below = verbs(&said)?.into_iter().map(|name| [&verb[..], &[name]].concat());
        let mut below: Vec<Vec<String>> = below.collect();
        below.reverse();
        open.append(&mut below);
    }
    settings().bind(|| insta::assert_snapshot!("help", all));
    Ok(())
}

/// Returns the verbs in a help text, without `help` itself.
fn verbs(help: &str) -> Result<Vec<String>> {
    let Some((_, below)) = help.split_once("\nCommands:\n") else { return Ok(Vec::new()) };
    let names = below
        .lines()
        .take_while(|line| !line.is_empty())
        // A line that is indented further continues the line above.
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned);
    let names: Vec<String> = names.collect();
    ensure!(!names.is_empty(), "the help lists no verb:\n{help}");
    Ok(names)
}

pub(crate) fn completions_are_printed_for_every_shell() -> Result<()> {
    for (shell, mark) in
        [("bash", "complete -F"), ("zsh", "#compdef devplat"), ("fish", "complete -c devplat")]
    {
        let said = platform()?.run(&["completions", shell])?.expect(0)?.stdout;
        ensure!(said.contains(mark), "completions for {shell} lack {mark:?}:\n{said}");
    }
    Ok(())
}

pub(crate) fn shipped_profiles_are_listed_and_shown_with_origins() -> Result<()> {
    let platform = platform()?;
    let listed = platform.run(&["profiles", "list"])?.expect(0)?.stdout;
    for (name, needs) in [("kind", None), ("existing", Some(REGISTRY))] {
        ensure!(listed.contains(name), "{name} is not listed:\n{listed}");
        let mut show = vec!["profiles", "show", name, "--set", "operator.replicas=1"];
        show.extend(needs.iter().flat_map(|set| ["--set", set]));
        let shown = platform.run(&show)?.expect(0)?.stdout;
        let replicas = shown.lines().find(|line| line.contains("replicas")).context("no replicas shown")?;
        ensure!(replicas.contains("--set"), "the origin is not shown: {replicas}");
    }
    Ok(())
}

pub(crate) fn schema_in_the_repository_is_current() -> Result<()> {
    let said = platform()?.run(&["profiles", "schema"])?.expect(0)?.stdout;
    let checked_in = fs::read_to_string(Path::new(REPOSITORY).join("profiles/schema.json"))?;
    ensure!(said.trim() == checked_in.trim(), "profiles/schema.json is not what devplat prints");
    Ok(())
}

pub(crate) fn manifests_are_rendered_to_a_folder() -> Result<()> {
    let platform = platform()?;
    let folder = platform.home().join("manifests");
    let said =
        platform.run(&["render", "--profile", "kind", "--to", &folder.display().to_string()])?.expect(0)?;
    let count = fs::read_dir(&folder).with_context(|| format!("{said:?}"))?.count();
    ensure!(count > 2, "only {count} files");
    Ok(())
}

pub(crate) fn settings() -> insta::Settings {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings
}
