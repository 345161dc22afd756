//! The platform that the tests of a lane look at, made when the first of them asks.

use std::{
    sync::{Mutex, OnceLock},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use devplat_tests::{
    bare,
    call::{Ended, until},
    folder::Folder,
    platform::Platform,
};

use crate::lane::{Lane, docker_changes};

/// Longer than `up` ever took.
pub(crate) const LONG: Duration = Duration::from_mins(5);

/// How long nothing may happen in a cluster for it to be at rest.
const REST: Duration = Duration::from_secs(5);

/// Names of platforms that were or will be made, each with what there was before.
static MADE: Mutex<Vec<&'static Platform>> = Mutex::new(Vec::new());

/// The platform of this test's lane, which need not be there yet.
pub(crate) fn platform() -> Result<&'static Platform> {
    static PLATFORMS: [OnceLock<Result<&'static Platform, String>>; 3] = [const { OnceLock::new() }; 3];
    let lane = Lane::here()?;
    let made = PLATFORMS[lane as usize].get_or_init(|| {
        let made = match lane {
            // Its images are among what is killed and undone.
            Lane::Life => new_platform("life"),
            Lane::WayIn => with_shared_cache("way-in"),
            Lane::Ends => with_shared_cache("ends"),
        };
        made.map_err(|error| format!("{error:#}"))
    });
    made.clone().map_err(|message| anyhow!(message))
}

/// Another one.
pub(crate) fn new_platform(suffix: &str) -> Result<&'static Platform> {
    Ok(remembered(Platform::new(suffix)?))
}

/// One that finds what others of this kind put together.
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

/// The platform of this test's lane, ready.
pub(crate) fn ready() -> Result<&'static Platform> {
    let platform = platform()?;
    let _changes = (!platform.kubeconfig().exists()).then(docker_changes);
    up(platform)?.expect(0)?;
    Ok(platform)
}

/// `devplat up` on a kind cluster.
pub(crate) fn up(platform: &Platform) -> Result<Ended> {
    platform.run(&["up", "--profile", "kind", "--yes"])
}

/// What `look` sees once Kubernetes itself is done with what went before: the same for a while.
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

/// Takes away what tests left that failed; what did not fail left nothing.
pub(crate) fn clear_up() -> Result<()> {
    let made = MADE.lock().map_err(|_| anyhow!("a test broke off"))?;
    for platform in made.iter() {
        platform.run(&["destroy", "--yes"])?;
        bare::delete(platform)?;
        platform.sweep()?;
    }
    Ok(())
}
