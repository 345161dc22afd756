//! The routes of a route table.

use serde_json::{Value, json};

use super::{
    input::Input,
    kind::{Cx, members, not_known},
    range,
};
use crate::{
    refusal::{Refusal, missing_parameter, refused},
    state::{id::Id, quota::Quota, thing::Members},
};

const TABLE: &str = "route-table";

/// Returns the target of a route: its member and its id.
fn target(cx: &Cx<'_>, vpc: &str, input: Input<'_>) -> Result<(&'static str, String), Refusal> {
    match (input.text("GatewayId"), input.text("NatGatewayId")) {
        (Some(gateway), None) => {
            if !gateway.starts_with("igw-") {
                return not_known(format!("a route to {gateway}"));
            }
            let gateway = cx.known("internet-gateway", gateway).map_err(|_| {
                let message = format!("The gateway ID '{gateway}' does not exist");
                refused("InvalidGatewayID.NotFound", message)
            })?;
            if !gateway.list("Attachments").iter().any(|one| one["VpcId"] == vpc) {
                let message =
                    format!("route table and network gateway {} belong to different networks", gateway.id);
                return Err(refused("InvalidParameterValue", message));
            }
            Ok(("GatewayId", gateway.id.to_string()))
        }
        (None, Some(nat)) => {
            let nat = cx.known("natgateway", nat).map_err(|_| {
                let message = format!("The natGateway ID '{nat}' does not exist");
                refused("InvalidNatGatewayID.NotFound", message)
            })?;
            if !nat.has("VpcId", vpc) {
                let message = format!("route table and NAT gateway {} belong to different networks", nat.id);
                return Err(refused("InvalidParameterValue", message));
            }
            Ok(("NatGatewayId", nat.id.to_string()))
        }
        (None, None) => Err(missing_parameter("GatewayId")),
        (Some(_), Some(_)) => {
            Err(refused("InvalidParameterCombination", "More than one route target was specified"))
        }
    }
}

/// The destination of a call, and the table that it names with the place of a route to there.
struct Place {
    table: Id,
    destination: String,
    at: Option<usize>,
}

fn place(cx: &Cx<'_>, input: Input<'_>) -> Result<Place, Refusal> {
    let table = cx.known(TABLE, input.need("RouteTableId")?)?;
    let destination = range::any(input.need("DestinationCidrBlock")?, "destinationCidrBlock")?.to_string();
    let at = table.list("Routes").iter().position(|one| one["DestinationCidrBlock"] == destination.as_str());
    Ok(Place { table: table.id.clone(), destination, at })
}

fn new_route(destination: &str, (member, id): (&str, String)) -> Value {
    json!({"DestinationCidrBlock": destination, member: id, "Origin": "CreateRoute", "State": "active"})
}

fn vpc_of(cx: &Cx<'_>, table: &Id) -> String {
    cx.region.get(table).map(|table| table.text("VpcId").to_owned()).unwrap_or_default()
}

pub(super) fn create(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let Place { table, destination, at } = place(cx, input)?;
    let target = target(cx, &vpc_of(cx, &table), input)?;
    let routes = cx.change(&table).list_mut("Routes").len();
    if at.is_some() {
        // Also with the same target, which AWS may accept (not known): a client has to expect either.
        let message = format!("The route identified by {destination} already exists.");
        return Err(refused("RouteAlreadyExists", message));
    }
    cx.quotas.one_more(Quota::RoutesPerTable, routes)?;
    cx.change(&table).list_mut("Routes").push(new_route(&destination, target));
    Ok(members(json!({"Return": true})))
}

fn no_route(destination: &str, table: &Id) -> Refusal {
    let message = format!("no route with destination-cidr-block {destination} in route table {table}");
    refused("InvalidRoute.NotFound", message)
}

fn own(cx: &mut Cx<'_>, place: &Place, verb: &str) -> Result<usize, Refusal> {
    let at = place.at.ok_or_else(|| no_route(&place.destination, &place.table))?;
    if cx.change(&place.table).list_mut("Routes")[at]["Origin"] == "CreateRouteTable" {
        let message =
            format!("cannot {verb} local route {} in route table {}", place.destination, place.table);
        return Err(refused("InvalidParameterValue", message));
    }
    Ok(at)
}

pub(super) fn replace(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let place = place(cx, input)?;
    let target = target(cx, &vpc_of(cx, &place.table), input)?;
    let at = own(cx, &place, "replace")?;
    cx.change(&place.table).list_mut("Routes")[at] = new_route(&place.destination, target);
    Ok(Members::new())
}

pub(super) fn delete(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let place = place(cx, input)?;
    let at = own(cx, &place, "remove")?;
    cx.change(&place.table).list_mut("Routes").remove(at);
    Ok(Members::new())
}

/// Marks routes whose target is gone: they stay in their table and lead nowhere.
pub(super) fn look_for_black_holes(cx: &mut Cx<'_>) {
    let tables: Vec<Id> = cx.region.all(TABLE).map(|table| table.id.clone()).collect();
    for table in tables {
        let vpc = vpc_of(cx, &table);
        let routes = cx.change(&table).list_mut("Routes").clone();
        let leads = |route: &Value| {
            let id = route.get("GatewayId").or_else(|| route.get("NatGatewayId")).and_then(Value::as_str);
            let Some(id) = id.filter(|id| *id != "local") else { return true };
            cx.region.every().any(|thing| {
                let here = thing.has("VpcId", &vpc)
                    || thing.list("Attachments").iter().any(|one| one["VpcId"] == vpc.as_str());
                thing.id.as_str() == id && !thing.is_gone(cx.now) && here
            })
        };
        let states: Vec<&str> =
            routes.iter().map(|route| if leads(route) { "active" } else { "blackhole" }).collect();
        for (route, state) in cx.change(&table).list_mut("Routes").iter_mut().zip(states) {
            // A route of a gateway endpoint has its target as a member of its own and is active.
            route["State"] = state.into();
        }
    }
}
