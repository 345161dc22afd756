//! The ranges of a VPC and of the Services of its cluster.

use std::net::Ipv4Addr;

use ipnet::{IpNet, Ipv4Net};

/// The range of a VPC that the profile gives none. Few networks have it, so that a later connection to one does not
/// fail because of an overlap.
pub(crate) const DEFAULT_VPC: Ipv4Net = net([10, 90, 0, 0], 16);
/// The ranges that Services get if the profile gives none: the first that does not overlap the VPC.
const DEFAULT_SERVICES: [Ipv4Net; 2] = [net([172, 20, 0, 0], 16), net([10, 100, 0, 0], 16)];
/// The private ranges of RFC 1918.
const PRIVATE: [Ipv4Net; 3] = [net([10, 0, 0, 0], 8), net([172, 16, 0, 0], 12), net([192, 168, 0, 0], 16)];
/// The range of RFC 6598, which a VPC can have and Services cannot.
const SHARED: Ipv4Net = net([100, 64, 0, 0], 10);
/// The range of the bridge that container engines create on a node, so that no pod reaches a host in it.
const BRIDGE: Ipv4Net = net([172, 17, 0, 0], 16);
/// The prefix lengths of a VPC: AWS allows none larger than /16, and in a smaller range than /22 the public subnets have
/// less than the 16 free addresses that EKS advises.
const VPC_PREFIXES: (u8, u8) = (16, 22);
/// The prefix lengths that EKS allows for Services.
const SERVICE_PREFIXES: (u8, u8) = (12, 24);

/// Why a text is not a usable range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum InvalidRange {
    #[error("it is not an address range; write one such as {0}")]
    Syntax(Ipv4Net),
    #[error("it is an IPv6 range, and devplat creates IPv4 clusters only; write one such as {0}")]
    Version(Ipv4Net),
    #[error("it is not the start of its range; write {0}")]
    Start(Ipv4Net),
    #[error("it is larger than a /{0}, the largest that AWS accepts")]
    TooLarge(u8),
    #[error("it is smaller than a /{smallest}, the smallest that {why}")]
    TooSmall { smallest: u8, why: &'static str },
    #[error("it is not private; use a part of {}", list(.0))]
    Public(Vec<Ipv4Net>),
    #[error("it overlaps {BRIDGE}, the range of the bridge network on nodes; use another")]
    Bridge,
    #[error("it overlaps the range {0} of the VPC; use another")]
    Vpc(Ipv4Net),
}

