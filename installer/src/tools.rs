//! Checks the needs of steps on this machine.

mod taken;

use std::net::SocketAddr;

use devplat_plan::{ClusterProgram, Requirement};
use devplat_tool::{
    limits::Inotify,
    local::{self, Maker},
    ports::{self, Port},
};
use ipnet::Ipv4Net;

use crate::{
    failure::{Exit, Failure},
    platform_context::PlatformContext,
};
use taken::{OTHER_PORTS, alternatives};

/// Fails with a hint if this machine does not meet the need.
pub async fn check(requirement: &Requirement, context: &PlatformContext) -> Result<(), Failure> {
    match requirement {
        Requirement::Engine => {
            context.engine()?.info().await?;
            Ok(())
        }
        Requirement::EngineOf(architecture) => {
            let engine = context.engine()?;
            runs(architecture, &engine.info().await?.architecture, &engine.endpoint())
        }
        Requirement::Tool(tool) => program(tool, context).await,
        Requirement::FreePort(address) => free_port(*address, Some(OTHER_PORTS), context).await,
        Requirement::PortOf { container, address } => free_port(*address, None, context)
            .await
            .map_err(|failure| failure.while_doing(format!("cannot start container {container}"))),
        Requirement::FreeNames { program, cluster, names } => {
            let maker = match program {
                ClusterProgram::Kind => Maker::Kind,
                ClusterProgram::K3d => Maker::K3d,
            };
            let all = context.engine()?.all_containers().await?;
            taken::names(maker, cluster, &maker.name_holders(cluster, names, &all))
        }
        Requirement::FreeRange { address, prefix, network, key } => {
            let (engine, range) = (context.engine()?, Ipv4Net::new_assert(*address, *prefix));
            let all = engine.networks().await?;
            let Some(overlapping) = taken::overlapping(range, network, &all) else { return Ok(()) };
            // Only a single network is described with its containers.
            match engine.network(&overlapping.id).await? {
                Some(overlapping) => Err(taken::range(range, key, &overlapping, context.platform.as_str())),
                None => Ok(()),
            }
        }
        Requirement::UsableFile { mistake, hint } => {
            Err(Failure::new(Exit::Usage, mistake).maybe_hint(hint.clone()))
        }
        Requirement::Nodes { new, ended } => match local::inotify::read(context.engine.as_ref()).await {
            Ok(found) => replaced(&found, *new, *ended),
            // If the limits cannot be read, let the user try.
            Err(_) => Ok(()),
        },
    }
}

fn maker(program: &str) -> Option<Maker> {
    Maker::ALL.into_iter().find(|maker| maker.name() == program)
}

/// Fails if a port of this machine cannot be listened on. `choice` is the remedy of choosing another one; the ports of a
/// container are fixed when it is created.
async fn free_port(
    address: SocketAddr,
    choice: Option<&str>,
    context: &PlatformContext,
) -> Result<(), Failure> {
    let state = ports::check(address);
    // Docker listens with its own rights, unless the engine is rootless.
    let rootless = state == Port::NotPermitted && context.engine()?.info().await?.rootless;
    // The process that listens for a container is the engine's own, which only root sees.
    if let (Port::InUse { .. }, Some(engine)) = (&state, &context.engine)
        && let Ok(all) = engine.all_containers().await
        && let Some(container) = all.iter().find(|one| taken::publishes(one, &address))
    {
        return Err(taken::published(address, choice, container, context.platform.as_str()));
    }
    port(address, choice, state, rootless)
}

