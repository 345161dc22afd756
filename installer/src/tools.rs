//! Checks the needs of steps on this machine.

use std::net::SocketAddr;

use devplat_plan::Takes;
use devplat_tool::{
    limits::{self, Inotify},
    local::{k3d, kind},
    ports::{self, Port},
};

use crate::{
    failure::{Exit, Failure},
    world::World,
};

/// Fails with a hint if this machine does not meet the need.
pub async fn has(takes: &Takes, world: &World) -> Result<(), Failure> {
    match takes {
        Takes::Engine => {
            world.engine()?.info().await?;
            Ok(())
        }
        Takes::EngineOf(architecture) => {
            let engine = world.engine()?;
            runs(architecture, &engine.info().await?.architecture, &engine.endpoint())
        }
        Takes::Tool(tool) => program(tool, world).await,
        Takes::FreePort(address) => match ports::check(*address) {
            // Docker listens with its own rights, unless the engine is rootless.
            Port::NotPermitted if world.engine()?.info().await?.rootless => Err(not_permitted(*address)),
            Port::Free | Port::NotPermitted => Ok(()),
            Port::Refused(kind) => Err(Failure::new(
                Exit::Missing,
                format!("cannot listen on port {address} of this machine: {kind}"),
            )
            .hint("choose another address or port in the profile: sshAddress, sshPort, apiServerPort, portMappings")),
            Port::InUse { holder } => {
                let by = holder.map(|holder| format!(" by {holder}")).unwrap_or_default();
                Err(Failure::new(Exit::Missing, format!("port {address} of this machine is taken{by}"))
                    .hint("stop the process that listens there (`ss -ltnp` lists it), or choose other ports in the profile: sshPort, apiServerPort, portMappings"))
            }
            Port::NotAnAddressHere { addresses } => {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                Err(Failure::new(
                    Exit::Missing,
                    format!("{} is not an address of this machine", address.ip()),
                )
                .hint(format!("this machine has {}", addresses.join(", "))))
            }
        },
        Takes::InotifyInstances(needed) => inotify(*needed),
    }
}

/// Returns the failure for a privileged port, which a rootless engine cannot open.
fn not_permitted(address: SocketAddr) -> Failure {
    let port = address.port();
    Failure::new(Exit::Missing, format!("the Docker engine is rootless and may not listen on port {address}"))
        .hint(format!("allow it: `sudo sysctl net.ipv4.ip_unprivileged_port_start={port}`"))
        .hint("or choose a port from 1024 on in the profile: sshPort, apiServerPort, portMappings")
}

/// Fails if the engine's machine has another processor: even if it emulates ours, containerd rejects the images.
fn runs(architecture: &str, machine: &str, endpoint: &str) -> Result<(), Failure> {
    let found = match machine {
        // An engine that does not report its processor may have any.
        "" => architecture,
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    if found == architecture {
        return Ok(());
    }
    let why = format!(
        "the Docker engine at {endpoint} is on a machine of {found}; devplat's images are for {architecture}"
    );
    Err(Failure::new(Exit::Missing, why)
        .hint(format!("use an engine on a machine of {architecture}: DOCKER_HOST or DOCKER_CONTEXT names it"))
        .hint("or a cluster with such nodes: --profile existing --context NAME"))
}

async fn program(tool: &str, world: &World) -> Result<(), Failure> {
    let surroundings = &world.surroundings;
    match tool {
        "kind" => kind::version(surroundings).await.map(drop)?,
        "k3d" => k3d::version(surroundings).await.map(drop)?,
        other => {
            if surroundings.program(other).is_none() {
                return Err(Failure::new(Exit::Missing, format!("{other} is not installed"))
                    .hint(format!("install {other}, or put it on the PATH")));
            }
        }
    }
    Ok(())
}

/// Checks the inotify instances of root, because nodes run as root.
fn inotify(needed: u32) -> Result<(), Failure> {
    // If the limit cannot be read, let the user try.
    let Ok(found) = limits::inotify_of_root() else { return Ok(()) };
    if found.instances_left() >= u64::from(needed) {
        return Ok(());
    }
    let Inotify { instances: used, max_instances: max, watches: _, max_watches: _, complete: _ } = found;
    let enough = (max * 2).max(512);
    Err(Failure::new(Exit::Missing, format!("{used} of {max} inotify instances are in use, and the cluster needs {needed}"))
        .hint(format!("allow more: `sudo sysctl fs.inotify.max_user_instances={enough}`"))
        .hint(format!("to keep it over a reboot: echo fs.inotify.max_user_instances={enough} | sudo tee /etc/sysctl.d/90-devplat.conf")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engine_on_another_processor_is_rejected() {
        for machine in ["x86_64", "amd64", ""] {
            assert_eq!(runs("amd64", machine, "unix:///s"), Ok(()), "{machine}");
        }
        let failure = runs("amd64", "aarch64", "unix:///s").unwrap_err();
        assert_eq!(failure.exit, Exit::Missing);
        assert_eq!(
            failure.message,
            "the Docker engine at unix:///s is on a machine of arm64; devplat's images are for amd64"
        );
    }
}
