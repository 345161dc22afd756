//! Mistakes in the user's input: each is reported with its place and a hint, before the first step.

use std::fs;

use anyhow::{Result, ensure};
use devplat_tests::{call::Ended, platform::Platform};

use crate::{shared::platform, text::settings};

pub(crate) fn five_mistakes_of_a_profile_are_reported_together() -> Result<()> {
    let platform = platform()?;
    let file = platform.home().join("mine.yaml");
    fs::write(
        &file,
        "extends: kind
operater:
  replicas: 1
operator:
  replicas: many
devServers:
  homeSize: 10Gigs
  defaultFlavor: cpu-smal
cluster:
  kind:
    apiServerPort: 70000
",
    )?;
    expect_failure(platform, &["plan", "--profile", &file.display().to_string()], 2, "five mistakes")
}

pub(crate) fn unknown_variable_of_an_overridden_template_is_reported() -> Result<()> {
    let platform = platform()?;
    let folder = platform.home().join("templates");
    fs::create_dir_all(folder.join("flavors"))?;
    fs::write(folder.join("flavors/flavors.yaml.hbs"), "kind: ConfigMap\nname: {{flavours.tiny}}\n")?;
    let folder = folder.display().to_string();
    expect_failure(platform, &["plan", "--profile", "kind", "--templates", &folder], 2, "unknown variable")
}

pub(crate) fn unknown_default_flavor_is_reported() -> Result<()> {
    let set = "devServers.defaultFlavor=gpu-h100";
    expect_failure(platform()?, &["plan", "--profile", "kind", "--set", set], 2, "unknown default flavor")
}

pub(crate) fn name_that_is_not_a_dns_label_is_rejected() -> Result<()> {
    expect_failure(platform()?, &["plan", "--profile", "kind", "--name", "My_Platform"], 2, "not a DNS label")
}

pub(crate) fn malformed_quantity_is_reported() -> Result<()> {
    let set = "flavors.cpu-small.resources.limits.memory=2 Gigabyte";
    expect_failure(platform()?, &["plan", "--profile", "kind", "--set", set], 2, "not a quantity")
}

pub(crate) fn unknown_profile_is_reported_with_the_nearest() -> Result<()> {
    expect_failure(platform()?, &["plan", "--profile", "knid"], 2, "unknown profile")
}

pub(crate) fn journal_of_a_newer_version_is_not_changed() -> Result<()> {
    let platform = Platform::new("newer")?;
    let text = "{\"version\":99}\n{\"of\":\"the future\"}\n";
    with_journal(&platform, text)?;
    expect_failure(&platform, &["up", "--profile", "kind"], 2, "journal of a newer version")?;
    // The plan rests on the resources themselves, so it is shown all the same.
    let Ended { stdout, stderr, .. } = platform.run(&["plan", "--profile", "kind"])?.expect(2)?;
    ensure!(stdout.contains("the longest chain"), "no plan:\n{stdout}");
    said(&platform, "plan with a journal of a newer version", &error_in(&stderr));
    ensure!(fs::read_to_string(platform.state().join("journal.jsonl"))? == text, "the journal was changed");
    Ok(())
}

pub(crate) fn damaged_journal_is_reported_with_its_line() -> Result<()> {
    let platform = Platform::new("damaged")?;
    with_journal(&platform, "{\"version\":1}\n{\"at\":\"20\n{}\n")?;
    expect_failure(&platform, &["up", "--profile", "kind"], 2, "damaged journal")
}

pub(crate) fn unreadable_journal_is_reported() -> Result<()> {
    let platform = Platform::new("unreadable")?;
    fs::create_dir_all(platform.state().join("journal.jsonl"))?;
    expect_failure(&platform, &["up", "--profile", "kind"], 3, "unreadable journal")
}

pub(crate) fn destroy_asks_before_it_deletes() -> Result<()> {
    let platform = Platform::new("asks")?;
    let network = format!("devplat-{}", platform.name);
    let label = format!("dev.devplat.platform={}", platform.name);
    platform.docker(&["network", "create", "--label", &label, &network])?;
    expect_failure(&platform, &["destroy"], 2, "destroy without confirmation")?;
    platform.docker(&["network", "inspect", &network])?;
    platform.run(&["destroy", "--yes"])?.expect(0)?;
    ensure!(!platform.docker(&["network", "ls"])?.contains(&network), "the network is still there");
    Ok(())
}

fn with_journal(platform: &Platform, text: &str) -> Result<()> {
    fs::create_dir_all(platform.state())?;
    Ok(fs::write(platform.state().join("journal.jsonl"), text)?)
}

/// Runs devplat, which must fail with `status` and the message in the snapshot `name`.
pub(crate) fn expect_failure(platform: &Platform, args: &[&str], status: i32, name: &str) -> Result<()> {
    let Ended { stdout, stderr, .. } = platform.run(args)?.expect(status)?;
    ensure!(stdout.is_empty(), "a failure belongs on standard error, this was on standard output:\n{stdout}");
    said(platform, name, &stderr);
    Ok(())
}

/// Compares a text with the snapshot `name`.
pub(crate) fn said(platform: &Platform, name: &str, text: &str) {
    let text = text.replace(&platform.home().display().to_string(), "HOME").replace(&platform.name, "NAME");
    settings().bind(|| insta::assert_snapshot!(name.replace(' ', "_"), text));
}

/// Returns the text from the error on, without the progress before it, which differs from run to run.
pub(crate) fn error_in(text: &str) -> String {
    text.lines().skip_while(|line| !line.starts_with("error:")).collect::<Vec<_>>().join("\n")
}
