//! The platform that the tests of a lane share, created on the first use, and calls that several tests make on one.

use std::{
    fs,
    sync::{Mutex, OnceLock},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow, ensure};
use devplat_tests::{
    bare,
    call::{Ended, Running, until},
    folder::Folder,
    platform::Platform,
};
use serde_json::Value;

use crate::lane::{Lane, docker_changes};

/// A limit that `up` never reached.
pub(crate) const LONG: Duration = Duration::from_mins(5);

pub(crate) const UP: [&str; 4] = ["up", "--profile", "kind", "--yes"];

/// Verbs that must not write.
pub(crate) const READ_ONLY: [&[&str]; 5] =
    [&["plan"], &["status"], &["doctor"], &["list"], &["users", "list"]];

/// How long a cluster must be unchanged to be at rest.
const REST: Duration = Duration::from_secs(5);

/// The platforms of this run; [`clear_up`] deletes their leftovers.
static MADE: Mutex<Vec<&'static Platform>> = Mutex::new(Vec::new());

/// Returns the platform of this test's lane, which may not be created yet.
pub(crate) fn platform() -> Result<&'static Platform> {
    static PLATFORMS: [OnceLock<Result<&'static Platform, String>>; 3] = [const { OnceLock::new() }; 3];
    let lane = Lane::here()?;
    let made = PLATFORMS[lane as usize].get_or_init(|| {
        let made = match lane {
            // The tests of this lane kill and undo the assembly of images, so its cache is not shared.
            Lane::Life => new_platform("life"),
            Lane::WayIn => with_shared_cache("way-in"),
            Lane::Ends => with_shared_cache("ends"),
        };
        made.map_err(|error| format!("{error:#}"))
    });
    made.clone().map_err(|message| anyhow!(message))
}

/// Returns another platform.
pub(crate) fn new_platform(suffix: &str) -> Result<&'static Platform> {
    Ok(remembered(Platform::new(suffix)?))
}

/// Returns a platform whose cache others share.
pub(crate) fn with_shared_cache(suffix: &str) -> Result<&'static Platform> {
    static CACHE: OnceLock<Result<Folder, String>> = OnceLock::new();
    let cache = CACHE.get_or_init(|| Folder::new().map_err(|error| format!("{error:#}")));
    let cache = cache.as_ref().map_err(|message| anyhow!(message.clone()))?;
    Ok(remembered(Platform::new(suffix)?.with_cache(cache.path())))
}

fn remembered(platform: Platform) -> &'static Platform {
    let platform: &'static Platform = Box::leak(Box::new(platform));
    MADE.lock().expect("no test panics while it holds this").push(platform);
    platform
}

/// Returns the platform of this test's lane, created and ready.
pub(crate) fn ready() -> Result<&'static Platform> {
    let platform = platform()?;
    let _changes = (!platform.kubeconfig().exists()).then(docker_changes);
    up(platform)?.expect(0)?;
    Ok(platform)
}

/// Runs `devplat up` on a kind cluster.
pub(crate) fn up(platform: &Platform) -> Result<Ended> {
    platform.run(&UP)
}

/// Waits until a run begins a step.
pub(crate) fn began(running: &Running, step: &str) -> Result<()> {
    until(step, LONG, || {
        let said = running.stderr()?;
        let begun = said.lines().any(|line| {
            ["about", "under"].iter().any(|estimate| line.contains(&format!("{step} ({estimate} ")))
        });
        ensure!(begun || !said.contains("error:"), "{said}");
        Ok(begun.then_some(()))
    })
}

pub(crate) fn status(platform: &Platform) -> Result<Value> {
    let said = platform.run(&["status", "--output", "json"])?.expect(0)?.stdout;
    Ok(serde_json::from_str(&said)?)
}

/// Signs in with the command line of `devplat status`.
pub(crate) fn signs_in(platform: &Platform) -> Result<()> {
    let status = status(platform)?;
    ensure!(status["ready"] == true, "{status:#}");
    let line = status["ssh"].as_str().context("no line that signs in")?;
    platform.type_in(&format!("{line} list </dev/null"))?.expect(0)?;
    Ok(())
}

/// Writes the example of a dev server, `mydev`, and returns its file.
pub(crate) fn example(platform: &Platform) -> Result<String> {
    let file = platform.home().join("example.yaml");
    fs::write(&file, platform.run(&["render", "example"])?.expect(0)?.stdout)?;
    Ok(file.display().to_string())
}

/// With control groups v1, runc freezes a container for a moment while it creates it. If the node is stopped in that
/// moment, the container stays frozen, and the node cannot end until the container is thawed manually.
pub(crate) fn containers_are_made(platform: &Platform) -> Result<()> {
    let ready = r#"jsonpath={range .items[*]}{.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}"#;
    until("every pod to be ready", Duration::from_mins(2), || {
        let pods = platform.kubectl(&["get", "pods", "--all-namespaces", "--output", ready])?;
        Ok(pods.lines().all(|pod| pod == "True").then_some(()))
    })
}

/// Waits until the result of `look` stays the same, because Kubernetes has finished earlier changes, and returns it.
pub(crate) fn at_rest<T: PartialEq + Clone>(look: impl Fn() -> Result<T>) -> Result<T> {
    let mut last = (look()?, Instant::now());
    until("the cluster to be at rest", LONG, || {
        let now = look()?;
        if now != last.0 {
            last = (now, Instant::now());
        }
        Ok((last.1.elapsed() > REST).then(|| last.0.clone()))
    })
}

/// Deletes the leftovers of failed tests.
pub(crate) fn clear_up() -> Result<()> {
    let made = MADE.lock().map_err(|_| anyhow!("a test has panicked"))?;
    for platform in made.iter() {
        platform.run(&["destroy", "--yes"])?;
        bare::delete(platform)?;
        platform.sweep()?;
    }
    Ok(())
}
