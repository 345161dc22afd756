//! Address ranges of VPCs, subnets and rules.

use ipnet::Ipv4Net;

use crate::refusal::{Refusal, refused};

/// Reads the range of a VPC or a subnet: /16 to /28, at the start of its range.
pub(crate) fn block(text: &str, too_large_or_small: &str) -> Result<Ipv4Net, Refusal> {
    let range = any(text, "cidrBlock")?;
    if (16..=28).contains(&range.prefix_len()) {
        return Ok(range);
    }
    Err(refused(too_large_or_small, format!("The CIDR '{text}' is invalid.")))
}

/// Reads a range of any size. AWS replaces one with bits of hosts by the start of its range in some calls and refuses it
/// in others; the fake refuses it in all.
pub(crate) fn any(text: &str, parameter: &str) -> Result<Ipv4Net, Refusal> {
    let wrong = || {
        let what = format!("Value ({text}) for parameter {parameter} is invalid.");
        refused("InvalidParameterValue", format!("{what} This is not a valid CIDR block."))
    };
    let range: Ipv4Net = text.parse().map_err(|_| wrong())?;
    if range.addr() == range.network() { Ok(range) } else { Err(wrong()) }
}

pub(crate) fn overlap(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other) || other.contains(&one)
}

/// Returns how many addresses of a subnet AWS gives away: all but five.
pub(crate) fn usable(range: Ipv4Net) -> u32 {
    let all = 1_u32.checked_shl(u32::from(range.max_prefix_len() - range.prefix_len())).unwrap_or(u32::MAX);
    all.saturating_sub(5)
}
