//! The Docker engine of this machine, and its lock.

use devplat_profile::PlatformName;
use devplat_tool::docker::{Endpoint, Engine};

use crate::{
    context::PlatformContext,
    failure::{Exit, Failure},
    host::Host,
    state::{EngineLock, LockError, StateError},
};

/// Connects to the Docker engine of this machine. One of another machine is refused by its address alone, because it may
/// not answer for long.
pub async fn local_engine(host: &Host) -> Result<Engine, Failure> {
    let address = Endpoint::of(&host.surroundings)?.address;
    if address.is_local() {
        return Ok(Engine::connect(&host.surroundings).await?);
    }
    let endpoint = address.url();
    Err(Failure::new(Exit::Usage, format!("the Docker engine at {endpoint} is on another machine, so the cluster's ports would be on that machine's 127.0.0.1"))
        .hint("run devplat on that machine, or use an existing cluster: --profile existing --context NAME")
        .hint("unset DOCKER_HOST and DOCKER_CONTEXT to use the engine of this machine"))
}

/// Locks the platform against other accounts in its Docker engine, if it uses one.
pub async fn lock_engine(context: &PlatformContext) -> Result<Option<EngineLock>, Failure> {
    match &context.engine {
        None => Ok(None),
        Some(engine) => Ok(Some(engine_lock(&engine.info().await?.id, &context.platform)?)),
    }
}

/// Locks the platform in the engine with this id.
pub(super) fn engine_lock(id: &str, platform: &PlatformName) -> Result<EngineLock, Failure> {
    EngineLock::acquire(id, platform).map_err(|error| match error {
        LockError::Held(holder) => StateError::Held(holder).into(),
        LockError::Io(error) => Failure::of(Exit::Missing, &error).while_doing("cannot lock the platform"),
    })
}
