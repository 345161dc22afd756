//! Route tables and routes.

use super::{Client, client};

const ALL: (&str, &str) = ("DestinationCidrBlock", "0.0.0.0/0");

fn table(client: &Client, vpc: &str) -> String {
    client.get("CreateRouteTable", &[("VpcId", vpc)], "routeTableId")
}

fn associate(client: &Client, table: &str, subnet: &str) -> Result<String, String> {
    let answer = client.call("AssociateRouteTable", &[("RouteTableId", table), ("SubnetId", subnet)]);
    answer.map(|answer| answer.get("associationId").to_owned())
}

#[test]
fn route_leads_to_an_attached_gateway() {
    let client = client();
    let vpc = client.vpc();
    let table = table(&client, &vpc);
    let gateway = client.get("CreateInternetGateway", &[], "internetGatewayId");
    let route = [("RouteTableId", table.as_str()), ALL, ("GatewayId", &gateway)];
    assert_eq!(client.code("CreateRoute", &route), "InvalidParameterValue");
    client.ok("AttachInternetGateway", &[("InternetGatewayId", &gateway), ("VpcId", &vpc)]);
    client.ok("CreateRoute", &route);
    let shown = client.ok("DescribeRouteTables", &[("RouteTableId.1", &table)]);
    assert_eq!(shown.all("gatewayId"), ["local", gateway.as_str()]);
}

#[test]
fn second_route_to_a_range_is_refused_and_can_replace_the_first() {
    let client = client();
    let vpc = client.vpc();
    let table = table(&client, &vpc);
    let gateway = client.internet_gateway(&vpc);
    let (nat, _) = client.nat_gateway(&client.subnet(&vpc, 0, 'a'));
    let to_gateway = [("RouteTableId", table.as_str()), ALL, ("GatewayId", &gateway)];
    client.ok("CreateRoute", &to_gateway);
    assert_eq!(client.code("CreateRoute", &to_gateway), "RouteAlreadyExists");
    let to_nat = [("RouteTableId", table.as_str()), ALL, ("NatGatewayId", &nat)];
    assert_eq!(client.code("CreateRoute", &to_nat), "RouteAlreadyExists");
    client.ok("ReplaceRoute", &to_nat);
    assert_eq!(client.get("DescribeRouteTables", &[("RouteTableId.1", &table)], "natGatewayId"), nat);
}

#[test]
fn route_to_a_deleted_nat_gateway_is_a_black_hole() {
    let client = client();
    let vpc = client.vpc();
    client.internet_gateway(&vpc);
    let (nat, _) = client.nat_gateway(&client.subnet(&vpc, 0, 'a'));
    let table = table(&client, &vpc);
    client.ok("CreateRoute", &[("RouteTableId", &table), ALL, ("NatGatewayId", &nat)]);
    client.ok("DeleteNatGateway", &[("NatGatewayId", &nat)]);
    let states = || client.ok("DescribeRouteTables", &[("RouteTableId.1", &table)]).all("state").join(" ");
    assert_eq!(states(), "active active");
    client.pass(60);
    assert_eq!(states(), "active blackhole");
}

#[test]
fn missing_and_local_routes_are_not_deleted() {
    let client = client();
    let table = table(&client, &client.vpc());
    let delete = |to| client.code("DeleteRoute", &[("RouteTableId", &table), ("DestinationCidrBlock", to)]);
    assert_eq!(delete("0.0.0.0/0"), "InvalidRoute.NotFound");
    assert_eq!(delete("10.0.0.0/16"), "InvalidParameterValue");
}

#[test]
fn subnet_has_one_route_table() {
    let client = client();
    let vpc = client.vpc();
    let subnet = client.subnet(&vpc, 0, 'a');
    let (first, second) = (table(&client, &vpc), table(&client, &vpc));
    let association = associate(&client, &first, &subnet).unwrap();
    assert_eq!(associate(&client, &first, &subnet), Ok(association.clone()));
    assert_eq!(associate(&client, &second, &subnet), Err("Resource.AlreadyAssociated".to_owned()));
    assert_eq!(client.code("DeleteRouteTable", &[("RouteTableId", &first)]), "DependencyViolation");
    client.ok("DisassociateRouteTable", &[("AssociationId", &association)]);
    assert!(associate(&client, &second, &subnet).is_ok());
    let gone = client.code("DisassociateRouteTable", &[("AssociationId", &association)]);
    assert_eq!(gone, "InvalidAssociationID.NotFound");
}

#[test]
fn association_goes_with_its_subnet() {
    let client = client();
    let vpc = client.vpc();
    let subnet = client.subnet(&vpc, 0, 'a');
    let table = table(&client, &vpc);
    associate(&client, &table, &subnet).unwrap();
    client.ok("DeleteSubnet", &[("SubnetId", &subnet)]);
    client.ok("DeleteRouteTable", &[("RouteTableId", &table)]);
}

#[test]
fn main_route_table_stays_with_its_vpc() {
    let client = client();
    let vpc = client.vpc();
    let main = [("Filter.1.Name", "association.main"), ("Filter.1.Value.1", "true")];
    let tables = client.ok("DescribeRouteTables", &main);
    assert_eq!(tables.get("vpcId"), vpc);
    let table = tables.get("routeTableId");
    assert_eq!(client.code("DeleteRouteTable", &[("RouteTableId", table)]), "DependencyViolation");
    let association = tables.get("routeTableAssociationId");
    assert_eq!(
        client.code("DisassociateRouteTable", &[("AssociationId", association)]),
        "InvalidParameterValue"
    );
}
