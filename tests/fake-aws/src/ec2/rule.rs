//! The rules of security groups: one for each range or group, however a call bundles them.

use serde_json::{Value, json};

use super::{
    describe::describe,
    input::Input,
    kind::{Call, Cx, Kind, New, members, not_known, nothing},
    range,
};
use crate::{
    refusal::{Refusal, invalid_value, missing_parameter, refused},
    state::{
        id::Id,
        life,
        quota::Quota,
        thing::{Members, Thing},
    },
};

const NAME: &str = "security-group-rule";
const GROUP: &str = "security-group";

pub(crate) const RULE: Kind = Kind {
    name: NAME,
    id: "SecurityGroupRuleId",
    prefix: "sgr-",
    not_found: ("InvalidSecurityGroupRuleId.NotFound", "The security group rule ID '{}' does not exist"),
    malformed: "InvalidSecurityGroupRuleId.Malformed",
    states: None,
    tags: "Tags",
    shown: nothing,
    filters: &[("group-id", "GroupId"), ("security-group-rule-id", "SecurityGroupRuleId")],
    calls: &[
        Call {
            name: "DescribeSecurityGroupRules",
            reads: &["SecurityGroupRuleIds", "Filters", "MaxResults", "NextToken"],
            act: |cx, input| {
                let names = ["SecurityGroupRuleIds", "SecurityGroupRules"];
                describe(cx, input, &RULE, "DescribeSecurityGroupRules", names)
            },
        },
        Call {
            name: "AuthorizeSecurityGroupIngress",
            reads: &["GroupId", "IpPermissions", "TagSpecifications"],
            act: |cx, input| authorize(cx, input, false),
        },
        Call {
            name: "AuthorizeSecurityGroupEgress",
            reads: &["GroupId", "IpPermissions", "TagSpecifications"],
            act: |cx, input| authorize(cx, input, true),
        },
        Call {
            name: "RevokeSecurityGroupIngress",
            reads: &["GroupId", "IpPermissions", "SecurityGroupRuleIds"],
            act: |cx, input| revoke(cx, input, false),
        },
        Call {
            name: "RevokeSecurityGroupEgress",
            reads: &["GroupId", "IpPermissions", "SecurityGroupRuleIds"],
            act: |cx, input| revoke(cx, input, true),
        },
    ],
};

/// The traffic that a rule lets through. Two rules of a group and direction never have the same.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Traffic {
    protocol: String,
    /// The first and the last port; -1 for all.
    ports: (i64, i64),
    peer: Peer,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Peer {
    Range(String),
    Group(String),
}

/// The protocol and the ports of a rule.
type Services = (String, (i64, i64));

/// A rule that a call asks for.
struct Wanted {
    traffic: Traffic,
    description: Option<String>,
}

impl Traffic {
    fn of(rule: &Thing) -> Self {
        let port = |member: &str| rule.members.get(member).and_then(Value::as_i64).unwrap_or(-1);
        let peer = match rule.members.get("ReferencedGroupInfo").and_then(|info| info["GroupId"].as_str()) {
            Some(group) => Peer::Group(group.to_owned()),
            None => Peer::Range(rule.text("CidrIpv4").to_owned()),
        };
        Self { protocol: rule.text("IpProtocol").to_owned(), ports: (port("FromPort"), port("ToPort")), peer }
    }

