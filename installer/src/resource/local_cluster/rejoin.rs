//! Connects containers of a cluster to its network again, from which a user has disconnected them.

use std::net::Ipv4Addr;

use devplat_plan::Physical;
use devplat_tool::{
    docker::{Container, Engine},
    local::{ClusterContainers, Maker},
};

use super::record::ClusterRecord;
use crate::{
    failure::{Exit, Failure},
    resource::{Cx, network},
};

/// Connects the containers that keep their addresses again, and stops them, because their programs hold on to the
/// interface that is gone. Fails with the commands to type if one has an address that Docker chooses.
pub(super) async fn rejoin(
    maker: Maker,
    found: &ClusterContainers,
    engine: &Engine,
    cx: &Cx,
) -> Result<(), Failure> {
    let Some(first) = found.nodes().first() else { return Ok(()) };
    let Some(text) = maker.read_record(engine, &first.name).await? else { return Ok(()) };
    let record = ClusterRecord::parse(&text, maker, first, &cx.context)?;
    let network = network::network_name(&cx.context.platform);
    let detached = record.detached(found, &network);
    let address = |one: &Container| record.containers.get(&one.name).copied().flatten();
    let by_hand: Vec<&str> =
        detached.iter().filter(|one| address(one).is_none()).map(|one| one.name.as_str()).collect();
    if !by_hand.is_empty() {
        return Err(disconnected(&by_hand, &network));
    }
    for container in detached {
        if let Some(address) = address(container) {
            connect(container, &network, address, engine, cx).await?;
        }
    }
    Ok(())
}

async fn connect(
    container: &Container,
    network: &str,
    address: Ipv4Addr,
    engine: &Engine,
    cx: &Cx,
) -> Result<(), Failure> {
    let name = &container.name;
    cx.report(format!("connecting {name} to network {network}"));
    let [stopped, joined] = [(); 2].map(|()| Some(Physical(container.id.clone())));
    if container.running {
        // Immediately, because k3d's nodes otherwise drain themselves first.
        cx.call(format!("stop container {name}"), |()| stopped, engine.stop(name, 0)).await?;
    }
    let call = format!("connect container {name} to network {network} at {address}");
    cx.call(call, |()| joined, engine.connect_at(network, name, address)).await
}

/// Returns the failure for containers that the user has to connect again.
fn disconnected(names: &[&str], network: &str) -> Failure {
    let all = names.join(", ");
    let failure =
        Failure::new(Exit::PartWay, format!("{all} cannot be reached outside of network {network}"));
    let connect = names.iter().map(|name| format!("`docker network connect {network} {name}`"));
    let restart = format!("`docker restart {}`", names.join(" "));
    let commands: Vec<String> = connect.chain([restart]).collect();
    failure.hint(format!("connect it again: {}; then run the same command", commands.join(", then ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_names_the_commands_that_connect_a_node_again() {
        let failure = disconnected(&["a-control-plane", "a-worker"], "devplat-a");
        assert_eq!(
            failure.message,
            "a-control-plane, a-worker cannot be reached outside of network devplat-a"
        );
        let commands = "connect it again: `docker network connect devplat-a a-control-plane`, then `docker network \
                        connect devplat-a a-worker`, then `docker restart a-control-plane a-worker`; then run the \
                        same command";
        assert_eq!(failure.hints, [commands]);
    }
}
