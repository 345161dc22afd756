//! The ports, the addresses and the network range that a local cluster takes of this machine.

use std::{
    net::{IpAddr, Ipv4Addr},
    ops::RangeInclusive,
};

use ipnet::Ipv4Net;

use super::{Check, shown};
use crate::{
    document,
    path::KeyPath,
    profile::{LocalDelivery, LocalRegistry, PortMapping, Provider},
    subnet,
};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// The most port mappings of a cluster.
const MAPPINGS: usize = 100;

/// The values of a section that are about this machine.
pub(super) struct HostValues {
    pub(super) api_server_port: Option<u16>,
    pub(super) ssh_port: Option<u16>,
    pub(super) ssh_address: Option<String>,
    pub(super) port_mappings: Option<Vec<document::PortMapping>>,
}

/// Ports of this machine that lead into a cluster.
pub(super) struct Ports {
    pub(super) api_server: Option<u16>,
    pub(super) ssh: Option<u16>,
    pub(super) ssh_address: IpAddr,
    pub(super) mappings: Vec<PortMapping>,
}

/// The ports of nodes that a Service can have.
pub(super) struct NodePorts {
    pub(super) range: RangeInclusive<u16>,
    /// The value with the port of this machine that leads to the bastion's node port, in a cluster of devplat's.
    pub(super) on_host: Option<KeyPath>,
}

impl Check<'_> {
    /// Returns the node ports of a cluster. Only a configuration file can change the range in a new cluster; the API
    /// server of an existing one knows its own.
    pub(super) fn node_ports(cluster: &document::Cluster) -> NodePorts {
        let (name, file) = match cluster.provider {
            Provider::Kind => ("kind", &cluster.kind.config_file),
            Provider::K3d => ("k3d", &cluster.k3d.config_file),
            // EKS has no key for another range.
            Provider::Eks => return NodePorts { range: 30_000..=32_767, on_host: None },
            Provider::Existing => return NodePorts { range: 1..=u16::MAX, on_host: None },
        };
        let on_host = Some(KeyPath::known("cluster").key(name).key("sshPort"));
        let range = if file.is_none() { 30_000..=32_767 } else { 1..=u16::MAX };
        NodePorts { range, on_host }
    }

    pub(super) fn ports(
        &mut self,
        section: &KeyPath,
        values: HostValues,
        delivery: Option<&LocalDelivery>,
    ) -> Option<Ports> {
        let HostValues { api_server_port, ssh_port, ssh_address, port_mappings } = values;
        let given = |port: Option<u16>| port.filter(|port| *port != 0);
        let (api_server, ssh) = (given(api_server_port), given(ssh_port));
        let ssh_address = self.address(&section.key("sshAddress"), ssh_address);
        let mut complete = true;
        let mut taken: Vec<(KeyPath, IpAddr, u16)> = Vec::new();
        if let Some(port) = api_server {
            taken.push((section.key("apiServerPort"), LOOPBACK, port));
        }
        if let (Some(port), Some(address)) = (ssh, ssh_address) {
            taken.push((section.key("sshPort"), address, port));
        }
        if let Some(LocalDelivery::LocalRegistry(LocalRegistry { image: _, host_port: Some(port) })) =
            delivery
        {
            taken.push((KeyPath::known("images.local.port"), LOOPBACK, *port));
        }
        let mappings = port_mappings.unwrap_or_default();
        self.at_most(&section.key("portMappings"), mappings.len(), MAPPINGS);
        let mut checked = Vec::new();
        for (index, mapping) in mappings.into_iter().take(MAPPINGS).enumerate() {
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

    /// Reads an address of this machine; loopback if there is none.
    fn address(&mut self, path: &KeyPath, text: Option<String>) -> Option<IpAddr> {
        let Some(text) = text else { return Some(LOOPBACK) };
        let Ok(address) = text.parse::<IpAddr>() else {
            self.wrong_at(path, format!("{} is not an IP address", shown(&text)));
            return None;
        };
        // `::ffff:127.0.0.1` is 127.0.0.1 for Docker.
        let address = address.to_canonical();
        let why = match address {
            IpAddr::V4(v4) if v4.is_broadcast() => Some("a broadcast address"),
            IpAddr::V6(v6) if v6.is_unicast_link_local() => Some("a link-local address, which needs a zone"),
            IpAddr::V4(_) | IpAddr::V6(_) => address.is_multicast().then_some("a multicast address"),
        };
        match why {
            None => Some(address),
            Some(why) => {
                self.wrong_at(path, format!("{path}: no program can listen on {address}, {why}"));
                None
            }
        }
    }

    /// Reads the address range of a network. The outer `None` means a mistake.
    #[allow(clippy::option_option)]
    pub(super) fn subnet(
        &mut self,
        path: &KeyPath,
        text: Option<String>,
        wanted: subnet::Use<'_>,
    ) -> Option<Option<Ipv4Net>> {
        let Some(text) = text else { return Some(None) };
        match subnet::parse(&text, wanted) {
            Ok(network) => Some(Some(network)),
            Err(error) => {
                self.wrong_at(path, format!("{path}: {} cannot be used: {error}", shown(&text)));
                None
            }
        }
    }
}

/// Returns whether a port on one address is also taken on the other.
fn overlap(one: IpAddr, other: IpAddr) -> bool {
    one == other || one.is_unspecified() || other.is_unspecified()
}