    fn to_members(&self, account: &str) -> Members {
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

/// Makes the rule that a new group has: all traffic to everywhere, or in a default group from itself.
pub(crate) fn make_default(cx: &mut Cx<'_>, group: &Id, egress: bool) -> Result<(), Refusal> {
    let everywhere = Peer::Range("0.0.0.0/0".to_owned());
    let peer = if egress { everywhere } else { Peer::Group(group.to_string()) };
    let traffic = Traffic { protocol: "-1".to_owned(), ports: (-1, -1), peer };
    let no_tags = Members::new();
    make(cx, group, egress, Wanted { traffic, description: None }, Input(&no_tags)).map(|_| ())
}

fn make(cx: &mut Cx<'_>, group: &Id, egress: bool, wanted: Wanted, input: Input<'_>) -> Result<Id, Refusal> {
    let mut rule = wanted.traffic.to_members(cx.account);
    rule.insert("GroupId".to_owned(), group.as_str().into());
    rule.insert("GroupOwnerId".to_owned(), cx.account.into());
    rule.insert("IsEgress".to_owned(), egress.into());
    rule.extend(wanted.description.map(|text| ("Description".to_owned(), text.into())));
    let owner = Some(group.clone());
    cx.make(NAME, New { members: Value::Object(rule), life: &life::INSTANT, owner }, input)
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
fn wanted(cx: &Cx<'_>, group: &Thing, input: Input<'_>) -> Result<Vec<Wanted>, Refusal> {
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
            let other = cx.known(GROUP, one.need("GroupId")?)?;
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

fn of_group<'a>(cx: &'a Cx<'_>, group: &'a Id, egress: bool) -> impl Iterator<Item = &'a Thing> {
    let all = cx.region.all(NAME);
    all.filter(move |rule| rule.owner.as_ref() == Some(group) && rule.flag("IsEgress") == egress)
}

fn authorize(cx: &mut Cx<'_>, input: Input<'_>, egress: bool) -> Result<Members, Refusal> {
    let group = cx.known(GROUP, input.need("GroupId")?)?;
    let wanted = wanted(cx, group, input)?;
    let group = group.id.clone();
    if wanted.is_empty() {
        return Err(missing_parameter("ipPermissions"));
    }
    let mut there: Vec<Traffic> = of_group(cx, &group, egress).map(Traffic::of).collect();
    // Either all rules are made, or none.
    for Wanted { traffic, description: _ } in &wanted {
        if there.contains(traffic) {
            let Traffic { protocol, ports: (from, to), peer } = traffic;
            let peer = match peer {
                Peer::Range(text) | Peer::Group(text) => text,
            };
            let message = format!(
                "the specified rule \"peer: {peer}, {}, from port: {from}, to port: {to}, ALLOW\" already exists",
                protocol.to_uppercase()
            );
            return Err(refused("InvalidPermission.Duplicate", message));
        }
        cx.quotas.one_more(Quota::RulesPerGroup, there.len())?;
        there.push(traffic.clone());
    }
    let mut made = Vec::new();
    for one in wanted {
        let rule = make(cx, &group, egress, one, input)?;
        made.push(cx.show(&rule));
    }
    Ok(members(json!({"Return": true, "SecurityGroupRules": made})))
}

fn revoke(cx: &mut Cx<'_>, input: Input<'_>, egress: bool) -> Result<Members, Refusal> {
    let group = cx.known(GROUP, input.need("GroupId")?)?;
    let wanted = wanted(cx, group, input)?;
    let group = group.id.clone();
    let ids = input.texts("SecurityGroupRuleIds");
    if wanted.is_empty() && ids.is_empty() {
        return Err(missing_parameter("ipPermissions"));
    }
    let mut rules: Vec<Id> = Vec::new();
    for id in ids {
        let rule = cx.known(NAME, id)?;
        if rule.owner.as_ref() != Some(&group) || rule.flag("IsEgress") != egress {
            let message = format!("The security group rule ID '{id}' does not exist");
            return Err(refused("InvalidSecurityGroupRuleId.NotFound", message));
        }
        rules.push(rule.id.clone());
    }
    for Wanted { traffic, description: _ } in wanted {
        let found = of_group(cx, &group, egress).find(|rule| Traffic::of(rule) == traffic);
        let missing = "The specified rule does not exist in this security group.";
        let found = found.ok_or_else(|| refused("InvalidPermission.NotFound", missing))?;
        rules.push(found.id.clone());
    }
    for rule in &rules {
        cx.delete(rule);
    }
    Ok(members(json!({"Return": true})))
}
