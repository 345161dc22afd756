//! Fixed addresses for the nodes of a k3d cluster with several servers. k3s stores the addresses of its servers in
//! etcd, and the cluster never answers again if Docker later starts them with others. k3d itself fixes addresses only in
//! a network that it creates, which would not have devplat's mark.

use std::net::Ipv4Addr;

use devplat_plan::Physical;
use devplat_tool::{
    docker::{Container, Engine},
    local::Maker,
};
use futures::future::try_join_all;

use super::{Cx, network};
use crate::failure::{Exit, Failure};

/// Makes every node of a new cluster keep its present address, and restarts the nodes. Agents too, because an agent that
/// starts first could get the address of a server. After an interrupt in between, the cluster has no record, so the next
/// run replaces it.
pub(super) async fn fix(engine: &Engine, cx: &Cx) -> Result<(), Failure> {
    let platform = &cx.context.platform;
    let own = network::named(engine, platform).await?.pop();
    let Some(own) = own.filter(network::fixes_addresses) else {
        cx.remark(&format!(
            "its network is of an older devplat: after a restart of Docker its servers can get other addresses, with \
             which they do not start; `{}` and then `{}` replace the network",
            cx.context.command("destroy"),
            cx.context.command("up")
        ));
        return Ok(());
    };
    let nodes = Maker::K3d.nodes(engine, platform.as_str()).await?;
    let addresses = nodes.iter().map(|node| address(node, &own.name)).collect::<Result<Vec<_>, Failure>>()?;
    cx.report("fixing the addresses of its nodes");
    try_join_all(nodes.iter().map(|node| stop(node, engine, cx))).await?;
    for (node, address) in nodes.iter().zip(addresses) {
        let (name, network) = (&node.name, &own.name);
        let call = format!("disconnect container {name} from network {network}");
        let (left, joined) = (physical(node), physical(node));
        cx.call(call, |()| Some(left), engine.disconnect(network, name)).await?;
        let call = format!("connect container {name} to network {network} at {address}");
        cx.call(call, |()| Some(joined), engine.connect_container(network, name, Some(address))).await?;
    }
    for node in &nodes {
        let started = physical(node);
        cx.call(format!("start container {}", node.name), |()| Some(started), engine.start(&node.name))
            .await?;
    }
    Ok(())
}

/// Kills a node, because k3d's nodes otherwise drain themselves first. Its data survives that, as it does a power cut.
async fn stop(node: &Container, engine: &Engine, cx: &Cx) -> Result<(), Failure> {
    let stopped = physical(node);
    cx.call(format!("stop container {}", node.name), |()| Some(stopped), engine.stop(&node.name, 0)).await
}

fn physical(node: &Container) -> Physical {
    Physical(node.id.clone())
}

/// Returns the address of a running node in a network.
fn address(node: &Container, network: &str) -> Result<Ipv4Addr, Failure> {
    node.networks.get(network).and_then(|address| address.parse().ok()).ok_or_else(|| {
        let why = format!("container {} has no address in network {network}", node.name);
        Failure::new(Exit::PartWay, why)
            .hint(format!("read `docker logs {}`, then run the same command again", node.name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_that_ended_has_no_address_to_keep() {
        let node = |address: &str| Container {
            name: "k3d-a-server-0".to_owned(),
            networks: [("devplat-a".to_owned(), address.to_owned())].into(),
            ..Container::default()
        };
        assert_eq!(address(&node("172.18.0.3"), "devplat-a").unwrap(), Ipv4Addr::new(172, 18, 0, 3));
        for (ended, network) in [(node(""), "devplat-a"), (node("172.18.0.3"), "bridge")] {
            let failure = address(&ended, network).unwrap_err();
            assert!(failure.one_line().contains("k3d-a-server-0"), "{}", failure.one_line());
        }
    }
}
