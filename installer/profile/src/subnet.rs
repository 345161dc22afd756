//! The address range of a cluster's Docker network.

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

/// Addresses of a Docker network that no node gets: the network's own, the gateway's, the broadcast address, and one
/// each for a registry and a load balancer.
const OTHER_ADDRESSES: u32 = 5;
/// The prefix length of the largest range. Docker's own ranges are not larger, and a range hides all other hosts in it
/// from this machine.
const LARGEST: u8 = 16;
/// Ranges that no network can have.
const SPECIAL: [(Ipv4Net, &str); 5] = [
    (net([0, 0, 0, 0], 8), "is reserved"),
    (net([127, 0, 0, 0], 8), "is for loopback addresses"),
    (net([169, 254, 0, 0], 16), "is for link-local addresses"),
    (net([224, 0, 0, 0], 4), "is for multicast addresses"),
    (net([240, 0, 0, 0], 4), "is reserved"),
];

/// The use of a subnet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Use<'a> {
    /// How many nodes get an address.
    pub(crate) nodes: u16,
    /// The ranges of pods and Services in the cluster.
    pub(crate) inside: &'a [Ipv4Net],
}

/// Why a text is not a usable range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidSubnet {
    #[error("it is not an address range; write one such as 172.30.0.0/16")]
    Syntax,
    #[error("it is an IPv6 range; nodes need an IPv4 range such as 172.30.0.0/16")]
    Version,
    #[error("it is not the start of its range, which is {0}")]
    Start(Ipv4Net),
    #[error("it is larger than a /{LARGEST}, and hides all other hosts in it from this machine")]
    TooLarge,
    #[error("it has {addresses} addresses; this cluster needs {needed}")]
    TooSmall { addresses: u32, needed: u32 },
    #[error("{range} {purpose}")]
    Special { range: Ipv4Net, purpose: &'static str },
    #[error("the cluster uses {0} for its pods or Services")]
    Inside(Ipv4Net),
}

const fn net(address: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = address;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

/// Reads a range for this use.
pub(crate) fn parse(text: &str, wanted: Use<'_>) -> Result<Ipv4Net, InvalidSubnet> {
    let network = match text.parse::<IpNet>() {
        Ok(IpNet::V4(network)) => network,
        Ok(IpNet::V6(_)) => return Err(InvalidSubnet::Version),
        Err(_) => return Err(InvalidSubnet::Syntax),
    };
    if network.addr() != network.network() {
        return Err(InvalidSubnet::Start(network.trunc()));
    }
    if network.prefix_len() < LARGEST {
        return Err(InvalidSubnet::TooLarge);
    }
    let addresses = 1_u32 << (network.max_prefix_len() - network.prefix_len());
    let needed = u32::from(wanted.nodes) + OTHER_ADDRESSES;
    if addresses < needed {
        return Err(InvalidSubnet::TooSmall { addresses, needed });
    }
    if let Some((range, purpose)) = SPECIAL.into_iter().find(|(range, _)| range.contains(&network)) {
        return Err(InvalidSubnet::Special { range, purpose });
    }
    let overlaps = |range: &&Ipv4Net| range.contains(&network) || network.contains(*range);
    match wanted.inside.iter().find(overlaps) {
        Some(range) => Err(InvalidSubnet::Inside(*range)),
        None => Ok(network),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PODS: Ipv4Net = net([10, 244, 0, 0], 16);

    fn parsed(text: &str, nodes: u16) -> Result<String, InvalidSubnet> {
        parse(text, Use { nodes, inside: &[PODS] }).map(|network| network.to_string())
    }

    #[test]
    fn ranges_that_hold_the_nodes_are_accepted() {
        for text in ["172.30.0.0/16", "10.89.0.0/24", "192.168.7.0/29", "100.64.0.0/20", "10.245.0.0/16"] {
            assert_eq!(parsed(text, 3), Ok(text.to_owned()));
        }
    }

    #[test]
    fn other_ranges_are_rejected_with_the_reason() {
        let special =
            |range: [u8; 4], prefix, purpose| InvalidSubnet::Special { range: net(range, prefix), purpose };
        for (text, reason) in [
            ("", InvalidSubnet::Syntax),
            ("172.30.0.0", InvalidSubnet::Syntax),
            ("172.30.0.0/33", InvalidSubnet::Syntax),
            ("172.30.0.0/-1", InvalidSubnet::Syntax),
            ("172.30.0.0-172.30.0.9", InvalidSubnet::Syntax),
            ("fd00:1::/64", InvalidSubnet::Version),
            ("172.30.0.1/16", InvalidSubnet::Start(net([172, 30, 0, 0], 16))),
            ("0.0.0.0/0", InvalidSubnet::TooLarge),
            ("10.0.0.0/8", InvalidSubnet::TooLarge),
            ("172.30.0.0/15", InvalidSubnet::TooLarge),
            ("172.30.0.0/30", InvalidSubnet::TooSmall { addresses: 4, needed: 8 }),
            ("172.30.0.0/32", InvalidSubnet::TooSmall { addresses: 1, needed: 8 }),
            ("0.0.0.0/16", special([0, 0, 0, 0], 8, "is reserved")),
            ("127.0.0.0/16", special([127, 0, 0, 0], 8, "is for loopback addresses")),
            ("169.254.7.0/24", special([169, 254, 0, 0], 16, "is for link-local addresses")),
            ("224.1.0.0/16", special([224, 0, 0, 0], 4, "is for multicast addresses")),
            ("255.255.255.0/24", special([240, 0, 0, 0], 4, "is reserved")),
            ("10.244.9.0/24", InvalidSubnet::Inside(PODS)),
        ] {
            assert_eq!(parsed(text, 3), Err(reason), "{text:?}");
        }
    }
}
