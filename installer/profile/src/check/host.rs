//! The ports, the addresses and the network range that a local cluster takes of this host.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use super::Check;
use crate::{document, path::KeyPath, profile::PortMapping};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Addresses of a Docker network that no node gets: the network's own, the gateway's, the broadcast address, and one
/// each for a registry and a load balancer.
const OTHER_ADDRESSES: u32 = 5;

/// Ports of this host that lead into a cluster.
pub(super) struct Ports {
    pub(super) api_server: Option<u16>,
    pub(super) ssh: Option<u16>,
    pub(super) ssh_address: IpAddr,
    pub(super) mappings: Vec<PortMapping>,
}

impl Check<'_> {
    pub(super) fn ports(
        &mut self,
        section: &KeyPath,
        api_server: Option<u16>,
        ssh: Option<u16>,
        ssh_address: Option<String>,
        mappings: Option<Vec<document::PortMapping>>,
    ) -> Option<Ports> {
        let given = |port: Option<u16>| port.filter(|port| *port != 0);
        let (api_server, ssh) = (given(api_server), given(ssh));
        let ssh_address = self.address(&section.key("sshAddress"), ssh_address);
        let mut complete = true;
        let mut taken: Vec<(KeyPath, IpAddr, u16)> = Vec::new();
        if let Some(port) = api_server {
            taken.push((section.key("apiServerPort"), LOOPBACK, port));
        }
        if let (Some(port), Some(address)) = (ssh, ssh_address) {
            taken.push((section.key("sshPort"), address, port));
        }
        let mut checked = Vec::new();
        for (index, mapping) in mappings.unwrap_or_default().into_iter().enumerate() {
            let document::PortMapping { host_port, node_port, listen_address } = mapping;
            let path = section.key("portMappings").index(index);
            let Some(listen_address) = self.address(&path.key("listenAddress"), listen_address) else {
                complete = false;
                continue;
            };
            taken.push((path.key("hostPort"), listen_address, host_port));
            checked.push(PortMapping { host_port, node_port, listen_address });
        }
        for (index, (path, address, port)) in taken.iter().enumerate() {
            let other = taken
                .iter()
                .take(index)
                .find(|(_, other, other_port)| port == other_port && overlap(*address, *other));
            if let Some((other, ..)) = other {
                self.wrong(
                    &[path.clone(), other.clone()],
                    format!("port {port} is used twice: by {other} and {path}"),
                );
            }
        }
        checked.sort();
        let ssh_address = ssh_address.filter(|_| complete)?;
        Some(Ports { api_server, ssh, ssh_address, mappings: checked })
    }

    /// Reads an address of this host; loopback if there is none.
    fn address(&mut self, path: &KeyPath, text: Option<String>) -> Option<IpAddr> {
        let Some(text) = text else { return Some(LOOPBACK) };
        let address = text.parse().ok();
        if address.is_none() {
            self.wrong_at(path, format!("{text:?} is not an IP address"));
        }
        address
    }

    /// Reads the address range of a network with `nodes` nodes. The outer `None` means a mistake.
    #[allow(clippy::option_option)]
    pub(super) fn subnet(
        &mut self,
        path: &KeyPath,
        text: Option<String>,
        nodes: u16,
    ) -> Option<Option<IpNet>> {
        let Some(text) = text else { return Some(None) };
        let Ok(network) = text.parse::<IpNet>() else {
            self.wrong_at(path, format!("{text:?} is not an address range; write one such as 172.30.0.0/16"));
            return None;
        };
        if network.addr() != network.network() {
            self.wrong_at(
                path,
                format!("{network} is not the start of its range, which is {}", network.trunc()),
            );
            return None;
        }
        let wanted = u32::from(nodes) + OTHER_ADDRESSES;
        let bits = u32::from(network.max_prefix_len() - network.prefix_len());
        if bits < u32::BITS && 1_u32 << bits < wanted {
            self.wrong_at(
                path,
                format!("{network} has {} addresses; this cluster needs {wanted}", 1_u32 << bits),
            );
            return None;
        }
        Some(Some(network))
    }
}

/// Returns whether a port on one address is also taken on the other.
fn overlap(one: IpAddr, other: IpAddr) -> bool {
    one == other || one.is_unspecified() || other.is_unspecified()
}
