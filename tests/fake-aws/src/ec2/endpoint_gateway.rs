//! Gateway endpoints: routes to a service in route tables.

use serde_json::{Value, json};

use super::{
    input::Input,
    kind::{Cx, New},
};
use crate::{
    refusal::{Refusal, refused},
    state::{id::Id, life, quota::Quota},
};

const NAME: &str = "vpc-endpoint";

/// Makes an endpoint of the VPC for the service with this prefix list. `body` has the members of all endpoints.
pub(super) fn create(
    cx: &mut Cx<'_>,
    vpc: &Id,
    prefix_list: &str,
    body: &mut Value,
    input: Input<'_>,
) -> Result<Id, Refusal> {
    let tables: Result<Vec<Id>, Refusal> =
        input.texts("RouteTableIds").into_iter().map(|text| cx.in_vpc("route-table", text, vpc)).collect();
    let tables = tables?;
    cx.one_more(Quota::GatewayEndpoints, NAME, |one| one.has("VpcEndpointType", "Gateway"))?;
    for table in &tables {
        let has = |route: &Value| route["DestinationPrefixListId"] == prefix_list;
        if cx.change(table).list("Routes").iter().any(has) {
            let message = format!(
                "route table {table} already has a route with destination-prefix-list-id {prefix_list}"
            );
            return Err(refused("RouteAlreadyExists", message));
        }
    }
    body["VpcEndpointType"] = "Gateway".into();
    body["RouteTableIds"] = tables.iter().map(Id::as_str).collect();
    let new = New { members: body.clone(), life: &life::GATEWAY_ENDPOINT, owner: None };
    let endpoint = cx.make(NAME, new, input)?;
    for table in &tables {
        cx.change(table).list_mut("Routes").push(json!({
            "DestinationPrefixListId": prefix_list,
            "GatewayId": endpoint,
            "Origin": "CreateRoute",
            "State": "active",
        }));
    }
    Ok(endpoint)
}

/// Removes the routes to an endpoint.
pub(super) fn remove_routes(cx: &mut Cx<'_>, endpoint: &Id) {
    let tables: Vec<Id> = cx.region.all("route-table").map(|table| table.id.clone()).collect();
    for table in tables {
        cx.change(&table).list_mut("Routes").retain(|route| route["GatewayId"] != endpoint.as_str());
    }
}
