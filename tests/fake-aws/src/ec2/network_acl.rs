//! Network ACLs. The fake knows the default one of each VPC, which lets everything through, and no call that changes it.

use serde_json::{Value, json};

use super::{
    describe::describe,
    input::Input,
    kind::{Call, Cx, Kind, New, View, members},
};
use crate::{
    refusal::Refusal,
    state::{
        id::Id,
        life,
        thing::{Members, Thing},
    },
};

const NAME: &str = "network-acl";

pub(crate) const NETWORK_ACL: Kind = Kind {
    name: NAME,
    id: "NetworkAclId",
    prefix: "acl-",
    not_found: ("InvalidNetworkAclID.NotFound", "The networkAcl ID '{}' does not exist"),
    malformed: "InvalidNetworkAclId.Malformed",
    states: None,
    tags: "Tags",
    shown,
    filters: &[
        ("network-acl-id", "NetworkAclId"),
        ("vpc-id", "VpcId"),
        ("default", "IsDefault"),
        ("owner-id", "OwnerId"),
        ("association.subnet-id", "Associations.SubnetId"),
    ],
    calls: &[Call {
        name: "DescribeNetworkAcls",
        reads: &["NetworkAclIds", "Filters", "MaxResults", "NextToken"],
        act: |cx, input| {
            describe(cx, input, &NETWORK_ACL, "DescribeNetworkAcls", ["NetworkAclIds", "NetworkAcls"])
        },
    }],
};

/// Adds the associations: all subnets of the VPC.
fn shown(thing: &Thing, view: &View<'_>) -> Members {
    let subnets = view.region.alive("subnet", view.now).filter(|one| one.has("VpcId", thing.text("VpcId")));
    let associations = subnets.map(|subnet| {
        let association = subnet.id.as_str().replace("subnet-", "aclassoc-");
        json!({"NetworkAclAssociationId": association, "NetworkAclId": thing.id, "SubnetId": subnet.id})
    });
    members(json!({"Associations": associations.collect::<Vec<Value>>()}))
}

/// Makes the default network ACL of a VPC. It goes with the VPC.
pub(crate) fn make_default(cx: &mut Cx<'_>, vpc: &Id, input: Input<'_>) -> Result<Id, Refusal> {
    let entry = |egress: bool, number: u32, action: &str| {
        json!({
            "CidrBlock": "0.0.0.0/0",
            "Egress": egress,
            "Protocol": "-1",
            "RuleAction": action,
            "RuleNumber": number,
        })
    };
    let entries: Vec<Value> = [true, false]
        .into_iter()
        .flat_map(|egress| [entry(egress, 100, "allow"), entry(egress, 32767, "deny")])
        .collect();
    let body = json!({"VpcId": vpc, "IsDefault": true, "Entries": entries, "OwnerId": cx.account});
    cx.make(NAME, New { members: body, life: &life::INSTANT, owner: Some(vpc.clone()) }, input)
}
