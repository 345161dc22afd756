//! Elastic IP addresses.

use super::client;

#[test]
fn address_of_a_nat_gateway_is_released_only_after_it() {
    let client = client();
    let vpc = client.vpc();
    client.internet_gateway(&vpc);
    let (nat, address) = client.nat_gateway(&client.subnet(&vpc, 0, 'a'));
    let release = || client.call("ReleaseAddress", &[("AllocationId", &address)]).err();
    assert_eq!(release().as_deref(), Some("AuthFailure"));
    client.ok("DeleteNatGateway", &[("NatGatewayId", &nat)]);
    assert_eq!(release().as_deref(), Some("AuthFailure"));
    client.pass(60);
    assert_eq!(release(), None);
    assert_eq!(release().as_deref(), Some("InvalidAllocationID.NotFound"));
}

#[test]
fn address_has_one_nat_gateway() {
    let client = client();
    let vpc = client.vpc();
    client.internet_gateway(&vpc);
    let subnet = client.subnet(&vpc, 0, 'a');
    let (_, address) = client.nat_gateway(&subnet);
    let again = [("SubnetId", subnet.as_str()), ("AllocationId", &address)];
    assert_eq!(client.code("CreateNatGateway", &again), "Resource.AlreadyAssociated");
}

#[test]
fn address_in_use_shows_its_association() {
    let client = client();
    let vpc = client.vpc();
    client.internet_gateway(&vpc);
    let (_, address) = client.nat_gateway(&client.subnet(&vpc, 0, 'a'));
    let free = client.get("AllocateAddress", &[], "allocationId");
    let shown = |id: &str| client.ok("DescribeAddresses", &[("AllocationId.1", id)]);
    assert!(shown(&address).get("associationId").starts_with("eipassoc-"));
    assert!(shown(&free).all("associationId").is_empty());
}

#[test]
fn sixth_address_is_above_the_quota() {
    let client = client();
    let public: Vec<String> = (0..5).map(|_| client.get("AllocateAddress", &[], "publicIp")).collect();
    assert!(public.iter().all(|address| address.starts_with("198.18.")));
    assert_eq!(client.code("AllocateAddress", &[]), "AddressLimitExceeded");
}

#[test]
fn two_calls_make_two_addresses() {
    let client = client();
    let allocate = || client.get("AllocateAddress", &[("Domain", "vpc")], "allocationId");
    assert_ne!(allocate(), allocate());
}
