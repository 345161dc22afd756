//! Checks whether the address of an API server leads to nodes of this machine's engine. Many machines have clusters
//! with the same names and ports, so only the whole address decides.

use std::net::SocketAddr;

use crate::{
    docker::Container,
    ports,
    server_address::{ServerAddress, all_loopback},
};

/// The port of the API server in its node.
const PORT: u16 = 6443;

/// Returns whether `server`, from a kubeconfig, is an address of this machine with a port that leads to one of the
/// `containers` of a cluster: a node, or the load balancer in front of several control planes.
pub async fn leads_to(server: &str, containers: &[Container]) -> bool {
    leads_to_port(server, containers, PORT).await
}

/// Returns whether `server` is such an address, for containers in which the API server has this port.
pub async fn leads_to_port(server: &str, containers: &[Container], port: u16) -> bool {
    let Some(address) = address(server) else { return false };
    let mut bindings = containers.iter().filter_map(|one| one.binding(port));
    let published = bindings.any(|bound| Some(bound.port) == address.port);
    if !published {
        return false;
    }
    let Ok(addresses) = address.resolve(port).await else { return false };
    let own = ports::own_addresses();
    let here = |ip: std::net::IpAddr| ip.is_unspecified() || own.contains(&ip.to_canonical());
    all_loopback(&addresses) || (!addresses.is_empty() && addresses.iter().all(|address| here(address.ip())))
}

/// Returns whether `server`, from a kubeconfig, leads to no other addresses than these.
pub async fn is_one_of(server: &str, addresses: &[SocketAddr]) -> bool {
    let Some(address) = address(server) else { return false };
    let Ok(found) = address.resolve(PORT).await else { return false };
    !found.is_empty() && found.iter().all(|one| addresses.contains(one))
}

fn address(server: &str) -> Option<ServerAddress> {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    let address = ServerAddress::of(rest.split('/').next()?);
    address.port.is_some().then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::Binding;

    fn node(port: u16) -> Container {
        let binding = Binding { address: "127.0.0.1".parse().unwrap(), port };
        Container { configured: [(PORT, vec![binding])].into(), ..Container::default() }
    }

    #[tokio::test]
    async fn address_of_this_machine_with_a_published_port_leads_to_the_node() {
        let nodes = [Container::default(), node(6550)];
        for server in [
            "https://127.0.0.1:6550",
            "https://localhost:6550/",
            "https://0.0.0.0:6550",
            "https://[::1]:6550",
        ] {
            assert!(leads_to(server, &nodes).await, "{server}");
        }
    }

    #[tokio::test]
    async fn same_port_of_another_machine_leads_elsewhere() {
        let nodes = [node(6443)];
        for server in ["https://192.0.2.7:6443", "https://127.0.0.1:16443", "https://127.0.0.1", "6443", ""] {
            assert!(!leads_to(server, &nodes).await, "{server}");
        }
        assert!(!leads_to("https://127.0.0.1:6443", &[]).await);
    }
    #[tokio::test]
    async fn address_of_a_node_is_compared_with_its_port() {
        let nodes = ["192.168.49.2:8443".parse().unwrap()];
        assert!(is_one_of("https://192.168.49.2:8443", &nodes).await);
        for server in ["https://192.168.49.2:6443", "https://192.168.49.3:8443", "https://192.168.49.2", ""] {
            assert!(!is_one_of(server, &nodes).await, "{server}");
        }
        let published = [node(6550)];
        assert!(leads_to_port("https://127.0.0.1:6550", &published, PORT).await);
        assert!(!leads_to_port("https://127.0.0.1:6550", &published, 8443).await);
    }
}
