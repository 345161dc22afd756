//! VPC endpoints.

use super::{Client, client};

const S3: (&str, &str) = ("ServiceName", "com.amazonaws.us-east-1.s3");

fn interface<'a>(vpc: &'a str, subnet: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("VpcId", vpc),
        ("VpcEndpointType", "Interface"),
        ("ServiceName", "com.amazonaws.us-east-1.sts"),
        ("SubnetId.1", subnet),
        ("PrivateDnsEnabled", "false"),
    ]
}

fn state(client: &Client, endpoint: &str) -> Result<String, String> {
    let answer = client.call("DescribeVpcEndpoints", &[("VpcEndpointId.1", endpoint)]);
    answer.map(|answer| answer.get("state").to_owned())
}

#[test]
fn gateway_endpoint_adds_a_route_and_takes_it_along() {
    let client = client();
    let vpc = client.vpc();
    let table = client.get("CreateRouteTable", &[("VpcId", &vpc)], "routeTableId");
    let create = [("VpcId", vpc.as_str()), S3, ("RouteTableId.1", &table)];
    let endpoint = client.get("CreateVpcEndpoint", &create, "vpcEndpointId");
    assert_eq!(state(&client, &endpoint).as_deref(), Ok("available"));
    let routes = || client.ok("DescribeRouteTables", &[("RouteTableId.1", &table)]);
    assert_eq!(routes().all("gatewayId"), ["local", endpoint.as_str()]);
    assert_eq!(routes().all("state"), ["active", "active"]);
    assert_eq!(client.code("CreateVpcEndpoint", &create), "RouteAlreadyExists");
    assert_eq!(client.code("DeleteRouteTable", &[("RouteTableId", &table)]), "DependencyViolation");
    client.ok("DeleteVpcEndpoints", &[("VpcEndpointId.1", &endpoint)]);
    assert_eq!(routes().all("gatewayId"), ["local"]);
}

#[test]
fn interface_endpoint_is_pending_and_then_available_in_lower_case() {
    let client = client();
    let vpc = client.vpc();
    let subnet = client.subnet(&vpc, 0, 'a');
    let endpoint = client.get("CreateVpcEndpoint", &interface(&vpc, &subnet), "vpcEndpointId");
    assert_eq!(state(&client, &endpoint).as_deref(), Ok("pending"));
    client.pass(90);
    assert_eq!(state(&client, &endpoint).as_deref(), Ok("available"));
    client.ok("DeleteVpcEndpoints", &[("VpcEndpointId.1", &endpoint)]);
    assert_eq!(state(&client, &endpoint).as_deref(), Ok("deleting"));
    assert_eq!(client.code("DeleteSubnet", &[("SubnetId", &subnet)]), "DependencyViolation");
    client.pass(60);
    assert_eq!(state(&client, &endpoint), Err("InvalidVpcEndpointId.NotFound".to_owned()));
    client.ok("DeleteSubnet", &[("SubnetId", &subnet)]);
}

#[test]
fn interface_endpoint_has_a_network_interface_in_each_subnet() {
    let client = client();
    let vpc = client.vpc();
    let (one, other) = (client.subnet(&vpc, 0, 'a'), client.subnet(&vpc, 1, 'b'));
    let mut create = interface(&vpc, &one);
    create.push(("SubnetId.2", &other));
    let endpoint = client.ok("CreateVpcEndpoint", &create);
    assert_eq!(endpoint.get("groupName"), "default");
    let sort = [("Filter.1.Name", "interface-type"), ("Filter.1.Value.1", "vpc_endpoint")];
    assert_eq!(client.ok("DescribeNetworkInterfaces", &sort).all("networkInterfaceId").len(), 2);
}

#[test]
fn interface_endpoint_has_one_subnet_in_each_zone() {
    let client = client();
    let vpc = client.vpc();
    let (one, other) = (client.subnet(&vpc, 0, 'a'), client.subnet(&vpc, 1, 'a'));
    let mut create = interface(&vpc, &one);
    create.push(("SubnetId.2", &other));
    assert_eq!(client.code("CreateVpcEndpoint", &create), "DuplicateSubnetsInSameZone");
}

#[test]
fn private_dns_needs_both_attributes_of_the_vpc_and_one_endpoint() {
    let client = client();
    let vpc = client.vpc();
    let subnet = client.subnet(&vpc, 0, 'a');
    let mut create = interface(&vpc, &subnet);
    create.pop();
    assert_eq!(client.code("CreateVpcEndpoint", &create), "InvalidParameter");
    client.ok("ModifyVpcAttribute", &[("VpcId", &vpc), ("EnableDnsHostnames.Value", "true")]);
    client.ok("CreateVpcEndpoint", &create);
    assert_eq!(client.code("CreateVpcEndpoint", &create), "InvalidParameter");
}

#[test]
fn service_that_the_region_lacks_is_refused() {
    let client = client();
    let vpc = client.vpc();
    for service in ["com.amazonaws.us-west-2.s3", "com.amazonaws.us-east-1.sts", "s3"] {
        let create = [("VpcId", vpc.as_str()), ("ServiceName", service)];
        assert_eq!(client.code("CreateVpcEndpoint", &create), "InvalidServiceName", "{service}");
    }
}

#[test]
fn missing_endpoint_is_reported_in_the_answer() {
    let client = client();
    let answer = client.ok("DeleteVpcEndpoints", &[("VpcEndpointId.1", "vpce-0a1b2c3d")]);
    assert_eq!(
        (answer.get("resourceId"), answer.get("code")),
        ("vpce-0a1b2c3d", "InvalidVpcEndpointId.NotFound")
    );
}

#[test]
fn group_of_an_endpoint_is_not_deleted() {
    let client = client();
    let vpc = client.vpc();
    let (subnet, group) = (client.subnet(&vpc, 0, 'a'), client.group(&vpc, "endpoints"));
    let mut create = interface(&vpc, &subnet);
    create.push(("SecurityGroupId.1", &group));
    let endpoint = client.get("CreateVpcEndpoint", &create, "vpcEndpointId");
    assert_eq!(client.code("DeleteSecurityGroup", &[("GroupId", &group)]), "DependencyViolation");
    client.ok("DeleteVpcEndpoints", &[("VpcEndpointId.1", &endpoint)]);
    client.pass(60);
    client.ok("DeleteSecurityGroup", &[("GroupId", &group)]);
}
