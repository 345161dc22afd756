//! Internet gateways. The creating call has no client token.

use serde_json::{Value, json};

use super::{
    describe::describe,
    input::Input,
    kind::{Call, Cx, Kind, New, members, nothing},
};
use crate::{
    refusal::{Refusal, dependency_violation, refused},
    state::{
        id::Id,
        life,
        quota::Quota,
        thing::{Members, Thing},
    },
};

const NAME: &str = "internet-gateway";

pub(crate) const INTERNET_GATEWAY: Kind = Kind {
    name: NAME,
    id: "InternetGatewayId",
    prefix: "igw-",
    not_found: ("InvalidInternetGatewayID.NotFound", "The internetGateway ID '{}' does not exist"),
    malformed: "InvalidInternetGatewayId.Malformed",
    states: None,
    tags: "Tags",
    shown: nothing,
    filters: &[
        ("internet-gateway-id", "InternetGatewayId"),
        ("attachment.vpc-id", "Attachments.VpcId"),
        ("attachment.state", "Attachments.State"),
        ("owner-id", "OwnerId"),
    ],
    calls: &[
        Call { name: "CreateInternetGateway", reads: &["TagSpecifications"], act: create },
        Call { name: "DeleteInternetGateway", reads: &["InternetGatewayId"], act: delete },
        Call {
            name: "DescribeInternetGateways",
            reads: &["InternetGatewayIds", "Filters", "MaxResults", "NextToken"],
            act: |cx, input| {
                let names = ["InternetGatewayIds", "InternetGateways"];
                describe(cx, input, &INTERNET_GATEWAY, "DescribeInternetGateways", names)
            },
        },
        Call { name: "AttachInternetGateway", reads: &["InternetGatewayId", "VpcId"], act: attach },
        Call { name: "DetachInternetGateway", reads: &["InternetGatewayId", "VpcId"], act: detach },
    ],
};

fn create(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    cx.one_more(Quota::InternetGateways, NAME, |_| true)?;
    let body = json!({"Attachments": [], "OwnerId": cx.account});
    let gateway = cx.make(NAME, New { members: body, life: &life::INSTANT, owner: None }, input)?;
    Ok(members(json!({"InternetGateway": cx.show(&gateway)})))
}

fn delete(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let gateway = cx.known(NAME, input.need("InternetGatewayId")?)?;
    let id = gateway.id.clone();
    if !gateway.list("Attachments").is_empty() {
        let message = format!("The internetGateway '{id}' has dependencies and cannot be deleted.");
        return Err(dependency_violation(message));
    }
    cx.delete(&id);
    Ok(Members::new())
}

fn pair(cx: &Cx<'_>, input: Input<'_>) -> Result<(Id, Id), Refusal> {
    let gateway = cx.known_id(NAME, input.need("InternetGatewayId")?)?;
    Ok((gateway, cx.known_id("vpc", input.need("VpcId")?)?))
}

fn is_attached_to(gateway: &Thing, vpc: &Id) -> bool {
    gateway.list("Attachments").iter().any(|one| one["VpcId"].as_str() == Some(vpc.as_str()))
}

fn attach(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let (gateway, vpc) = pair(cx, input)?;
    let attached = cx.change(&gateway).list("Attachments").first().map(|one| one["VpcId"].clone());
    if let Some(Value::String(other)) = attached {
        let message = format!("resource {gateway} is already attached to network {other}");
        return Err(refused("Resource.AlreadyAssociated", message));
    }
    if cx.region.all(NAME).any(|other| is_attached_to(other, &vpc)) {
        let message = format!("Network {vpc} already has an internet gateway attached");
        return Err(refused("InvalidParameterValue", message));
    }
    cx.change(&gateway).list_mut("Attachments").push(json!({"VpcId": vpc, "State": "available"}));
    Ok(Members::new())
}

fn detach(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let (gateway, vpc) = pair(cx, input)?;
    if !is_attached_to(cx.change(&gateway), &vpc) {
        let message = format!("resource {gateway} is not attached to network {vpc}");
        return Err(refused("Gateway.NotAttached", message));
    }
    let public = |one: &Thing| one.has("VpcId", vpc.as_str()) && one.members.contains_key("Association");
    if cx.region.alive("network-interface", cx.now).any(public) {
        let message = format!(
            "Network {vpc} has some mapped public address(es). Please unmap those public address(es) before detaching the gateway."
        );
        return Err(dependency_violation(message));
    }
    cx.change(&gateway).list_mut("Attachments").clear();
    Ok(Members::new())
}
