//! Networks, and a check whether an address range is left for another one.

use std::{collections::BTreeMap, net::Ipv4Addr};

use bollard::{
    models::{
        EndpointIpamConfig, EndpointSettings, Ipam, IpamConfig, Network as RawNetwork, NetworkConnectRequest,
        NetworkCreateRequest, NetworkDisconnectRequest, NetworkInspect,
    },
    query_parameters::{InspectNetworkOptions, ListNetworksOptions},
};
use ipnet::Ipv4Net;

use super::{Engine, EngineError, absent_is_done, absent_is_none, info::Pool};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    pub id: String,
    /// Its name, which need not be unique.
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// Its address ranges of IPv4 and IPv6.
    pub subnets: Vec<String>,
    /// The running containers in it, by name; empty in lists of networks.
    pub attached: Vec<Attached>,
}

/// A running container in a network.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attached {
    pub name: String,
    pub id: String,
}

impl Engine {
    /// Lists all networks, by name.
    pub async fn networks(&self) -> Result<Vec<Network>, EngineError> {
        let listed = self.docker.list_networks(None::<ListNetworksOptions>).await;
        let listed = listed.map_err(self.error("list networks"))?;
        let mut networks: Vec<Network> = listed.into_iter().map(Network::from).collect();
        networks.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(networks)
    }

    /// Lists the networks of that exact name, by ID: engines before 25 can have several.
    pub async fn networks_named(&self, name: &str) -> Result<Vec<Network>, EngineError> {
        let mut named = self.networks().await?;
        named.retain(|network| network.name == name);
        named.sort_by(|one, other| one.id.cmp(&other.id));
        Ok(named)
    }

    /// Reads the network of that exact name or ID.
    pub async fn network(&self, name: &str) -> Result<Option<Network>, EngineError> {
        let found = self.docker.inspect_network(name, None::<InspectNetworkOptions>).await;
        let found = absent_is_none(found.map_err(self.error(format!("read network {name}"))))?;
        // The engine also finds networks by the beginning of their ID.
        Ok(found.map(Network::from).filter(|network| network.name == name || network.id == name))
    }

    /// Creates a network, in a range of the engine's choice if `subnet` is `None`, and returns its ID. Fails with a
    /// conflict if the name is taken.
    pub async fn create_network(
        &self,
        name: &str,
        labels: &[(String, String)],
        subnet: Option<Ipv4Net>,
    ) -> Result<String, EngineError> {
        let doing = || format!("create network {name}");
        let taken =
            || EngineError::Api { doing: doing(), status: 409, message: "the name is taken".to_owned() };
        // Engines before 25 create a second network of the same name.
        if !self.networks_named(name).await?.is_empty() {
            return Err(taken());
        }
        let request = NetworkCreateRequest {
            name: name.to_owned(),
            driver: Some("bridge".to_owned()),
            labels: Some(labels.iter().cloned().collect()),
            ipam: subnet.map(ipam),
            ..Default::default()
        };
        let created = self.docker.create_network(request).await;
        let created = match created.map_err(self.error(doing())) {
            Ok(created) => created,
            Err(error) => {
                let refused = matches!(&error, EngineError::Api { status, .. } if *status != 409);
                if refused
                    && subnet.is_none()
                    && let Some(exhausted) = self.exhausted().await?
                {
                    return Err(exhausted);
                }
                return Err(self.explained(error).await);
            }
        };
        if self.networks_named(name).await?.len() > 1 {
            self.remove_network(&created.id).await?;
            return Err(taken());
        }
        Ok(created.id)
    }

    /// Deletes the network of that name or ID; fails with status 403 or 409 while a container is in it.
    pub async fn remove_network(&self, name: &str) -> Result<(), EngineError> {
        let removed = self.docker.remove_network(name).await;
        absent_is_done(removed.map_err(self.error(format!("delete network {name}"))))
    }

