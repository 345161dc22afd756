//! Subnets.

use serde_json::{Value, json};

use super::{
    describe::describe,
    input::Input,
    kind::{Call, Cx, Kind, New, View, members, not_known},
    range,
};
use crate::{
    refusal::{Refusal, dependency_violation, invalid_value, refused},
    state::{
        life,
        quota::Quota,
        thing::{Members, Thing},
    },
};

const NAME: &str = "subnet";

pub(crate) const SUBNET: Kind = Kind {
    name: NAME,
    id: "SubnetId",
    prefix: "subnet-",
    not_found: ("InvalidSubnetID.NotFound", "The subnet ID '{}' does not exist"),
    malformed: "InvalidSubnetID.Malformed",
    states: Some(["pending", "available", "available", "available"]),
    tags: "Tags",
    shown,
    filters: &[
        ("subnet-id", "SubnetId"),
        ("vpc-id", "VpcId"),
        ("cidr-block", "CidrBlock"),
        ("availability-zone", "AvailabilityZone"),
        ("availability-zone-id", "AvailabilityZoneId"),
        ("map-public-ip-on-launch", "MapPublicIpOnLaunch"),
        ("default-for-az", "DefaultForAz"),
        ("owner-id", "OwnerId"),
        ("state", "State"),
    ],
    calls: &[
        Call {
            name: "CreateSubnet",
            reads: &["VpcId", "CidrBlock", "AvailabilityZone", "AvailabilityZoneId", "TagSpecifications"],
            act: create,
        },
        Call { name: "DeleteSubnet", reads: &["SubnetId"], act: delete },
        Call {
            name: "DescribeSubnets",
            reads: &["SubnetIds", "Filters", "MaxResults", "NextToken"],
            act: |cx, input| describe(cx, input, &SUBNET, "DescribeSubnets", ["SubnetIds", "Subnets"]),
        },
        Call { name: "ModifySubnetAttribute", reads: &["SubnetId", "MapPublicIpOnLaunch"], act: modify },
    ],
};

/// Adds the number of addresses that no network interface has.
fn shown(thing: &Thing, view: &View<'_>) -> Members {
    let interfaces = view.region.alive("network-interface", view.now);
    let taken = interfaces.filter(|one| one.has("SubnetId", thing.id.as_str())).count();
    let all = thing.text("CidrBlock").parse().map(range::usable).unwrap_or_default();
    let free = all.saturating_sub(u32::try_from(taken).unwrap_or(u32::MAX));
    members(json!({"AvailableIpAddressCount": free}))
}

fn create(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let vpc = cx.known("vpc", input.need("VpcId")?)?;
    let of_vpc = vpc.text("CidrBlock").parse().unwrap_or_default();
    let vpc = vpc.id.clone();
    let text = input.need("CidrBlock")?;
    let wanted = range::block(text, "InvalidSubnet.Range")?;
    let of_vpc: ipnet::Ipv4Net = of_vpc;
    if !of_vpc.contains(&wanted) {
        return Err(refused("InvalidSubnet.Range", format!("The CIDR '{text}' is invalid.")));
    }
    let zone = match (input.text("AvailabilityZone"), input.text("AvailabilityZoneId")) {
        (Some(zone), None) | (None, Some(zone)) => zone,
        (Some(_), Some(_)) => {
            let message = "You can specify AvailabilityZone or AvailabilityZoneId, not both";
            return Err(refused("InvalidParameterCombination", message));
        }
        (None, None) => return not_known("a subnet in a zone that AWS chooses"),
    };
    let Some((name, id)) = cx.place.zone(zone) else {
        let why = "Subnets can currently only be created in the zones of this region.";
        return Err(invalid_value(zone, "availabilityZone", why));
    };
    let overlaps = |one: &Thing| {
        one.has("VpcId", vpc.as_str())
            && one.text("CidrBlock").parse().is_ok_and(|other| range::overlap(wanted, other))
    };
    if cx.region.alive(NAME, cx.now).any(overlaps) {
        let message = format!("The CIDR '{text}' conflicts with another subnet");
        return Err(refused("InvalidSubnet.Conflict", message));
    }
    cx.one_more(Quota::SubnetsPerVpc, NAME, |one| one.has("VpcId", vpc.as_str()))?;
    let body = json!({
        "VpcId": vpc,
        "CidrBlock": wanted.to_string(),
        "AvailabilityZone": name,
        "AvailabilityZoneId": id,
        "MapPublicIpOnLaunch": false,
        "AssignIpv6AddressOnCreation": false,
        "DefaultForAz": false,
        "OwnerId": cx.account,
    });
    let subnet = cx.make(NAME, New { members: body, life: &life::INSTANT, owner: None }, input)?;
    let arn =
        format!("arn:{}:ec2:{}:{}:subnet/{subnet}", cx.place.partition.name(), cx.place.name, cx.account);
    cx.change(&subnet).members.insert("SubnetArn".to_owned(), arn.into());
    Ok(members(json!({"Subnet": cx.show(&subnet)})))
}

fn delete(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let id = cx.known_id(NAME, input.need("SubnetId")?)?;
    let used = cx.region.every().any(|thing| {
        let mentions = thing.has("SubnetId", id.as_str()) || thing.texts("SubnetIds").contains(&id.as_str());
        thing.blocks(cx.now) && mentions
    });
    if used {
        let message = format!("The subnet '{id}' has dependencies and cannot be deleted.");
        return Err(dependency_violation(message));
    }
    // The association with a route table goes with the subnet.
    let tables: Vec<_> = cx.region.all("route-table").map(|table| table.id.clone()).collect();
    for table in tables {
        let associations = cx.change(&table).list_mut("Associations");
        associations.retain(|one| one.get("SubnetId").and_then(Value::as_str) != Some(id.as_str()));
    }
    cx.delete(&id);
    Ok(Members::new())
}

fn modify(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let id = cx.known_id(NAME, input.need("SubnetId")?)?;
    let Some(value) = input.structure("MapPublicIpOnLaunch") else {
        return Err(refused("InvalidParameterCombination", "No attributes specified."));
    };
    cx.change(&id).members.insert("MapPublicIpOnLaunch".to_owned(), value.flag("Value").into());
    Ok(Members::new())
}
