//! Cuts the range of a VPC into subnets. Each zone has its fixed place, so a zone that is added later moves no subnet.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// The share of a private subnet as a power of two: an eighth, because every pod has an address in it. Three zones and
/// room for a fourth take the first half.
const PRIVATE: u8 = 3;
/// The share of a public subnet as a power of two: a thirty-second, for load balancers and NAT gateways. They start the
/// second half, most of which stays free.
const PUBLIC: u8 = 5;

/// The subnets of one zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SubnetPair {
    /// The range of the subnet with the nodes, the pods and the addresses of the control plane.
    pub private: Ipv4Net,
    /// The range of the subnet with a route to the internet gateway.
    pub public: Ipv4Net,
}

/// Returns the subnets of the first `zones` zones in the range of a VPC, in the order of the zones; at most three zones have a place.
pub fn layout(vpc: Ipv4Net, zones: u8) -> Vec<SubnetPair> {
    let half = addresses(vpc) / 2;
    let pair =
        |zone: u8| SubnetPair { private: part(vpc, PRIVATE, 0, zone), public: part(vpc, PUBLIC, half, zone) };
    (0..zones.min(3)).map(pair).collect()
}

fn addresses(range: Ipv4Net) -> u32 {
    1 << (range.max_prefix_len() - range.prefix_len()).min(31)
}

/// Returns the subnet with the number `index` among those of this share, from `offset` on.
fn part(vpc: Ipv4Net, share: u8, offset: u32, index: u8) -> Ipv4Net {
    let size = addresses(vpc) >> share;
    let start = u32::from(vpc.network()) + offset + size * u32::from(index);
    let prefix = (vpc.prefix_len() + share).min(vpc.max_prefix_len());
    Ipv4Net::new_assert(Ipv4Addr::from(start), prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(vpc: &str, zones: u8) -> Vec<String> {
        let pair = |SubnetPair { private, public }| format!("{private} {public}");
        layout(vpc.parse().unwrap(), zones).into_iter().map(pair).collect()
    }

    #[test]
    fn large_vpc_has_8192_private_addresses_in_each_zone() {
        let expected =
            ["10.90.0.0/19 10.90.128.0/21", "10.90.32.0/19 10.90.136.0/21", "10.90.64.0/19 10.90.144.0/21"];
        assert_eq!(text("10.90.0.0/16", 3), expected);
    }

    #[test]
    fn smallest_vpc_has_27_usable_addresses_in_each_public_subnet() {
        assert_eq!(text("10.90.4.0/22", 2), ["10.90.4.0/25 10.90.6.0/27", "10.90.4.128/25 10.90.6.32/27"]);
    }

    #[test]
    fn third_zone_moves_no_subnet() {
        assert_eq!(text("10.90.0.0/16", 2), text("10.90.0.0/16", 3)[..2]);
    }

    #[test]
    fn subnets_are_inside_the_vpc_and_do_not_overlap() {
        for prefix in 16..=22 {
            let vpc: Ipv4Net = format!("172.16.0.0/{prefix}").parse().unwrap();
            let all: Vec<Ipv4Net> =
                layout(vpc, 3).into_iter().flat_map(|pair| [pair.private, pair.public]).collect();
            for (index, one) in all.iter().enumerate() {
                assert!(vpc.contains(one) && one.trunc() == *one, "{one} in {vpc}");
                assert!(all[index + 1..].iter().all(|other| !one.contains(other) && !other.contains(one)));
            }
            let taken: u32 = all.iter().map(|range| addresses(*range)).sum();
            assert!(taken <= addresses(vpc) / 2, "half of {vpc} stays free");
        }
    }
}
