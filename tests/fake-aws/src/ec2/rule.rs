//! The rules of security groups: one for each range or group, however a call bundles them.

use serde_json::{Value, json};

use super::{
    describe::describe,
    input::Input,
    kind::{Call, Cx, Kind, New, members, nothing},
    traffic::{Peer, Traffic, Wanted, wanted},
};
use crate::{
    refusal::{Refusal, missing_parameter, refused},
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
