//! VPC endpoints: gateway endpoints for S3 and `DynamoDB`, interface endpoints for other services of AWS.

use serde_json::{Value, json};

use super::{
    describe::describe,
    endpoint_gateway, endpoint_interface,
    input::Input,
    kind::{Call, Cx, Kind, View, members, not_known},
};
use crate::{
    refusal::{Refusal, refused},
    state::thing::{Members, Thing},
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
            endpoint_gateway::create(cx, &vpc, prefix_list, &mut body, input)?
        }
        "Interface" => {
            if !INTERFACE_SERVICES.contains(&service) {
                return Err(missing());
            }
            input.only("an interface endpoint", &without(&["RouteTableIds"]))?;
            endpoint_interface::create(cx, &vpc, &mut body, input)?
        }
        other => return not_known(format!("a VPC endpoint of type {other}")),
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

/// Deletes the endpoints that there are. One that there is not is reported in the answer, which is not an error.
fn delete(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let mut unsuccessful = Vec::new();
    for text in input.texts("VpcEndpointIds") {
        match cx.known_id(NAME, text) {
            Ok(id) => {
                if cx.change(&id).deleted.is_none() {
                    endpoint_gateway::remove_routes(cx, &id);
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