    /// Disconnects a container from a network, running or not.
    pub async fn disconnect(&self, network: &str, container: &str) -> Result<(), EngineError> {
        let request = NetworkDisconnectRequest { container: container.to_owned(), force: Some(true) };
        let done = self.docker.disconnect_network(network, request).await;
        absent_is_done(
            done.map_err(self.error(format!("disconnect container {container} from network {network}"))),
        )
    }

    /// Connects a container to a network with an address that it keeps, or else with one that the engine chooses at each
    /// start. The engine accepts a given one only in a range that the network was given when it was created.
    pub async fn connect_container(
        &self,
        network: &str,
        container: &str,
        address: Option<Ipv4Addr>,
    ) -> Result<(), EngineError> {
        let fixed = address.map(|address| EndpointIpamConfig {
            ipv4_address: Some(address.to_string()),
            ..Default::default()
        });
        let request = NetworkConnectRequest {
            container: container.to_owned(),
            endpoint_config: Some(EndpointSettings { ipam_config: fixed, ..Default::default() }),
        };
        let done = self.docker.connect_network(network, request).await;
        let at = address.map(|address| format!(" at {address}")).unwrap_or_default();
        done.map_err(self.error(format!("connect container {container} to network {network}{at}")))
    }

    /// Returns the error for exhausted pools, if they are. The engine reports that only as text, so this compares its
    /// pools with the ranges of its networks and, if it is on this machine, with the machine's routes, as the engine
    /// does.
    async fn exhausted(&self) -> Result<Option<EngineError>, EngineError> {
        let networks = self.networks().await?;
        let used: Vec<Ipv4Net> = networks
            .iter()
            .flat_map(|network| &network.subnets)
            .filter_map(|text| text.parse().ok())
            .collect();
        let routes = if self.is_local() {
            std::fs::read_to_string("/proc/net/route").map(|text| routes(&text)).unwrap_or_default()
        } else {
            Vec::new()
        };
        let taken: Vec<Ipv4Net> = used.iter().copied().chain(routes).collect();
        let pools = match self.info().await?.pools {
            given if given.is_empty() => built_in_pools(),
            given => given,
        };
        if first_free(&pools, &taken).is_some() {
            return Ok(None);
        }
        let mut unused = 0;
        for network in networks.iter().filter(|network| !network.subnets.is_empty()) {
            let of_the_engine = matches!(network.name.as_str(), "bridge" | "host" | "none");
            if !of_the_engine && self.containers_of_network(&network.id).await?.is_empty() {
                unused += 1;
            }
        }
        let networks = networks.iter().filter(|network| !network.subnets.is_empty()).count();
        Ok(Some(EngineError::NoAddressRange { networks, unused, free: first_free(&other_pools(), &taken) }))
    }
}

/// Returns the description of a given range. Its gateway is the engine's own choice, and is given because the engine
/// otherwise does not report it for such a range, and k3d needs it.
fn ipam(subnet: Ipv4Net) -> Ipam {
    let range = IpamConfig {
        subnet: Some(subnet.to_string()),
        gateway: subnet.hosts().next().map(|first| first.to_string()),
        ..Default::default()
    };
    Ipam { config: Some(vec![range]), ..Default::default() }
}

/// Returns the first part of a pool that overlaps no taken range.
fn first_free(pools: &[Pool], taken: &[Ipv4Net]) -> Option<Ipv4Net> {
    let overlaps = |one: &Ipv4Net, other: &Ipv4Net| one.contains(other) || other.contains(one);
    pools.iter().find_map(|pool| {
        let mut parts = pool.base.subnets(pool.size).ok()?;
        parts.find(|part| !taken.iter().any(|other| overlaps(part, other)))
    })
}

fn pool(base: [u8; 4], prefix: u8, size: u8) -> Pool {
    Pool { base: Ipv4Net::new_assert(Ipv4Addr::from(base), prefix), size }
}

/// Returns the default pools of an engine.
fn built_in_pools() -> Vec<Pool> {
    vec![
        pool([172, 17, 0, 0], 16, 16),
        pool([172, 18, 0, 0], 16, 16),
        pool([172, 19, 0, 0], 16, 16),
        pool([172, 20, 0, 0], 14, 16),
        pool([172, 24, 0, 0], 14, 16),
        pool([172, 28, 0, 0], 14, 16),
        pool([192, 168, 0, 0], 16, 20),
    ]
}