const fn net(address: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = address;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

fn list(ranges: &[Ipv4Net]) -> String {
    ranges.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn overlap(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other) || other.contains(&one)
}

fn parse(text: &str, example: Ipv4Net) -> Result<Ipv4Net, InvalidRange> {
    let range = match text.parse::<IpNet>() {
        Ok(IpNet::V4(range)) => range,
        Ok(IpNet::V6(_)) => return Err(InvalidRange::Version(example)),
        Err(_) => return Err(InvalidRange::Syntax(example)),
    };
    if range.addr() == range.network() { Ok(range) } else { Err(InvalidRange::Start(range.trunc())) }
}

/// Reads the range of a VPC.
pub(crate) fn parse_vpc(text: &str) -> Result<Ipv4Net, InvalidRange> {
    let range = parse(text, DEFAULT_VPC)?;
    let (largest, smallest) = VPC_PREFIXES;
    if range.prefix_len() < largest {
        return Err(InvalidRange::TooLarge(largest));
    }
    if range.prefix_len() > smallest {
        let why = "leaves 16 free addresses in each public subnet";
        return Err(InvalidRange::TooSmall { smallest, why });
    }
    let possible = [PRIVATE.as_slice(), &[SHARED]].concat();
    if !possible.iter().any(|private| private.contains(&range)) {
        return Err(InvalidRange::Public(possible));
    }
    if overlap(range, BRIDGE) { Err(InvalidRange::Bridge) } else { Ok(range) }
}

/// Reads the range of the Services. `vpc` is the range of the VPC if it is known.
pub(crate) fn parse_services(text: &str, vpc: Option<Ipv4Net>) -> Result<Ipv4Net, InvalidRange> {
    let range = parse(text, DEFAULT_SERVICES[0])?;
    let (largest, smallest) = SERVICE_PREFIXES;
    if range.prefix_len() < largest {
        return Err(InvalidRange::TooLarge(largest));
    }
    if range.prefix_len() > smallest {
        return Err(InvalidRange::TooSmall { smallest, why: "EKS accepts" });
    }
    if !PRIVATE.iter().any(|private| private.contains(&range)) {
        return Err(InvalidRange::Public(PRIVATE.to_vec()));
    }
    match vpc {
        Some(vpc) if overlap(range, vpc) => Err(InvalidRange::Vpc(vpc)),
        _ if overlap(range, BRIDGE) => Err(InvalidRange::Bridge),
        Some(_) | None => Ok(range),
    }
}

/// Returns the range of the Services beside a VPC.
pub(crate) fn default_services(vpc: Ipv4Net) -> Ipv4Net {
    let [first, second] = DEFAULT_SERVICES;
    if overlap(first, vpc) { second } else { first }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_ranges_of_16_to_22_bits_are_accepted_for_a_vpc() {
        for text in ["10.90.0.0/16", "172.31.0.0/20", "192.168.4.0/22", "100.64.0.0/16"] {
            assert_eq!(parse_vpc(text).map(|range| range.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn other_ranges_are_rejected_for_a_vpc_with_the_reason() {
        let why = "leaves 16 free addresses in each public subnet";
        for (text, reason) in [
            ("", InvalidRange::Syntax(DEFAULT_VPC)),
            ("10.90.0.0", InvalidRange::Syntax(DEFAULT_VPC)),
            ("fd00::/56", InvalidRange::Version(DEFAULT_VPC)),
            ("10.90.0.1/16", InvalidRange::Start(DEFAULT_VPC)),
            ("10.0.0.0/8", InvalidRange::TooLarge(16)),
            ("0.0.0.0/0", InvalidRange::TooLarge(16)),
            ("10.90.0.0/23", InvalidRange::TooSmall { smallest: 22, why }),
            ("172.17.0.0/16", InvalidRange::Bridge),
            ("172.17.64.0/20", InvalidRange::Bridge),
        ] {
            assert_eq!(parse_vpc(text), Err(reason), "{text:?}");
        }
        for text in ["8.8.0.0/16", "172.32.0.0/16", "192.169.0.0/16", "100.128.0.0/16", "169.254.0.0/16"] {
            assert!(matches!(parse_vpc(text), Err(InvalidRange::Public(_))), "{text:?}");
        }
    }

    #[test]
    fn services_do_not_overlap_the_vpc() {
        let vpc = Some(net([10, 100, 0, 0], 16));
        assert_eq!(parse_services("10.100.8.0/24", vpc), Err(InvalidRange::Vpc(net([10, 100, 0, 0], 16))));
        assert_eq!(parse_services("10.96.0.0/12", vpc), Err(InvalidRange::Vpc(net([10, 100, 0, 0], 16))));
        assert_eq!(parse_services("10.101.0.0/16", vpc), Ok(net([10, 101, 0, 0], 16)));
        assert_eq!(parse_services("10.100.0.0/16", None), Ok(net([10, 100, 0, 0], 16)));
    }

    #[test]
    fn services_have_12_to_24_bits_of_a_private_range() {
        assert_eq!(parse_services("10.0.0.0/11", None), Err(InvalidRange::TooLarge(12)));
        assert!(matches!(parse_services("10.0.0.0/25", None), Err(InvalidRange::TooSmall { .. })));
        assert!(matches!(parse_services("100.64.0.0/16", None), Err(InvalidRange::Public(_))));
        assert_eq!(parse_services("172.16.0.0/12", None), Err(InvalidRange::Bridge));
    }

    #[test]
    fn default_services_avoid_the_vpc() {
        assert_eq!(default_services(DEFAULT_VPC).to_string(), "172.20.0.0/16");
        assert_eq!(default_services(net([172, 20, 0, 0], 18)).to_string(), "10.100.0.0/16");
    }
}
