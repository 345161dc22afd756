//! NAT gateways with one public address.

use serde_json::{Value, json};

use super::{
    describe::describe,
    input::Input,
    interface::{self, NewInterface},
    kind::{Call, Cx, Kind, New, View, members, not_known},
};
use crate::{
    refusal::{Refusal, missing_parameter, refused},
    state::{
        life::{self, Phase},
        quota::Quota,
        thing::{Members, Thing},
    },
};

const NAME: &str = "natgateway";
/// The member with the id of its address, which an answer shows in a list.
pub(super) const ALLOCATION: &str = ".AllocationId";

pub(crate) const NAT_GATEWAY: Kind = Kind {
    name: NAME,
    id: "NatGatewayId",
    prefix: "nat-",
    not_found: ("NatGatewayNotFound", "NAT gateway {} was not found"),
    malformed: "NatGatewayMalformed",
    states: Some(["pending", "available", "deleting", "deleted"]),
    tags: "Tags",
    shown,
    filters: &[
        ("nat-gateway-id", "NatGatewayId"),
        ("state", "State"),
        ("subnet-id", "SubnetId"),
        ("vpc-id", "VpcId"),
    ],
    calls: &[
        Call {
            name: "CreateNatGateway",
            reads: &["SubnetId", "AllocationId", "ConnectivityType", "ClientToken", "TagSpecifications"],
            act: create,
        },
        Call { name: "DeleteNatGateway", reads: &["NatGatewayId"], act: delete },
        Call {
            name: "DescribeNatGateways",
            reads: &["NatGatewayIds", "Filter", "MaxResults", "NextToken"],
            act: |cx, input| {
                let names = ["NatGatewayIds", "NatGateways"];
                describe(cx, input, &NAT_GATEWAY, "DescribeNatGateways", names)
            },
        },
    ],
};

fn shown(thing: &Thing, view: &View<'_>) -> Members {
    let allocation = thing.text(ALLOCATION);
    let mut address = json!({"AllocationId": allocation, "IsPrimary": true});
    let interfaces = view.region.alive("network-interface", view.now);
    let interface = interfaces.into_iter().find(|one| one.owner.as_ref() == Some(&thing.id));
    // A pending gateway shows its allocation only.
    if let Some(interface) = interface.filter(|_| thing.phase(view.now) != Phase::Coming) {
        address["NetworkInterfaceId"] = interface.id.as_str().into();
        address["PrivateIp"] = interface.text("PrivateIpAddress").into();
        address["PublicIp"] = thing.text(".PublicIp").into();
        address["Status"] = "succeeded".into();
    }
    let mut shown = json!({"NatGatewayAddresses": [address], "CreateTime": view.date(thing.made)});
    if let Some(deleted) = thing.deleted {
        shown["DeleteTime"] = view.date(deleted);
    }
    if let (Some((code, message)), Phase::Ready) = (&thing.failure, thing.phase(view.now)) {
        shown["FailureCode"] = code.as_str().into();
        shown["FailureMessage"] = message.as_str().into();
    }
    members(shown)
}

/// Returns whether a NAT gateway has this address.
pub(super) fn uses(gateway: &Thing, allocation: &str) -> bool {
    gateway.has(ALLOCATION, allocation) && gateway.failure.is_none()
}

fn create(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    if input.text("ConnectivityType").is_some_and(|kind| kind != "public") {
        return not_known("a private NAT gateway");
    }
    let subnet = cx.known("subnet", input.need("SubnetId")?)?;
    let (vpc, zone) = (subnet.text("VpcId").to_owned(), subnet.text("AvailabilityZone").to_owned());
    let subnet = subnet.id.clone();
    let allocation = input.text("AllocationId").ok_or_else(|| missing_parameter("AllocationId"))?;
    let address = cx.known("elastic-ip", allocation)?;
    let public = address.text("PublicIp").to_owned();
    if cx.region.alive(NAME, cx.now).any(|gateway| uses(gateway, allocation)) {
        let message = format!("Elastic IP address [{allocation}] is already associated");
        return Err(refused("Resource.AlreadyAssociated", message));
    }
    cx.one_more(Quota::NatGatewaysPerZone, NAME, |one| one.has(".Zone", &zone))?;
    let body = json!({
        "SubnetId": subnet,
        "VpcId": vpc,
        "ConnectivityType": "public",
        ".AllocationId": allocation,
        ".PublicIp": public,
        ".Zone": zone,
    });
    let gateway = cx.make(NAME, New { members: body, life: &life::NAT_GATEWAY, owner: None }, input)?;
    let attached = |one: &Thing| one.list("Attachments").iter().any(|one| one["VpcId"] == vpc.as_str());
    if !cx.region.all("internet-gateway").any(attached) {
        let message = format!("Network {vpc} has no Internet gateway attached");
        cx.change(&gateway).failure = Some(("Gateway.NotAttached".to_owned(), message));
    }
    if cx.change(&gateway).failure.is_none() {
        let association = json!({"AllocationId": allocation, "PublicIp": public, "IpOwnerId": cx.account});
        let new = NewInterface {
            subnet,
            owner: Some(gateway.clone()),
            description: format!("Interface for NAT Gateway {gateway}"),
            sort: "natGateway",
            groups: Vec::new(),
            association: Some(association),
        };
        interface::make(cx, new)?;
    }
    let mut answer = members(json!({"NatGateway": cx.show(&gateway)}));
    if let Some(token) = input.get("ClientToken") {
        answer.insert("ClientToken".to_owned(), Value::clone(token));
    }
    Ok(answer)
}

fn delete(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let gateway = cx.known(NAME, input.need("NatGatewayId")?)?;
    let id = gateway.id.clone();
    // The same call again is accepted and changes nothing.
    if gateway.deleted.is_none() {
        cx.delete(&id);
    }
    Ok(members(json!({"NatGatewayId": id})))
}
