//! The traffic of security group rules, and the bundles in which calls have it.

use serde_json::{Value, json};

use super::{
    input::Input,
    kind::{Cx, members, not_known},
    range,
};
use crate::{
    refusal::{Refusal, invalid_value, refused},
    state::thing::{Members, Thing},
};

/// The traffic that a rule lets through. Two rules of a group and direction never have the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) protocol: String,
    /// The first and the last port; -1 for all.
    pub(super) ports: (i64, i64),
    pub(super) peer: Peer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Peer {
    Range(String),
    Group(String),
}

/// The protocol and the ports of a rule.
pub(super) type Services = (String, (i64, i64));

/// A rule that a call asks for.
pub(super) struct Wanted {
    pub(super) traffic: Traffic,
    pub(super) description: Option<String>,
}

impl Traffic {
    pub(super) fn of(rule: &Thing) -> Self {
        let port = |member: &str| rule.members.get(member).and_then(Value::as_i64).unwrap_or(-1);
        let peer = match rule.members.get("ReferencedGroupInfo").and_then(|info| info["GroupId"].as_str()) {
            Some(group) => Peer::Group(group.to_owned()),
            None => Peer::Range(rule.text("CidrIpv4").to_owned()),
        };
        Self { protocol: rule.text("IpProtocol").to_owned(), ports: (port("FromPort"), port("ToPort")), peer }
    }

    pub(super) fn to_members(&self, account: &str) -> Members {
        let Self { protocol, ports: (from, to), peer } = self;
        let mut rule = members(json!({"IpProtocol": protocol, "FromPort": from, "ToPort": to}));
        match peer {
            Peer::Range(range) => rule.insert("CidrIpv4".to_owned(), range.as_str().into()),
            Peer::Group(group) => {
                rule.insert("ReferencedGroupInfo".to_owned(), json!({"GroupId": group, "UserId": account}))
            }
        };
        rule
    }
}

/// Returns rules as `DescribeSecurityGroups` bundles them: by protocol and ports.
pub(crate) fn permissions<'a>(rules: impl Iterator<Item = &'a Thing>) -> Vec<Value> {
    let mut bundles: Vec<(Services, Value)> = Vec::new();
    for rule in rules {
        let Traffic { protocol, ports, peer } = Traffic::of(rule);
        let key = (protocol, ports);
        let at = bundles.iter().position(|(known, _)| *known == key).unwrap_or_else(|| {
            let (protocol, (from, to)) = &key;
            let mut bundle = json!({
                "IpProtocol": protocol, "IpRanges": [], "Ipv6Ranges": [], "PrefixListIds": [], "UserIdGroupPairs": [],
            });
            if protocol != "-1" {
                bundle["FromPort"] = (*from).into();
                bundle["ToPort"] = (*to).into();
            }
            bundles.push((key.clone(), bundle));
            bundles.len() - 1
        });
        let (list, mut entry) = match peer {
            Peer::Range(range) => ("IpRanges", json!({"CidrIp": range})),
            Peer::Group(group) => {
                ("UserIdGroupPairs", json!({"GroupId": group, "UserId": rule.text("GroupOwnerId")}))
            }
        };
        if let Some(description) = rule.members.get("Description") {
            entry["Description"] = description.clone();
        }
        if let Some(entries) = bundles[at].1[list].as_array_mut() {
            entries.push(entry);
        }
    }
    bundles.into_iter().map(|(_, bundle)| bundle).collect()
}

/// Returns the rules in the member `IpPermissions`.
pub(super) fn wanted(cx: &Cx<'_>, group: &Thing, input: Input<'_>) -> Result<Vec<Wanted>, Refusal> {
    let mut all = Vec::new();
    for permission in input.structures("IpPermissions") {
        let reads = ["IpProtocol", "FromPort", "ToPort", "IpRanges", "UserIdGroupPairs"];
        permission.only("a rule", &reads)?;
        let (protocol, ports) = ports(permission)?;
        let mut add = |peer: Peer, description: Option<&str>| {
            let traffic = Traffic { protocol: protocol.clone(), ports, peer };
            all.push(Wanted { traffic, description: description.map(str::to_owned) });
        };
        for one in permission.structures("IpRanges") {
            one.only("a range of a rule", &["CidrIp", "Description"])?;
            let range = range::any(one.need("CidrIp")?, "cidrIp")?;
            add(Peer::Range(range.to_string()), one.text("Description"));
        }
        for one in permission.structures("UserIdGroupPairs") {
            one.only("a group of a rule", &["GroupId", "UserId", "Description"])?;
            let other = cx.known("security-group", one.need("GroupId")?)?;
            if other.text("VpcId") != group.text("VpcId") {
                let message = "You have specified two resources that belong to different networks.";
                return Err(refused("InvalidGroup.NotFound", message));
            }
            if one.text("UserId").is_some_and(|user| user != cx.account) {
                return not_known("a rule with a group of another account");
            }
            add(Peer::Group(other.id.to_string()), one.text("Description"));
        }
    }
    Ok(all)
}

fn ports(permission: Input<'_>) -> Result<Services, Refusal> {
    let protocol = permission.need("IpProtocol")?;
    let port = |member: &str| permission.get(member).and_then(Value::as_i64);
    match protocol {
        "-1" => Ok((protocol.to_owned(), (-1, -1))),
        "tcp" | "udp" => {
            let (Some(from), Some(to)) = (port("FromPort"), port("ToPort")) else {
                let message =
                    "Invalid value for portRange. Must specify both from and to ports with TCP/UDP.";
                return Err(refused("InvalidParameterValue", message));
            };
            if (0..=65_535).contains(&from) && (from..=65_535).contains(&to) {
                Ok((protocol.to_owned(), (from, to)))
            } else {
                Err(invalid_value(format!("{from}-{to}"), "portRange", "Ports are 0 to 65535."))
            }
        }
        other => not_known(format!("a rule for protocol {other}")),
    }
}
