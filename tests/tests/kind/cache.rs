//! The cache of Kubernetes' programs: an entry is complete or absent, also with concurrent and killed runs.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use devplat_tests::{
    call::{Call, until},
    platform::{Platform, on_path},
};
use rustix::process::{Pid, Signal, kill_process};

use crate::shared::platform;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/kubernetes/cache.sh");
const BOUND: Duration = Duration::from_secs(30);

pub(crate) fn concurrent_runs_make_an_entry_once() -> Result<()> {
    let platform = platform()?;
    let place = platform.home().join("twice/thing");
    let make = "make() { echo made >>\"$LOG\"; sleep 0.3; touch \"$1/whole\"; }; cached \"$PLACE\" make";
    let both = [shell(platform, &place, make)?.start()?, shell(platform, &place, make)?.start()?];
    for one in both {
        one.wait(BOUND)?.expect(0)?;
    }
    ensure!(place.join("whole").exists(), "the entry is absent");
    let log = fs::read_to_string(place.with_extension("log"))?;
    ensure!(log == "made\n", "the entry was made more than once: {log:?}");
    Ok(())
}

pub(crate) fn killed_maker_leaves_no_partial_entry() -> Result<()> {
    let platform = platform()?;
    let place = platform.home().join("killed/thing");
    let log = place.with_extension("log");
    let slow = "make() { touch \"$1/half\"; echo $BASHPID >\"$LOG.new\"; mv \"$LOG.new\" \"$LOG\"; exec sleep 60; }; cached \"$PLACE\" make";
    let running = shell(platform, &place, slow)?.start()?;
    until("the maker to start", BOUND, || Ok(log.exists().then_some(())))?;
    running.signal(Signal::KILL)?;
    ensure!(!place.exists(), "the entry exists although its maker was killed");
    // The child of the killed script still holds the lock, as a build would until it ends.
    let left = fs::read_to_string(&log)?.trim().parse().ok().and_then(Pid::from_raw);
    kill_process(left.context("the maker wrote no process ID")?, Signal::KILL)?;
    let quick = "make() { [ ! -e \"$1/half\" ]; touch \"$1/whole\"; }; cached \"$PLACE\" make";
    shell(platform, &place, quick)?.run(BOUND)?.expect(0)?;
    ensure!(place.join("whole").exists() && !place.join("half").exists(), "the partial entry still exists");
    Ok(())
}

fn shell(platform: &Platform, place: &Path, script: &str) -> Result<Call> {
    fs::create_dir_all(place.parent().unwrap_or(place))?;
    let script = format!("set -euo pipefail; . {SCRIPT}; {script}");
    Ok(platform
        .call(on_path("bash")?)?
        .env("PLACE", place)
        .env("LOG", place.with_extension("log"))
        .args(["-c", &script]))
}
