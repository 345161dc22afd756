//! Internet gateways and NAT gateways.

use super::client;
use crate::{Quota, tests::ACCOUNT};

#[test]
fn internet_gateway_has_one_vpc_and_a_vpc_has_one_gateway() {
    let client = client();
    let (one, other) = (client.vpc(), client.vpc());
    let gateway = client.internet_gateway(&one);
    let attach = |gateway: &str, vpc: &str| {
        client.code("AttachInternetGateway", &[("InternetGatewayId", gateway), ("VpcId", vpc)])
    };
    assert_eq!(attach(&gateway, &one), "Resource.AlreadyAssociated");
    assert_eq!(attach(&gateway, &other), "Resource.AlreadyAssociated");
    let second = client.get("CreateInternetGateway", &[], "internetGatewayId");
    assert_eq!(attach(&second, &one), "InvalidParameterValue");
}

#[test]
fn attached_internet_gateway_is_not_deleted() {
    let client = client();
    let vpc = client.vpc();
    let gateway = client.internet_gateway(&vpc);
    assert_eq!(
        client.code("DeleteInternetGateway", &[("InternetGatewayId", &gateway)]),
        "DependencyViolation"
    );
    let both = [("InternetGatewayId", gateway.as_str()), ("VpcId", vpc.as_str())];
    client.ok("DetachInternetGateway", &both);
    assert_eq!(client.code("DetachInternetGateway", &both), "Gateway.NotAttached");
    client.ok("DeleteInternetGateway", &[("InternetGatewayId", &gateway)]);
}

#[test]
fn internet_gateway_stays_while_a_nat_gateway_has_a_public_address() {
    let client = client();
    let vpc = client.vpc();
    let gateway = client.internet_gateway(&vpc);
    let (nat, _) = client.nat_gateway(&client.subnet(&vpc, 0, 'a'));
    let both = [("InternetGatewayId", gateway.as_str()), ("VpcId", vpc.as_str())];
    assert_eq!(client.code("DetachInternetGateway", &both), "DependencyViolation");
    client.ok("DeleteNatGateway", &[("NatGatewayId", &nat)]);
    assert_eq!(client.code("DetachInternetGateway", &both), "DependencyViolation");
    client.pass(60);
    client.ok("DetachInternetGateway", &both);
}

#[test]
fn nat_gateway_is_pending_available_deleting_and_deleted() {
    let client = client();
    let vpc = client.vpc();
    client.internet_gateway(&vpc);
    let (nat, _) = client.nat_gateway(&client.subnet(&vpc, 0, 'a'));
    assert_eq!(client.nat_state(&nat), "pending");
    client.pass(100);
    assert_eq!(client.nat_state(&nat), "available");
    client.ok("DeleteNatGateway", &[("NatGatewayId", &nat)]);
    assert_eq!(client.nat_state(&nat), "deleting");
    client.pass(60);
    assert_eq!(client.nat_state(&nat), "deleted");
    client.pass(3600);
    assert_eq!(client.code("DescribeNatGateways", &[("NatGatewayId.1", &nat)]), "NatGatewayNotFound");
}

#[test]
fn nat_gateway_shows_its_public_address_once_available() {
    let client = client();
    let vpc = client.vpc();
    client.internet_gateway(&vpc);
    let (nat, address) = client.nat_gateway(&client.subnet(&vpc, 0, 'a'));
    let ask = || client.ok("DescribeNatGateways", &[("NatGatewayId.1", &nat)]);
    assert!(ask().all("publicIp").is_empty());
    client.pass(100);
    let public = client.get("DescribeAddresses", &[("AllocationId.1", &address)], "publicIp");
    assert_eq!(ask().get("publicIp"), public);
}

#[test]
fn nat_gateway_without_an_internet_gateway_fails() {
    let client = client();
    let (nat, address) = client.nat_gateway(&client.subnet(&client.vpc(), 0, 'a'));
    client.pass(100);
    let shown = client.ok("DescribeNatGateways", &[("NatGatewayId.1", &nat)]);
    assert_eq!((shown.get("state"), shown.get("failureCode")), ("failed", "Gateway.NotAttached"));
    client.ok("ReleaseAddress", &[("AllocationId", &address)]);
}

#[test]
fn failed_nat_gateway_blocks_nothing_and_is_forgotten() {
    let client = client();
    let subnet = client.subnet(&client.vpc(), 0, 'a');
    let (nat, _) = client.nat_gateway(&subnet);
    client.pass(100);
    client.ok("DeleteSubnet", &[("SubnetId", &subnet)]);
    assert_eq!(client.nat_state(&nat), "failed");
    client.pass(3600);
    assert_eq!(client.code("DescribeNatGateways", &[("NatGatewayId.1", &nat)]), "NatGatewayNotFound");
}

#[test]
fn test_can_let_the_next_nat_gateway_fail() {
    let client = client();
    let vpc = client.vpc();
    client.internet_gateway(&vpc);
    let failure = ["InternalError", "Network interface could not be created"];
    client.fake.fail_next(ACCOUNT, client.region, "natgateway", failure);
    let subnet = client.subnet(&vpc, 0, 'a');
    let (first, _) = client.nat_gateway(&subnet);
    let (second, _) = client.nat_gateway(&subnet);
    client.pass(100);
    assert_eq!((client.nat_state(&first), client.nat_state(&second)), ("failed".into(), "available".into()));
}

#[test]
fn subnet_stays_until_its_nat_gateway_is_deleted() {
    let client = client();
    let vpc = client.vpc();
    client.internet_gateway(&vpc);
    let subnet = client.subnet(&vpc, 0, 'a');
    let (nat, _) = client.nat_gateway(&subnet);
    client.pass(100);
    client.ok("DeleteNatGateway", &[("NatGatewayId", &nat)]);
    assert_eq!(client.code("DeleteSubnet", &[("SubnetId", &subnet)]), "DependencyViolation");
    client.pass(60);
    client.ok("DeleteSubnet", &[("SubnetId", &subnet)]);
}

#[test]
fn deleting_a_nat_gateway_again_changes_nothing() {
    let client = client();
    let vpc = client.vpc();
    client.internet_gateway(&vpc);
    let (nat, _) = client.nat_gateway(&client.subnet(&vpc, 0, 'a'));
    client.ok("DeleteNatGateway", &[("NatGatewayId", &nat)]);
    client.pass(30);
    client.ok("DeleteNatGateway", &[("NatGatewayId", &nat)]);
    client.pass(30);
    assert_eq!(client.nat_state(&nat), "deleted");
}

#[test]
fn quota_of_nat_gateways_is_for_each_zone() {
    let client = client();
    client.fake.set_quota(ACCOUNT, Quota::NatGatewaysPerZone, 1);
    let vpc = client.vpc();
    client.internet_gateway(&vpc);
    let (one, other) = (client.subnet(&vpc, 0, 'a'), client.subnet(&vpc, 1, 'b'));
    client.nat_gateway(&one);
    client.nat_gateway(&other);
    let address = client.get("AllocateAddress", &[], "allocationId");
    let third = [("SubnetId", one.as_str()), ("AllocationId", &address)];
    assert_eq!(client.code("CreateNatGateway", &third), "NatGatewayLimitExceeded");
}
