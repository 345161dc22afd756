//! Route tables and their associations with subnets. The routes are in [`super::route`].

use serde_json::{Value, json};

use super::{
    describe::describe,
    input::Input,
    kind::{Call, Cx, Kind, New, members, nothing},
    route,
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

const NAME: &str = "route-table";

pub(crate) const ROUTE_TABLE: Kind = Kind {
    name: NAME,
    id: "RouteTableId",
    prefix: "rtb-",
    not_found: ("InvalidRouteTableID.NotFound", "The routeTable ID '{}' does not exist"),
    malformed: "InvalidRouteTableId.Malformed",
    states: None,
    tags: "Tags",
    shown: nothing,
    filters: &[
        ("route-table-id", "RouteTableId"),
        ("vpc-id", "VpcId"),
        ("owner-id", "OwnerId"),
        ("association.route-table-association-id", "Associations.RouteTableAssociationId"),
        ("association.subnet-id", "Associations.SubnetId"),
        ("association.main", "Associations.Main"),
        ("route.destination-cidr-block", "Routes.DestinationCidrBlock"),
        ("route.gateway-id", "Routes.GatewayId"),
        ("route.nat-gateway-id", "Routes.NatGatewayId"),
        ("route.state", "Routes.State"),
    ],
    calls: &[
        Call { name: "CreateRouteTable", reads: &["VpcId", "TagSpecifications", "ClientToken"], act: create },
        Call { name: "DeleteRouteTable", reads: &["RouteTableId"], act: delete },
        Call {
            name: "DescribeRouteTables",
            reads: &["RouteTableIds", "Filters", "MaxResults", "NextToken"],
            act: |cx, input| {
                route::look_for_black_holes(cx);
                let names = ["RouteTableIds", "RouteTables"];
                describe(cx, input, &ROUTE_TABLE, "DescribeRouteTables", names)
            },
        },
        Call { name: "AssociateRouteTable", reads: &["RouteTableId", "SubnetId"], act: associate },
        Call { name: "DisassociateRouteTable", reads: &["AssociationId"], act: disassociate },
        Call {
            name: "CreateRoute",
            reads: &["RouteTableId", "DestinationCidrBlock", "GatewayId", "NatGatewayId"],
            act: route::create,
        },
        Call {
            name: "ReplaceRoute",
            reads: &["RouteTableId", "DestinationCidrBlock", "GatewayId", "NatGatewayId"],
            act: route::replace,
        },
        Call { name: "DeleteRoute", reads: &["RouteTableId", "DestinationCidrBlock"], act: route::delete },
    ],
};

fn make(cx: &mut Cx<'_>, vpc: &Id, range: &str, owner: Option<Id>, input: Input<'_>) -> Result<Id, Refusal> {
    let local = json!({
        "DestinationCidrBlock": range,
        "GatewayId": "local",
        "Origin": "CreateRouteTable",
        "State": "active",
    });
    let body = json!({
        "VpcId": vpc,
        "OwnerId": cx.account,
        "Associations": [],
        "PropagatingVgws": [],
        "Routes": [local],
    });
    cx.make(NAME, New { members: body, life: &life::INSTANT, owner }, input)
}

/// Makes the table that subnets without an association have. It goes with its VPC.
pub(crate) fn make_main(cx: &mut Cx<'_>, vpc: &Id, range: &str, input: Input<'_>) -> Result<Id, Refusal> {
    let table = make(cx, vpc, range, Some(vpc.clone()), input)?;
    let association = cx.serial.id("rtbassoc-");
    cx.change(&table).list_mut("Associations").push(json!({
        "Main": true,
        "RouteTableAssociationId": association,
        "RouteTableId": table,
        "AssociationState": {"State": "associated"},
    }));
    Ok(table)
}

fn create(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let vpc = cx.known("vpc", input.need("VpcId")?)?;
    let (range, vpc) = (vpc.text("CidrBlock").to_owned(), vpc.id.clone());
    cx.one_more(Quota::RouteTablesPerVpc, NAME, |one| one.has("VpcId", vpc.as_str()))?;
    let table = make(cx, &vpc, &range, None, input)?;
    Ok(members(json!({"RouteTable": cx.show(&table)})))
}

fn is_main(table: &Thing) -> bool {
    table.list("Associations").iter().any(|one| one["Main"] == true)
}

fn delete(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let table = cx.known(NAME, input.need("RouteTableId")?)?;
    let id = table.id.clone();
    let by_endpoint = |one: &Thing| one.texts("RouteTableIds").contains(&id.as_str());
    if is_main(table)
        || !table.list("Associations").is_empty()
        || cx.region.alive("vpc-endpoint", cx.now).any(by_endpoint)
    {
        let message = format!("The routeTable '{id}' has dependencies and cannot be deleted.");
        return Err(dependency_violation(message));
    }
    cx.delete(&id);
    Ok(Members::new())
}

fn associate(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let table = cx.known(NAME, input.need("RouteTableId")?)?;
    let subnet = cx.known("subnet", input.need("SubnetId")?)?;
    if table.text("VpcId") != subnet.text("VpcId") {
        let message =
            format!("Route table {} and subnet {} belong to different networks", table.id, subnet.id);
        return Err(refused("InvalidParameterValue", message));
    }
    let (table, subnet) = (table.id.clone(), subnet.id.clone());
    let here = |one: &Value| one.get("SubnetId").and_then(Value::as_str) == Some(subnet.as_str());
    for other in cx.region.all(NAME) {
        if let Some(there) = other.list("Associations").iter().find(|one| here(one)) {
            if other.id == table {
                // The same call again gives the association that there is.
                return Ok(associated(&there["RouteTableAssociationId"]));
            }
            let message = format!(
                "the specified association for route table {table} conflicts with an existing association"
            );
            return Err(refused("Resource.AlreadyAssociated", message));
        }
    }
    let association = cx.serial.id("rtbassoc-");
    let answer = associated(&json!(association));
    cx.change(&table).list_mut("Associations").push(json!({
        "Main": false,
        "RouteTableAssociationId": association,
        "RouteTableId": table,
        "SubnetId": subnet,
        "AssociationState": {"State": "associated"},
    }));
    Ok(answer)
}

fn associated(id: &Value) -> Members {
    members(json!({"AssociationId": id, "AssociationState": {"State": "associated"}}))
}

fn disassociate(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let text = input.need("AssociationId")?;
    let is_it = |one: &Value| one["RouteTableAssociationId"] == text;
    let found = cx.region.all(NAME).find_map(|table| {
        let one = table.list("Associations").iter().find(|one| is_it(one))?;
        Some((table.id.clone(), one["Main"] == true))
    });
    let Some((table, main)) = found else {
        let message = format!("The association ID '{text}' does not exist");
        return Err(refused("InvalidAssociationID.NotFound", message));
    };
    if main {
        let message = format!("cannot disassociate the main route table association {text}");
        return Err(refused("InvalidParameterValue", message));
    }
    cx.change(&table).list_mut("Associations").retain(|one| !is_it(one));
    Ok(Members::new())
}
