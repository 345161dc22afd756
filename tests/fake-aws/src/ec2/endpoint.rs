//! VPC endpoints: gateway endpoints for S3 and `DynamoDB`, interface endpoints for other services of AWS.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    describe::describe,
    input::Input,
    interface::{self, NewInterface},
    kind::{Call, Cx, HIDDEN, Kind, New, View, members},
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

const NAME: &str = "vpc-endpoint";
/// The services of gateway endpoints, each with its prefix list.
const GATEWAY_SERVICES: [(&str, &str); 2] = [("s3", "pl-63a5400a"), ("dynamodb", "pl-02cd2c6b")];
const INTERFACE_SERVICES: [&str; 13] = [
    "autoscaling",
    "ec2",
    "ecr.api",
    "ecr.dkr",
    "eks",
    "eks-auth",
    "elasticfilesystem",
    "elasticloadbalancing",
    "guardduty-data",
    "logs",
    "s3",
    "ssm",
    "sts",
];

pub(crate) const ENDPOINT: Kind = Kind {
    name: NAME,
    id: "VpcEndpointId",
    prefix: "vpce-",
    not_found: ("InvalidVpcEndpointId.NotFound", "The Vpc Endpoint Id '{}' does not exist"),
    malformed: "InvalidVpcEndpointId.Malformed",
    // In lower case, unlike in the model.
    states: Some(["pending", "available", "deleting", "deleted"]),
    tags: "Tags",
    shown,
    filters: &[
        ("vpc-endpoint-id", "VpcEndpointId"),
        ("vpc-id", "VpcId"),
        ("service-name", "ServiceName"),
        ("vpc-endpoint-state", "State"),
        ("vpc-endpoint-type", "VpcEndpointType"),
    ],
    calls: &[
        Call {
            name: "CreateVpcEndpoint",
            reads: &[
                "VpcId",
                "ServiceName",
                "VpcEndpointType",
                "RouteTableIds",
                "SubnetIds",
                "SecurityGroupIds",
                "PrivateDnsEnabled",
                "ClientToken",
                "TagSpecifications",
            ],
            act: create,
        },
        Call { name: "DeleteVpcEndpoints", reads: &["VpcEndpointIds"], act: delete },
        Call {
            name: "DescribeVpcEndpoints",
            reads: &["VpcEndpointIds", "Filters", "MaxResults", "NextToken"],
            act: |cx, input| {
                let names = ["VpcEndpointIds", "VpcEndpoints"];
                describe(cx, input, &ENDPOINT, "DescribeVpcEndpoints", names)
            },
        },
    ],
};

fn shown(thing: &Thing, view: &View<'_>) -> Members {
    let interfaces = view.region.all("network-interface");
    let interfaces =
        interfaces.filter(|one| one.owner.as_ref() == Some(&thing.id)).map(|one| one.id.as_str());
    let interfaces: Vec<&str> = interfaces.collect();
    members(json!({"NetworkInterfaceIds": interfaces, "CreationTimestamp": view.date(thing.made)}))
}

fn create(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let vpc = cx.known_id("vpc", input.need("VpcId")?)?;
    let full = input.need("ServiceName")?;
    let service = full.strip_prefix(&format!("com.amazonaws.{}.", cx.place.name));
    let missing = || {
        let message = format!("The Vpc Endpoint Service '{full}' does not exist");
        refused("InvalidServiceName", message)
    };
    let service = service.ok_or_else(missing)?;
    let mut body = json!({
        "VpcId": vpc,
        "ServiceName": full,
        "OwnerId": cx.account,
        "RequesterManaged": false,
        "PrivateDnsEnabled": false,
        "RouteTableIds": [],
        "SubnetIds": [],
        "Groups": [],
    });
    let endpoint = match input.text("VpcEndpointType").unwrap_or("Gateway") {
        "Gateway" => {
            let known = GATEWAY_SERVICES.iter().find(|(name, _)| *name == service);
            let (_, prefix_list) = known.ok_or_else(missing)?;
            input.only(
                "a gateway endpoint",
                &without(&["SubnetIds", "SecurityGroupIds", "PrivateDnsEnabled"]),
            )?;
            create_gateway(cx, &vpc, prefix_list, &mut body, input)?
        }
        "Interface" => {
            if !INTERFACE_SERVICES.contains(&service) {
                return Err(missing());
            }
            input.only("an interface endpoint", &without(&["RouteTableIds"]))?;
            create_interface(cx, &vpc, &mut body, input)?
        }
        other => return super::kind::not_known(format!("a VPC endpoint of type {other}")),
    };
    let mut answer = members(json!({"VpcEndpoint": cx.show(&endpoint)}));
    if let Some(token) = input.get("ClientToken") {
        answer.insert("ClientToken".to_owned(), Value::clone(token));
    }
    Ok(answer)
}

/// Returns the members of the creating call without some. All have `DryRun`.
fn without(left_out: &[&str]) -> Vec<&'static str> {
    let create = ENDPOINT.calls.iter().find(|call| call.name == "CreateVpcEndpoint").map(|call| call.reads);
    let reads = create.unwrap_or_default().iter().copied().filter(|member| !left_out.contains(member));
    reads.chain(["DryRun"]).collect()
}

