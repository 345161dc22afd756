//! Interface endpoints: a network interface in each of some subnets.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    input::Input,
    interface::{self, NewInterface},
    kind::{Cx, HIDDEN, New},
};
use crate::{
    refusal::{Refusal, missing_parameter, refused},
    state::{id::Id, life, quota::Quota, thing::Thing},
};

const NAME: &str = "vpc-endpoint";

/// Makes an endpoint of the VPC. `body` has the members of all endpoints.
pub(super) fn create(cx: &mut Cx<'_>, vpc: &Id, body: &mut Value, input: Input<'_>) -> Result<Id, Refusal> {
    let subnets: Result<Vec<Id>, Refusal> =
        input.texts("SubnetIds").into_iter().map(|text| cx.in_vpc("subnet", text, vpc)).collect();
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
            cx.in_vpc("security-group", text, vpc)?;
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
