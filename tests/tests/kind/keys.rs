//! The generated key of a user whose files were lost or damaged.

use std::{fs, time::Duration};

use anyhow::{Context, Result, ensure};
use devplat_tests::{
    call::until,
    platform::{Platform, on_path},
};
use serde_json::Value;

use crate::shared::{LONG, ready, up};

pub(crate) fn lost_or_damaged_keys_are_restored() -> Result<()> {
    let platform = ready()?;
    let ssh = platform.state().join("ssh");
    let (private, public) = (ssh.join("demo.key"), ssh.join("demo.pub"));
    let read = || Ok::<_, anyhow::Error>((fs::read_to_string(&private)?, fs::read_to_string(&public)?));
    let before = read()?;
    fs::remove_file(&public)?;
    restores(platform, &["key of user demo"])?;
    ensure!(read()? == before, "another pair replaced one whose public key was lost");
    fs::write(&public, "rubbish\n")?;
    restores(platform, &["key of user demo"])?;
    ensure!(read()? == before, "another pair replaced one whose public key was damaged");

    fs::write(&private, &before.0[..before.0.len() / 2])?;
    restores(platform, &["dev server for the proof", "key of user demo", "proof", "release users"])?;
    let now = read()?;
    ensure!(now.0 != before.0 && now.1 != before.1, "the damaged key is still in use");
    let line = json(platform, "status")?["ssh"].as_str().context("no ssh line")?.to_owned();
    until("the new key to sign in", Duration::from_secs(30), || {
        let call = platform.call(on_path("bash")?)?.args(["-c", &format!("{line} list")]);
        Ok((call.run(LONG)?.status == Some(0)).then_some(()))
    })
}

/// Runs `up`, which must restore the platform by these steps, in alphabetical order.
fn restores(platform: &Platform, steps: &[&str]) -> Result<()> {
    let status = json(platform, "status")?;
    ensure!(status["ready"] == false, "{status:#}");
    let plan = json(platform, "plan")?;
    let all = plan["steps"].as_array().context("a plan has steps")?;
    let changes = all.iter().filter(|step| step["action"] != "keep");
    let mut planned: Vec<&str> = changes.filter_map(|step| step["id"].as_str()).collect();
    planned.sort_unstable();
    ensure!(planned == steps, "{planned:?}");
    up(platform)?.expect(0)?;
    let again = up(platform)?.expect(0)?.stderr;
    ensure!(again.contains("nothing to change"), "{again}");
    Ok(())
}

/// Runs a verb and returns its JSON.
fn json(platform: &Platform, verb: &str) -> Result<Value> {
    let said = platform.run(&[verb, "--output", "json"])?.expect(0)?.stdout;
    Ok(serde_json::from_str(&said)?)
}
