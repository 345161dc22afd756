//! VPCs. Each has a main route table, a default network ACL and a default security group from the start.

use serde_json::{Value, json};

use super::{
    describe::describe,
    input::Input,
    kind::{Call, Cx, Kind, New, members, not_known, nothing},
    network_acl, range, route_table, security_group,
};
use crate::{
    refusal::{Refusal, dependency_violation, refused},
    state::{id::Id, life, quota::Quota, thing::Members},
};

const NAME: &str = "vpc";

pub(crate) const VPC: Kind = Kind {
    name: NAME,
    id: "VpcId",
    prefix: "vpc-",
    not_found: ("InvalidVpcID.NotFound", "The vpc ID '{}' does not exist"),
    malformed: "InvalidVpcID.Malformed",
    states: Some(["pending", "available", "available", "available"]),
    tags: "Tags",
    shown: nothing,
    filters: &[
        ("vpc-id", "VpcId"),
        ("cidr", "CidrBlock"),
        ("cidr-block-association.cidr-block", "CidrBlockAssociationSet.CidrBlock"),
        ("dhcp-options-id", "DhcpOptionsId"),
        ("is-default", "IsDefault"),
        ("owner-id", "OwnerId"),
        ("state", "State"),
    ],
    calls: &[
        Call {
            name: "CreateVpc",
            reads: &["CidrBlock", "InstanceTenancy", "AmazonProvidedIpv6CidrBlock", "TagSpecifications"],
            act: create,
        },
        Call { name: "DeleteVpc", reads: &["VpcId"], act: delete },
        Call {
            name: "DescribeVpcs",
            reads: &["VpcIds", "Filters", "MaxResults", "NextToken"],
            act: |cx, input| describe(cx, input, &VPC, "DescribeVpcs", ["VpcIds", "Vpcs"]),
        },
        Call {
            name: "ModifyVpcAttribute",
            reads: &["VpcId", "EnableDnsSupport", "EnableDnsHostnames"],
            act: modify,
        },
        Call { name: "DescribeVpcAttribute", reads: &["VpcId", "Attribute"], act: attribute },
    ],
};

/// The attributes that a call changes or shows one at a time: the member, its word, and its value in a new VPC.
const ATTRIBUTES: [(&str, &str, bool); 2] =
    [("EnableDnsSupport", "enableDnsSupport", true), ("EnableDnsHostnames", "enableDnsHostnames", false)];

fn create(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    if input.flag("AmazonProvidedIpv6CidrBlock") {
        return not_known("a VPC with IPv6");
    }
    if input.text("InstanceTenancy").is_some_and(|tenancy| tenancy != "default") {
        return not_known("a VPC with dedicated tenancy");
    }
    let range = range::block(input.need("CidrBlock")?, "InvalidVpc.Range")?;
    cx.one_more(Quota::Vpcs, NAME, |_| true)?;
    let association = cx.serial.id("vpc-cidr-assoc-");
    let body = json!({
        "CidrBlock": range.to_string(),
        "CidrBlockAssociationSet": [{
            "AssociationId": association,
            "CidrBlock": range.to_string(),
            "CidrBlockState": {"State": "associated"},
        }],
        "DhcpOptionsId": "dopt-0a1b2c3d",
        "InstanceTenancy": "default",
        "IsDefault": false,
        "OwnerId": cx.account,
    });
    let vpc = cx.make(NAME, New { members: body, life: &life::VPC, owner: None }, input)?;
    let no_tags = Members::new();
    let without = Input(&no_tags);
    route_table::make_main(cx, &vpc, &range.to_string(), without)?;
    network_acl::make_default(cx, &vpc, without)?;
    security_group::make_default(cx, &vpc, without)?;
    Ok(members(json!({"Vpc": cx.show(&vpc)})))
}

fn delete(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let id = cx.known_id(NAME, input.need("VpcId")?)?;
    let attached = |gateway: &crate::state::thing::Thing| {
        gateway.list("Attachments").iter().any(|one| one["VpcId"].as_str() == Some(id.as_str()))
    };
    let used = cx.region.every().any(|thing| {
        let takes_part = thing.blocks(cx.now) && thing.owner.as_ref() != Some(&id) && thing.id != id;
        takes_part && (thing.has("VpcId", id.as_str()) || attached(thing))
    });
    if used {
        return Err(dependency_violation(format!("The vpc '{id}' has dependencies and cannot be deleted.")));
    }
    cx.delete(&id);
    Ok(Members::new())
}

fn modify(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let id = cx.known_id(NAME, input.need("VpcId")?)?;
    let given: Vec<(&str, bool)> = ATTRIBUTES
        .iter()
        .filter_map(|(member, _, _)| Some((*member, input.structure(member)?.flag("Value"))))
        .collect();
    let [(member, value)] = given[..] else {
        let message = "The request must contain exactly one attribute to modify";
        return Err(refused("InvalidParameterCombination", message));
    };
    cx.change(&id).members.insert(hidden(member), value.into());
    Ok(Members::new())
}

fn attribute(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let id = cx.known_id(NAME, input.need("VpcId")?)?;
    let asked = input.need("Attribute")?;
    let Some((member, _, new)) = ATTRIBUTES.iter().find(|(_, word, _)| *word == asked) else {
        return not_known(format!("DescribeVpcAttribute of {asked}"));
    };
    let value = value(cx, &id, member).unwrap_or(*new);
    Ok(members(json!({"VpcId": id, (*member): {"Value": value}})))
}

/// The name under which an attribute is kept. `DescribeVpcs` does not show it.
fn hidden(member: &str) -> String {
    format!("{}{member}", super::kind::HIDDEN)
}

fn value(cx: &Cx<'_>, id: &Id, member: &str) -> Option<bool> {
    cx.region.get(id)?.members.get(&hidden(member)).and_then(Value::as_bool)
}
