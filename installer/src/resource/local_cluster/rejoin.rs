//! Connects containers of the platform to its network again, from which a user has disconnected them.

use std::net::Ipv4Addr;

use devplat_plan::Physical;
use devplat_tool::{
    docker::{Container, Engine},
    local::ClusterContainers,
};

use super::record::ClusterRecord;
use crate::{
    failure::Failure,
    resource::{Cx, network},
};

/// Connects the disconnected containers of a cluster again, each at the address that it keeps, if it keeps one.
pub(super) async fn rejoin(
    record: &ClusterRecord,
    found: &ClusterContainers,
    engine: &Engine,
    cx: &Cx,
) -> Result<(), Failure> {
    let network = network::network_name(&cx.context.platform);
    for container in record.detached(found, &network) {
        connect(container, &network, record.address(container), engine, cx).await?;
    }
    Ok(())
}

/// Returns the fault of a container that is not in a network.
pub(in crate::resource) fn is_outside(name: &str, network: &str) -> String {
    format!("{name} is not in network {network}")
}

/// Connects a container to a network, and stops it, because its programs hold on to the interface that is gone. Without an
/// address, the engine chooses one, as at each of its starts.
pub(in crate::resource) async fn connect(
    container: &Container,
    network: &str,
    address: Option<Ipv4Addr>,
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
    let at = address.map(|address| format!(" at {address}")).unwrap_or_default();
    let call = format!("connect container {name} to network {network}{at}");
    cx.call(call, |()| joined, engine.connect_container(network, name, address)).await
}
