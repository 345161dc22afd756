//! Elastic IP addresses. The allocating call has no client token.

use serde_json::json;

use super::{
    describe::describe,
    input::Input,
    kind::{Call, Cx, Kind, New, View, members, not_known},
    nat_gateway,
};
use crate::{
    refusal::{Refusal, refused},
    state::{
        life,
        quota::Quota,
        thing::{Members, Thing},
    },
};

const NAME: &str = "elastic-ip";

pub(crate) const ADDRESS: Kind = Kind {
    name: NAME,
    id: "AllocationId",
    prefix: "eipalloc-",
    not_found: ("InvalidAllocationID.NotFound", "The allocation ID '{}' does not exist"),
    malformed: "InvalidAllocationID.Malformed",
    states: None,
    tags: "Tags",
    shown,
    filters: &[
        ("allocation-id", "AllocationId"),
        ("association-id", "AssociationId"),
        ("public-ip", "PublicIp"),
        ("network-interface-id", "NetworkInterfaceId"),
        ("network-border-group", "NetworkBorderGroup"),
    ],
    calls: &[
        Call { name: "AllocateAddress", reads: &["Domain", "TagSpecifications"], act: allocate },
        Call { name: "ReleaseAddress", reads: &["AllocationId"], act: release },
        Call {
            name: "DescribeAddresses",
            reads: &["AllocationIds", "Filters"],
            act: |cx, input| {
                describe(cx, input, &ADDRESS, "DescribeAddresses", ["AllocationIds", "Addresses"])
            },
        },
    ],
};

/// Adds the association, which a NAT gateway makes and takes along.
fn shown(thing: &Thing, view: &View<'_>) -> Members {
    let interface = view.region.alive("network-interface", view.now).find(|one| {
        let association = one.members.get("Association");
        association.is_some_and(|association| association["AllocationId"] == thing.id.as_str())
    });
    let Some(interface) = interface else { return Members::new() };
    members(json!({
        "AssociationId": thing.id.as_str().replace("eipalloc", "eipassoc"),
        "NetworkInterfaceId": interface.id,
        "NetworkInterfaceOwnerId": view.account,
        "PrivateIpAddress": interface.text("PrivateIpAddress"),
    }))
}

fn allocate(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    if input.text("Domain").is_some_and(|domain| domain != "vpc") {
        return not_known("an address outside of VPCs");
    }
    cx.one_more(Quota::Addresses, NAME, |_| true)?;
    let public = cx.serial.public_address();
    let shown = json!({
        "PublicIp": public,
        "Domain": "vpc",
        "NetworkBorderGroup": cx.place.name,
        "PublicIpv4Pool": "amazon",
    });
    let new = New { members: shown.clone(), life: &life::INSTANT, owner: None };
    let address = cx.make(NAME, new, input)?;
    let mut answer = members(shown);
    answer.insert("AllocationId".to_owned(), address.as_str().into());
    Ok(answer)
}

fn release(cx: &mut Cx<'_>, input: Input<'_>) -> Result<Members, Refusal> {
    let id = cx.known_id(NAME, input.need("AllocationId")?)?;
    if cx.region.alive("natgateway", cx.now).any(|gateway| nat_gateway::uses(gateway, id.as_str())) {
        // The error hides that the address is in use, because its association belongs to another account, the service's.
        let message = "You do not have permission to access the specified resource.";
        return Err(refused("AuthFailure", message));
    }
    cx.delete(&id);
    Ok(Members::new())
}
