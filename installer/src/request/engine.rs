//! The Docker engine of this machine, and its lock.

use devplat_profile::PlatformName;
use devplat_tool::{
    Surroundings,
    docker::{Endpoint, Engine, EngineError},
};

use crate::{
    failure::{Exit, Failure},
    host::Host,
    state::{EngineLock, Location, LockError, StateError},
};

/// Connects to the Docker engine of this machine.
pub async fn local_engine(host: &Host) -> Result<Engine, Failure> {
    refuse_other_machine(host)?;
    Ok(connect(host).await?)
}

/// Connects to the Docker engine that Docker's command would use, and reports a wait for its answer.
pub(super) async fn connect(host: &Host) -> Result<Engine, EngineError> {
    let Endpoint { context: _, address, setting } = Endpoint::of(&host.surroundings)?;
    let what = || format!("the Docker engine at {}{}", address.url(), setting.in_brackets());
    host.ui.awaited(what, Engine::connect(&host.surroundings)).await
}

/// Returns the outcome of this run's attempt to connect; connects if there was none.
pub(super) async fn once_connected(
    tried: Option<Result<Engine, Failure>>,
    host: &Host,
) -> Result<Engine, Failure> {
    match tried {
        Some(outcome) => refuse_other_machine(host).and(outcome),
        None => local_engine(host).await,
    }
}

/// Returns the hint for an engine that cannot be used, if the platform was created in another one.
pub(super) fn other_address(created_in: Option<&Location>, surroundings: &Surroundings) -> Option<String> {
    let Some(Location::Engine { id: _, endpoint: at }) = created_in else { return None };
    let Endpoint { context: _, address, setting } = Endpoint::of(surroundings).ok()?;
    let now = address.url();
    let other = format!("the platform was created in the Docker engine at {at}, and this one is at {now}");
    (now != *at).then(|| format!("{other}{}: name the first one", setting.in_brackets()))
}

/// Fails if the Docker engine is on another machine, by its address alone, because it may not answer for long.
pub(super) fn refuse_other_machine(host: &Host) -> Result<(), Failure> {
    let Endpoint { context: _, address, setting } = Endpoint::of(&host.surroundings)?;
    if address.is_local() {
        return Ok(());
    }
    let (endpoint, setting) = (address.url(), setting.in_brackets());
    Err(Failure::new(Exit::Usage, format!("the Docker engine at {endpoint} is on another machine{setting}, so the cluster's ports would be on that machine's 127.0.0.1"))
        .hint("run devplat on that machine, or use an existing cluster: --profile existing --context NAME")
        .hint(
            "unset DOCKER_HOST and DOCKER_CONTEXT to use the engine of this machine; its address is unix:///PATH or \
             tcp://127.0.0.1:PORT",
        ))
}

/// Locks the platform against other accounts in this engine, whose location may be known already.
pub(super) async fn lock_engine(
    engine: &Engine,
    location: Option<&Location>,
    platform: &PlatformName,
) -> Result<EngineLock, Failure> {
    let id = match location {
        Some(Location::Engine { id, endpoint: _ }) => id.clone(),
        Some(Location::Cluster { .. }) | None => engine.info().await?.id,
    };
    EngineLock::acquire(&id, platform).map_err(|error| match error {
        LockError::Held(holder) => StateError::Held(holder).into(),
        LockError::Io(error) => Failure::of(Exit::Missing, &error).while_doing("cannot lock the platform"),
    })
}