/// Fails if Docker cannot listen on a port of this machine in this state.
fn port(address: SocketAddr, choice: Option<&str>, state: Port, rootless: bool) -> Result<(), Failure> {
    match state {
        Port::NotPermitted if rootless => Err(not_permitted(address)),
        Port::Free | Port::NotPermitted => Ok(()),
        Port::Refused(kind) => Err(Failure::new(
            Exit::Missing,
            format!("cannot listen on port {address} of this machine: {kind}"),
        )
        .hint(
            "choose another address or port in the profile: sshAddress, sshPort, apiServerPort, portMappings",
        )),
        Port::InUse { holder } => {
            let by = holder.map(|holder| format!(" by {holder}")).unwrap_or_default();
            Err(Failure::new(Exit::Missing, format!("port {address} of this machine is taken{by}"))
                .hint(alternatives("stop the process that listens there (`ss -ltnp` lists it)", choice)))
        }
        Port::NotAnAddressHere { addresses } => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            Err(Failure::new(Exit::Missing, format!("{} is not an address of this machine", address.ip()))
                .hint(format!("this machine has {}", addresses.join(", "))))
        }
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

async fn program(tool: &str, context: &PlatformContext) -> Result<(), Failure> {
    let surroundings = &context.surroundings;
    if let Some(maker) = maker(tool) {
        maker.version(surroundings).await?;
    } else if surroundings.program(tool).is_none() {
        return Err(Failure::new(Exit::Missing, format!("{tool} is not installed"))
            .hint(format!("install {tool}, or put it on the PATH")));
    }
    Ok(())
}

/// Fails if the limits of inotify are too low for `new` nodes once `ended` running ones are deleted.
fn replaced(found: &Inotify, new: u32, ended: u32) -> Result<(), Failure> {
    inotify(&found.without_nodes(ended), new).map_err(|failure| match ended {
        0 => failure,
        _ => failure.while_doing("cannot replace the nodes, even after the old ones are deleted"),
    })
}

/// Fails if the limits of inotify are too low for this many more nodes.
pub fn inotify(found: &Inotify, nodes: u32) -> Result<(), Failure> {
    match found.too_low_for(nodes) {
        None => Ok(()),
        Some(low) => Err(Failure::new(Exit::Missing, low.to_string()).hint(low.hint())),
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, path::Path};

    use super::*;
    use crate::platform_context::testing;

    fn context() -> PlatformContext {
        testing::context(Path::new("/nowhere"))
    }

    #[tokio::test]
    async fn taken_port_and_foreign_address_are_different_failures() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let taken = listener.local_addr().unwrap();
        let failure = check(&Requirement::FreePort(taken), &context()).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Missing);
        let why = format!("port {taken} of this machine is taken by ");
        assert!(failure.message.starts_with(&why), "{failure:?}");
        let foreign = Requirement::FreePort("192.0.2.7:30022".parse().unwrap());
        let failure = check(&foreign, &context()).await.unwrap_err();
        assert_eq!(failure.exit, Exit::Missing);
        assert_eq!(failure.message, "192.0.2.7 is not an address of this machine");
        assert!(failure.hints[0].contains("127.0.0.1"), "{failure:?}");
    }

    #[test]
    fn privileged_port_is_a_failure_only_of_a_rootless_engine() {
        let address: SocketAddr = "127.0.0.1:222".parse().unwrap();
        assert_eq!(port(address, None, Port::NotPermitted, false), Ok(()));
        let failure = port(address, None, Port::NotPermitted, true).unwrap_err();
        assert_eq!(failure.message, "the Docker engine is rootless and may not listen on port 127.0.0.1:222");
        let sysctl = "allow it: `sudo sysctl net.ipv4.ip_unprivileged_port_start=222`";
        assert_eq!(failure.hints[0], sysctl);
        assert!(!failure.hints.concat().contains("stop the process"), "{failure:?}");
    }

    #[test]
    fn low_limit_of_inotify_is_refused_without_a_count_of_its_use() {
        let hidden = |max_instances| Inotify {
            instances: 0,
            max_instances,
            watches: 0,
            max_watches: 8192,
            complete: false,
        };
        assert_eq!(inotify(&hidden(128), 1), Ok(()));
        let failure = inotify(&hidden(24), 1).unwrap_err();
        assert_eq!(failure.exit, Exit::Missing);
        assert!(failure.message.contains("24 inotify instances"), "{failure:?}");
        assert!(failure.hints[0].contains("/etc/sysctl.d/90-devplat.conf"), "{failure:?}");
    }

    #[test]
    fn replaced_nodes_leave_their_share_of_the_limits_to_new_ones() {
        let found =
            Inotify { instances: 54, max_instances: 64, watches: 0, max_watches: 8192, complete: true };
        assert!(replaced(&found, 1, 0).is_err());
        assert_eq!(replaced(&found, 1, 1), Ok(()));
        let failure = replaced(&found, 2, 1).unwrap_err();
        assert_eq!(failure.message, "cannot replace the nodes, even after the old ones are deleted");
        let why = "26 of 64 inotify instances are in use, and the nodes need 56 more";
        assert_eq!(failure.causes, [why]);
    }

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