fn create_gateway(
    cx: &mut Cx<'_>,
    vpc: &Id,
    prefix_list: &str,
    body: &mut Value,
    input: Input<'_>,
) -> Result<Id, Refusal> {
    let tables: Result<Vec<Id>, Refusal> =
        input.texts("RouteTableIds").into_iter().map(|text| in_vpc(cx, "route-table", text, vpc)).collect();
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

/// Returns the id of a thing in this VPC.
fn in_vpc(cx: &Cx<'_>, kind: &str, text: &str, vpc: &Id) -> Result<Id, Refusal> {
    let thing = cx.known(kind, text)?;
    if thing.has("VpcId", vpc.as_str()) {
        return Ok(thing.id.clone());
    }
    let message = format!("{text} and {vpc} belong to different networks");
    Err(refused("InvalidParameterValue", message))
}

fn create_interface(cx: &mut Cx<'_>, vpc: &Id, body: &mut Value, input: Input<'_>) -> Result<Id, Refusal> {
    let subnets: Result<Vec<Id>, Refusal> =
        input.texts("SubnetIds").into_iter().map(|text| in_vpc(cx, "subnet", text, vpc)).collect();
    let subnets = subnets?;
    if subnets.is_empty() {
        return Err(missing_parameter("SubnetIds"));
    }
    let mut zones = BTreeSet::new();
    for subnet in &subnets {
        if !zones.insert(cx.change(subnet).text("AvailabilityZone").to_owned()) {
            let message = format!(
                "Found another VPC endpoint subnet in the availability zone of {subnet}. VPC endpoint subnets should be in different availability zones supported by the VPC endpoint service."
            );
            return Err(refused("DuplicateSubnetsInSameZone", message));
        }
    }
    let groups = groups(cx, vpc, input)?;
    let private_dns = !input.has("PrivateDnsEnabled") || input.flag("PrivateDnsEnabled");
    if private_dns {
        private_dns_is_possible(cx, vpc, body)?;
    }
    let of_vpc = |one: &Thing| one.has("VpcId", vpc.as_str()) && one.has("VpcEndpointType", "Interface");
    cx.one_more(Quota::InterfaceEndpointsPerVpc, NAME, of_vpc)?;
    body["VpcEndpointType"] = "Interface".into();
    body["PrivateDnsEnabled"] = private_dns.into();
    body["SubnetIds"] = subnets.iter().map(Id::as_str).collect();
    body["Groups"] = groups.clone().into();
    let new = New { members: body.clone(), life: &life::INTERFACE_ENDPOINT, owner: None };
    let endpoint = cx.make(NAME, new, input)?;
    for subnet in subnets {
        let new = NewInterface {
            subnet,
            owner: Some(endpoint.clone()),
            description: format!("VPC Endpoint Interface {endpoint}"),
            sort: "vpc_endpoint",
            groups: groups.clone(),
            association: None,
        };
        interface::make(cx, new)?;
    }
    Ok(endpoint)
}

/// Returns the groups of a call, or the default group of the VPC.
fn groups(cx: &Cx<'_>, vpc: &Id, input: Input<'_>) -> Result<Vec<Value>, Refusal> {
    let named = input.texts("SecurityGroupIds");
    let show = |group: &Thing| json!({"GroupId": group.id, "GroupName": group.text("GroupName")});
    if named.is_empty() {
        let default = |one: &&Thing| one.has("VpcId", vpc.as_str()) && one.has("GroupName", "default");
        return Ok(cx.region.all("security-group").filter(default).map(show).collect());
    }
    named
        .into_iter()
        .map(|text| {
            in_vpc(cx, "security-group", text, vpc)?;
            cx.known("security-group", text).map(show)
        })
        .collect()
}

fn private_dns_is_possible(cx: &mut Cx<'_>, vpc: &Id, body: &Value) -> Result<(), Refusal> {
    let attribute = |name: &str, new: bool| {
        let value = cx.region.get(vpc).and_then(|vpc| vpc.members.get(&format!("{HIDDEN}{name}")));
        value.map_or(new, |value| *value == true)
    };
    if !attribute("EnableDnsSupport", true) || !attribute("EnableDnsHostnames", false) {
        let message = "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true";
        return Err(refused("InvalidParameter", format!("{message} for {vpc}")));
    }
    let conflicts = |one: &Thing| {
        one.has("VpcId", vpc.as_str())
            && one.has("ServiceName", body["ServiceName"].as_str().unwrap_or_default())
            && one.flag("PrivateDnsEnabled")
    };
    if cx.region.alive(NAME, cx.now).any(conflicts) {
        let message = format!(
            "private-dns-enabled cannot be set because there is already a conflicting DNS domain for {} in the VPC {vpc}",
            body["ServiceName"].as_str().unwrap_or_default()
        );
        return Err(refused("InvalidParameter", message));
    }
    Ok(())
}

/// Deletes the endpoints that there are. One that there is not is reported in the answer, which is not an error.
fn delete(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let mut unsuccessful = Vec::new();
    for text in input.texts("VpcEndpointIds") {
        match cx.known_id(NAME, text) {
            Ok(id) => {
                if cx.change(&id).deleted.is_none() {
                    remove_routes(cx, &id);
                    cx.delete(&id);
                }
            }
            Err(Refusal::Aws(error)) => unsuccessful
                .push(json!({"ResourceId": text, "Error": {"Code": error.code, "Message": error.message}})),
            Err(unknown @ Refusal::Unknown(_)) => return Err(unknown),
        }
    }
    Ok(members(json!({"Unsuccessful": unsuccessful})))
}

fn remove_routes(cx: &mut Cx<'_>, endpoint: &Id) {
    let tables: Vec<Id> = cx.region.all("route-table").map(|table| table.id.clone()).collect();
    for table in tables {
        cx.change(&table).list_mut("Routes").retain(|route| route["GatewayId"] != endpoint.as_str());
    }
}
