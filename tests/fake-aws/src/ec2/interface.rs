//! Network interfaces. NAT gateways and interface endpoints make them; a client can only look at them and delete those
//! that are left over.

use serde_json::{Value, json};

use super::{
    describe::describe,
    input::Input,
    kind::{Call, Cx, Kind, New, nothing},
};
use crate::{
    refusal::{Refusal, refused},
    state::{id::Id, life, thing::Members},
};

const NAME: &str = "network-interface";

pub(crate) const INTERFACE: Kind = Kind {
    name: NAME,
    id: "NetworkInterfaceId",
    prefix: "eni-",
    not_found: ("InvalidNetworkInterfaceID.NotFound", "The networkInterface ID '{}' does not exist"),
    malformed: "InvalidNetworkInterfaceId.Malformed",
    states: None,
    tags: "TagSet",
    shown: nothing,
    filters: &[
        ("network-interface-id", "NetworkInterfaceId"),
        ("vpc-id", "VpcId"),
        ("subnet-id", "SubnetId"),
        ("status", "Status"),
        ("description", "Description"),
        ("group-id", "Groups.GroupId"),
        ("interface-type", "InterfaceType"),
        ("requester-id", "RequesterId"),
        ("requester-managed", "RequesterManaged"),
        ("availability-zone", "AvailabilityZone"),
        ("owner-id", "OwnerId"),
    ],
    calls: &[
        Call {
            name: "DescribeNetworkInterfaces",
            reads: &["NetworkInterfaceIds", "Filters", "MaxResults", "NextToken"],
            act: |cx, input| {
                let names = ["NetworkInterfaceIds", "NetworkInterfaces"];
                describe(cx, input, &INTERFACE, "DescribeNetworkInterfaces", names)
            },
        },
        Call { name: "DeleteNetworkInterface", reads: &["NetworkInterfaceId"], act: delete },
    ],
};

/// A network interface to make.
pub(crate) struct NewInterface {
    pub(crate) subnet: Id,
    /// The thing that it vanishes with; one without is left over.
    pub(crate) owner: Option<Id>,
    pub(crate) description: String,
    pub(crate) sort: &'static str,
    pub(crate) groups: Vec<Value>,
    /// Its public address, if it has one.
    pub(crate) association: Option<Value>,
}

/// Makes a network interface in a subnet that exists.
pub(crate) fn make(cx: &mut Cx<'_>, new: NewInterface) -> Result<Id, Refusal> {
    let NewInterface { subnet, owner, description, sort, groups, association } = new;
    let number = cx.serial.number();
    let place = cx.change(&subnet);
    let range: ipnet::Ipv4Net = place.text("CidrBlock").parse().unwrap_or_default();
    let hosts = usize::try_from(number % 200).unwrap_or_default();
    let address = range.hosts().nth(4 + hosts % 6).map(|address| address.to_string());
    let mut body = json!({
        "SubnetId": subnet,
        "VpcId": place.text("VpcId"),
        "AvailabilityZone": place.text("AvailabilityZone"),
        "AvailabilityZoneId": place.text("AvailabilityZoneId"),
        "Description": description,
        "InterfaceType": sort,
        "Groups": groups,
        "PrivateIpAddress": address,
        "RequesterManaged": owner.is_some(),
        "SourceDestCheck": false,
        "Status": if owner.is_some() { "in-use" } else { "available" },
    });
    body["OwnerId"] = cx.account.into();
    if let Some(association) = association {
        body["Association"] = association;
    }
    let no_tags = Members::new();
    cx.make(NAME, New { members: body, life: &life::INSTANT, owner }, Input(&no_tags))
}

/// Puts a network interface into a subnet, as other services of AWS and other people do.
pub(crate) fn add(cx: &mut Cx<'_>, subnet: &str, description: &str, managed: bool) -> Result<Id, Refusal> {
    let subnet = cx.known_id("subnet", subnet)?;
    let new = NewInterface {
        subnet,
        owner: None,
        description: description.to_owned(),
        sort: "interface",
        groups: Vec::new(),
        association: None,
    };
    let interface = make(cx, new)?;
    let members = &mut cx.change(&interface).members;
    members.insert("RequesterManaged".to_owned(), managed.into());
    members.insert("Status".to_owned(), if managed { "in-use" } else { "available" }.into());
    Ok(interface)
}

fn delete(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let interface = cx.known(NAME, input.need("NetworkInterfaceId")?)?;
    let id = interface.id.clone();
    if interface.flag("RequesterManaged") {
        let message = "You do not have permission to access the specified resource.";
        return Err(refused("AuthFailure", message));
    }
    if !interface.has("Status", "available") {
        let message = format!("Network interface '{id}' is currently in use.");
        return Err(refused("InvalidParameterValue", message));
    }
    cx.delete(&id);
    Ok(Members::new())
}