/// Returns other private ranges (RFC 1918) that clusters do not use for pods and Services.
fn other_pools() -> Vec<Pool> {
    vec![pool([10, 200, 0, 0], 13, 20), pool([10, 160, 0, 0], 11, 20), pool([172, 16, 0, 0], 12, 20)]
}

/// Reads the ranges that a machine has routes to, without the default route, from /proc/net/route.
fn routes(text: &str) -> Vec<Ipv4Net> {
    let number =
        |hex: &str| u32::from_str_radix(hex, 16).ok().map(|number| Ipv4Addr::from(number.swap_bytes()));
    text.lines()
        .skip(1)
        .filter_map(|line| {
            let mut columns = line.split_whitespace();
            let destination = number(columns.nth(1)?)?;
            let mask = number(columns.nth(5)?)?;
            Ipv4Net::with_netmask(destination, mask).ok()
        })
        .filter(|route| route.prefix_len() > 0)
        .collect()
}

impl From<RawNetwork> for Network {
    fn from(raw: RawNetwork) -> Self {
        Self {
            id: raw.id.unwrap_or_default(),
            name: raw.name.unwrap_or_default(),
            labels: raw.labels.unwrap_or_default().into_iter().collect(),
            subnets: subnets(raw.ipam),
            attached: Vec::new(),
        }
    }
}

impl From<NetworkInspect> for Network {
    fn from(raw: NetworkInspect) -> Self {
        let attached = raw.containers.into_iter().flatten();
        let mut attached: Vec<Attached> =
            attached.map(|(id, of)| Attached { name: of.name.unwrap_or_default(), id }).collect();
        attached.sort();
        Self {
            id: raw.id.unwrap_or_default(),
            name: raw.name.unwrap_or_default(),
            labels: raw.labels.unwrap_or_default().into_iter().collect(),
            subnets: subnets(raw.ipam),
            attached,
        }
    }
}

fn subnets(ipam: Option<Ipam>) -> Vec<String> {
    ipam.and_then(|ipam| ipam.config).into_iter().flatten().filter_map(|config| config.subnet).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTES: &str = "\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
lo\t000010AC\t00000000\t0001\t0\t0\t0\t0000F0FF\t0\t0\t0
lo\t0000A8C0\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
";

    #[test]
    fn given_range_has_its_first_address_as_the_gateway() {
        let range = ipam("172.30.0.0/24".parse().unwrap()).config.unwrap().remove(0);
        assert_eq!(range.subnet.as_deref(), Some("172.30.0.0/24"));
        assert_eq!(range.gateway.as_deref(), Some("172.30.0.1"));
    }

    #[test]
    fn routes_to_all_private_ranges_leave_no_pool() {
        let routes = routes(ROUTES);
        assert_eq!(
            routes.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["172.16.0.0/12", "192.168.0.0/16"]
        );
        assert_eq!(first_free(&built_in_pools(), &routes), None);
        assert_eq!(first_free(&other_pools(), &routes).unwrap().to_string(), "10.200.0.0/20");
    }

    #[test]
    fn pools_are_exhausted_after_thirty_one_networks() {
        let mut taken = Vec::new();
        while let Some(next) = first_free(&built_in_pools(), &taken) {
            taken.push(next);
        }
        assert_eq!(taken.len(), 31);
        assert_eq!(taken[30].to_string(), "192.168.240.0/20");
    }

    #[test]
    fn one_free_part_of_a_pool_is_found() {
        let pools = [pool([10, 0, 0, 0], 22, 24)];
        let taken: Vec<Ipv4Net> = ["10.0.0.0/24", "10.0.1.128/25", "10.0.3.0/24"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        assert_eq!(first_free(&pools, &taken).unwrap().to_string(), "10.0.2.0/24");
    }
}
