//! Checks devplat's assumptions about the Docker engine on the real one.

use anyhow::{Result, anyhow, ensure};
use devplat_tests::platform::Platform;
use devplat_tool::{
    Surroundings,
    checks::{self, CheckResult},
    docker::Engine,
};

use crate::{lane::docker_changes, shared::ready};

/// The registry image that is built if none can be pulled.
const BUILT_REGISTRY: &str = "devplat/registry:v3";
/// The registry image that devplat pulls otherwise.
const REGISTRY: &str = "docker.io/library/registry:3";

pub(crate) fn engine_meets_devplats_assumptions() -> Result<()> {
    let platform = ready()?;
    let _changes = docker_changes();
    let (node, prefix) = (format!("{}-control-plane", platform.name), format!("{}-check", platform.name));
    let image = registry(platform)?;
    let checked = tokio::runtime::Runtime::new()?.block_on(async {
        let engine = Engine::connect(&Surroundings::new(std::env::vars_os(), None)).await?;
        passed("network", checks::network_comes_and_goes(&engine, &prefix).await)?;
        passed("container", checks::container_comes_and_goes(&engine, &prefix, image, &[]).await)?;
        passed("input", checks::input_reaches_a_command_whole(&engine, &node).await)?;
        passed("absent things", checks::absent_things_are_none(&engine, &prefix).await)
    });
    // The leftovers of a failed check.
    let remains = format!(
        "docker rm --force --volumes {prefix}-container; docker volume rm {prefix}-volume; \
         docker network rm {prefix}-network {prefix}-of-container; true"
    );
    platform.call("/bin/sh")?.args(["-c", &remains]).run(crate::shared::LONG)?;
    checked
}

fn passed(what: &str, outcome: CheckResult) -> Result<()> {
    outcome.map_err(|error| anyhow!("{what}: {error}"))
}

fn registry(platform: &Platform) -> Result<&'static str> {
    if platform.docker(&["images", "--quiet", BUILT_REGISTRY])?.trim().is_empty() {
        let pulled = platform.docker(&["pull", "--quiet", REGISTRY])?;
        ensure!(!pulled.is_empty(), "no image of a registry");
        return Ok(REGISTRY);
    }
    Ok(BUILT_REGISTRY)
}
