//! Client tokens: the same call again makes nothing.

use super::{Client, client};

fn prepared() -> (Client, String, String) {
    let client = client();
    let vpc = client.vpc();
    client.internet_gateway(&vpc);
    let subnet = client.subnet(&vpc, 0, 'a');
    let address = client.get("AllocateAddress", &[], "allocationId");
    (client, subnet, address)
}

fn create(client: &Client, subnet: &str, address: &str, token: &str) -> Result<String, String> {
    let parameters = [("SubnetId", subnet), ("AllocationId", address), ("ClientToken", token)];
    client.call("CreateNatGateway", &parameters).map(|answer| answer.get("natGatewayId").to_owned())
}

#[test]
fn same_token_and_parameters_make_one_thing() {
    let (client, subnet, address) = prepared();
    let first = create(&client, &subnet, &address, "t1").unwrap();
    client.pass(100);
    assert_eq!(create(&client, &subnet, &address, "t1"), Ok(first));
    assert_eq!(client.snapshot().count("natgateway"), 1);
}

#[test]
fn answer_to_a_token_again_shows_the_thing_as_it_is_now() {
    let (client, subnet, address) = prepared();
    create(&client, &subnet, &address, "t1").unwrap();
    client.pass(100);
    let again = [("SubnetId", subnet.as_str()), ("AllocationId", &address), ("ClientToken", "t1")];
    assert_eq!(client.get("CreateNatGateway", &again, "state"), "available");
}

#[test]
fn same_token_with_other_parameters_is_refused() {
    let (client, subnet, address) = prepared();
    create(&client, &subnet, &address, "t1").unwrap();
    let other = client.get("AllocateAddress", &[], "allocationId");
    assert_eq!(create(&client, &subnet, &other, "t1"), Err("IdempotentParameterMismatch".to_owned()));
    create(&client, &subnet, &other, "t2").unwrap();
}

#[test]
fn token_of_a_deleted_thing_makes_no_new_one() {
    let (client, subnet, address) = prepared();
    let first = create(&client, &subnet, &address, "t1").unwrap();
    client.ok("DeleteNatGateway", &[("NatGatewayId", &first)]);
    client.pass(4000);
    assert_eq!(create(&client, &subnet, &address, "t1"), Ok(first));
    assert_eq!(client.snapshot().count("natgateway"), 0);
}

#[test]
fn token_is_forgotten_after_a_day() {
    let (client, subnet, address) = prepared();
    let first = create(&client, &subnet, &address, "t1").unwrap();
    client.ok("DeleteNatGateway", &[("NatGatewayId", &first)]);
    client.pass(24 * 3600);
    assert_ne!(create(&client, &subnet, &address, "t1"), Ok(first));
}

#[test]
fn token_of_a_refused_call_is_not_used() {
    let (client, subnet, address) = prepared();
    let wrong = create(&client, "subnet-0a1b2c3d", &address, "t1");
    assert_eq!(wrong, Err("InvalidSubnetID.NotFound".to_owned()));
    create(&client, &subnet, &address, "t1").unwrap();
}

#[test]
fn route_tables_and_endpoints_take_tokens_too() {
    let client = client();
    let vpc = client.vpc();
    let table = || client.get("CreateRouteTable", &[("VpcId", &vpc), ("ClientToken", "t")], "routeTableId");
    assert_eq!(table(), table());
    let s3 = [("VpcId", vpc.as_str()), ("ServiceName", "com.amazonaws.us-east-1.s3"), ("ClientToken", "t")];
    let endpoint = || client.get("CreateVpcEndpoint", &s3, "vpcEndpointId");
    assert_eq!(endpoint(), endpoint());
    assert_eq!(client.get("CreateVpcEndpoint", &s3, "clientToken"), "t");
}
