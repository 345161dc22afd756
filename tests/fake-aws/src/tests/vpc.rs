//! VPCs and subnets.

use super::client;
use crate::{Quota, tests::ACCOUNT};

#[test]
fn new_vpc_is_pending_and_then_available() {
    let client = client();
    let vpc = client.get("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "vpcId");
    let state = || client.ok("DescribeVpcs", &[("VpcId.1", &vpc)]).all("state").last().unwrap().to_string();
    assert_eq!(state(), "pending");
    client.pass(1);
    assert_eq!(state(), "available");
}

#[test]
fn new_vpc_has_its_default_parts() {
    let client = client();
    let vpc = client.vpc();
    let of_vpc = [("Filter.1.Name", "vpc-id"), ("Filter.1.Value.1", vpc.as_str())];
    let tables = client.ok("DescribeRouteTables", &of_vpc);
    assert_eq!((tables.get("main"), tables.get("gatewayId")), ("true", "local"));
    assert_eq!(client.get("DescribeNetworkAcls", &of_vpc, "default"), "true");
    let groups = client.ok("DescribeSecurityGroups", &of_vpc);
    assert_eq!(groups.get("groupName"), "default");
    assert_eq!(groups.all("cidrIp"), ["0.0.0.0/0"]);
}

#[test]
fn vpc_takes_its_own_parts_along() {
    let client = client();
    let before = client.snapshot();
    let vpc = client.vpc();
    client.ok("DeleteVpc", &[("VpcId", &vpc)]);
    assert_eq!(client.snapshot(), before);
    assert!(client.snapshot().is_empty());
    assert_eq!(client.code("DeleteVpc", &[("VpcId", &vpc)]), "InvalidVpcID.NotFound");
}

#[test]
fn vpc_with_dependents_is_not_deleted() {
    let client = client();
    let vpc = client.vpc();
    let delete = || client.call("DeleteVpc", &[("VpcId", &vpc)]).err();
    let violation = Some("DependencyViolation".to_owned());
    let subnet = client.subnet(&vpc, 0, 'a');
    assert_eq!(delete(), violation);
    client.ok("DeleteSubnet", &[("SubnetId", &subnet)]);
    let group = client.group(&vpc, "nodes");
    assert_eq!(delete(), violation);
    client.ok("DeleteSecurityGroup", &[("GroupId", &group)]);
    let table = client.get("CreateRouteTable", &[("VpcId", &vpc)], "routeTableId");
    assert_eq!(delete(), violation);
    client.ok("DeleteRouteTable", &[("RouteTableId", &table)]);
    let gateway = client.internet_gateway(&vpc);
    assert_eq!(delete(), violation);
    client.ok("DetachInternetGateway", &[("InternetGatewayId", &gateway), ("VpcId", &vpc)]);
    assert_eq!(delete(), None);
}

#[test]
fn range_of_a_vpc_has_16_to_28_bits() {
    let client = client();
    for range in ["10.0.0.0/15", "10.0.0.0/29"] {
        assert_eq!(client.code("CreateVpc", &[("CidrBlock", range)]), "InvalidVpc.Range");
    }
    for range in ["10.0.0.1/16", "10.0.0.0", "x"] {
        assert_eq!(client.code("CreateVpc", &[("CidrBlock", range)]), "InvalidParameterValue");
    }
    assert_eq!(client.code("CreateVpc", &[]), "MissingParameter");
}

#[test]
fn sixth_vpc_is_above_the_quota() {
    let client = client();
    (0..5).for_each(|_| drop(client.vpc()));
    assert_eq!(client.code("CreateVpc", &[("CidrBlock", "10.0.0.0/16")]), "VpcLimitExceeded");
    client.fake.set_quota(ACCOUNT, Quota::Vpcs, 6);
    client.vpc();
}

#[test]
fn attributes_of_a_vpc_are_changed_one_at_a_time() {
    let client = client();
    let vpc = client.vpc();
    let ask = |attribute: &str| {
        client.get("DescribeVpcAttribute", &[("VpcId", &vpc), ("Attribute", attribute)], "value")
    };
    assert_eq!((ask("enableDnsSupport"), ask("enableDnsHostnames")), ("true".to_owned(), "false".to_owned()));
    client.ok("ModifyVpcAttribute", &[("VpcId", &vpc), ("EnableDnsHostnames.Value", "true")]);
    assert_eq!(ask("enableDnsHostnames"), "true");
    let both =
        [("EnableDnsHostnames.Value", "true"), ("EnableDnsSupport.Value", "true"), ("VpcId", vpc.as_str())];
    assert_eq!(client.code("ModifyVpcAttribute", &both), "InvalidParameterCombination");
    assert_eq!(client.code("ModifyVpcAttribute", &[("VpcId", &vpc)]), "InvalidParameterCombination");
}

#[test]
fn subnet_has_a_zone_by_name_or_by_id() {
    let client = client();
    let vpc = client.vpc();
    let create =
        |range, zone: (&str, &str)| client.ok("CreateSubnet", &[("VpcId", &vpc), ("CidrBlock", range), zone]);
    let subnet = create("10.0.0.0/24", ("AvailabilityZone", "us-east-1b"));
    assert_eq!(subnet.get("availabilityZoneId"), "use1-az6");
    let subnet = create("10.0.1.0/24", ("AvailabilityZoneId", "use1-az4"));
    assert_eq!(
        (subnet.get("availabilityZone"), subnet.get("availableIpAddressCount")),
        ("us-east-1a", "251")
    );
}

#[test]
fn subnet_is_inside_of_its_vpc_and_overlaps_no_other() {
    let client = client();
    let vpc = client.vpc();
    client.subnet(&vpc, 0, 'a');
    for (range, code) in [
        ("10.0.0.128/25", "InvalidSubnet.Conflict"),
        ("10.0.0.0/16", "InvalidSubnet.Conflict"),
        ("10.1.0.0/24", "InvalidSubnet.Range"),
        ("10.0.4.0/29", "InvalidSubnet.Range"),
    ] {
        let parameters = [("VpcId", vpc.as_str()), ("CidrBlock", range), ("AvailabilityZone", "us-east-1a")];
        assert_eq!(client.code("CreateSubnet", &parameters), code, "{range}");
    }
    let other =
        [("VpcId", vpc.as_str()), ("CidrBlock", "10.0.4.0/24"), ("AvailabilityZone", "eu-central-1a")];
    assert_eq!(client.code("CreateSubnet", &other), "InvalidParameterValue");
}

#[test]
fn subnet_gives_public_addresses_only_if_told_to() {
    let client = client();
    let subnet = client.subnet(&client.vpc(), 0, 'a');
    let ask = || client.get("DescribeSubnets", &[("SubnetId.1", &subnet)], "mapPublicIpOnLaunch");
    assert_eq!(ask(), "false");
    client.ok("ModifySubnetAttribute", &[("SubnetId", &subnet), ("MapPublicIpOnLaunch.Value", "true")]);
    assert_eq!(ask(), "true");
    assert_eq!(client.code("ModifySubnetAttribute", &[("SubnetId", &subnet)]), "InvalidParameterCombination");
}

#[test]
fn subnet_with_a_network_interface_is_not_deleted() {
    let client = client();
    let subnet = client.subnet(&client.vpc(), 0, 'a');
    let add = |managed| client.fake.add_interface(ACCOUNT, client.region, &subnet, "aws-K8S-i-1", managed);
    let (theirs, left_over) = (add(true), add(false));
    assert_eq!(client.code("DeleteSubnet", &[("SubnetId", &subnet)]), "DependencyViolation");
    client.ok("DeleteNetworkInterface", &[("NetworkInterfaceId", left_over.as_str())]);
    assert_eq!(
        client.code("DeleteNetworkInterface", &[("NetworkInterfaceId", theirs.as_str())]),
        "AuthFailure"
    );
    assert_eq!(client.code("DeleteSubnet", &[("SubnetId", &subnet)]), "DependencyViolation");
    client.fake.remove_interface(ACCOUNT, client.region, &theirs);
    client.ok("DeleteSubnet", &[("SubnetId", &subnet)]);
}
