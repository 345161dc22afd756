//! The platform that most tests here look at, made when the first of them asks.

use std::{
    sync::{Mutex, OnceLock},
    time::{Duration, Instant},
};

use anyhow::{Result, anyhow};
use devplat_tests::{
    bare,
    call::{Ended, until},
    platform::Platform,
};

/// Longer than `up` ever took.
pub(crate) const LONG: Duration = Duration::from_mins(5);

/// How long nothing may happen in a cluster for it to be at rest.
const REST: Duration = Duration::from_secs(5);

/// Names of platforms that were or will be made, each with what there was before.
static MADE: Mutex<Vec<&'static Platform>> = Mutex::new(Vec::new());

/// The shared platform, which need not be there yet.
pub(crate) fn platform() -> Result<&'static Platform> {
    static PLATFORM: OnceLock<Result<&'static Platform, String>> = OnceLock::new();
    let made = PLATFORM.get_or_init(|| new_platform("a").map_err(|error| format!("{error:#}")));
    made.clone().map_err(|message| anyhow!(message))
}

/// Another one.
pub(crate) fn new_platform(suffix: &str) -> Result<&'static Platform> {
    let platform: &'static Platform = Box::leak(Box::new(Platform::new(suffix)?));
    MADE.lock().expect("no test panics while it holds this").push(platform);
    Ok(platform)
}

/// The shared platform, ready.
pub(crate) fn ready() -> Result<&'static Platform> {
    let platform = platform()?;
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
