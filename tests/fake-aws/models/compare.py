#!/usr/bin/env python3
"""Makes the same calls to the fake and to moto, through boto3, and prints the calls with different ends.

Usage: devplat-fake-aws 127.0.0.1:4577 111122223333 400 & moto_server -p 4578 &
       python3 compare.py http://127.0.0.1:4577 http://127.0.0.1:4578

boto3 reads every answer by the whole models of botocore, so a wrong element or type shows as well. The packages are
boto3 and moto[server]. The reasons that are known for a difference are in REASONS; another one ends with status 1.
"""

import sys
import time

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

KEY = "AKIA111122223333FAKE"
NO_VPC, NO_SUBNET, NO_ADDRESS = "vpc-0a1b2c3d", "subnet-0a1b2c3d", "eipalloc-0a1b2c3d"
NO_GROUP, NO_NAT, NO_ENDPOINT = "sg-0a1b2c3d", "nat-0a1b2c3d", "vpce-0a1b2c3d"
REASONS = {
    "malformed id": "moto does not check the form of an id",
    "describe missing NAT gateway": "moto lists none",
    "delete missing NAT gateway": "moto crashes",
    "reserved tag": "moto accepts it",
    "default group": "moto deletes it",
    "same token, other parameters": "moto keeps no tokens",
}


class Run:
    """The calls to one server. `ends` has the code of each, or `ok`."""

    def __init__(self, url):
        config = Config(retries={"max_attempts": 0})
        names = {"endpoint_url": url, "region_name": "us-east-1", "config": config}
        self.client = boto3.client("ec2", aws_access_key_id=KEY, aws_secret_access_key="x", **names)
        self.ends = {}

    def __call__(self, step, call, **members):
        try:
            answer, end = getattr(self.client, call)(**members), "ok"
        except ClientError as error:
            answer, end = {}, error.response["Error"]["Code"]
        except ResponseParserError:
            answer, end = {}, "not XML"
        assert step not in self.ends, step
        self.ends[step] = end
        return answer


def network(do):
    """Makes a network, and returns the ids of its parts."""
    vpc = do("VPC", "create_vpc", CidrBlock="10.90.0.0/16")["Vpc"]["VpcId"]
    do("range of a VPC", "create_vpc", CidrBlock="10.0.0.0/8")
    do("not a range", "create_vpc", CidrBlock="x")
    do("DNS host names", "modify_vpc_attribute", VpcId=vpc, EnableDnsHostnames={"Value": True})
    do("attribute", "describe_vpc_attribute", VpcId=vpc, Attribute="enableDnsHostnames")

    def subnet(step, block, zone):
        answer = do(step, "create_subnet", VpcId=vpc, CidrBlock=block, AvailabilityZone=f"us-east-1{zone}")
        return answer.get("Subnet", {}).get("SubnetId")

    private, public = subnet("private subnet", "10.90.0.0/19", "a"), subnet("public subnet", "10.90.128.0/21", "b")
    subnet("overlapping subnet", "10.90.0.0/20", "b")
    subnet("subnet elsewhere", "10.91.0.0/20", "b")
    do("public addresses", "modify_subnet_attribute", SubnetId=public, MapPublicIpOnLaunch={"Value": True})
    gateway = do("gateway", "create_internet_gateway")["InternetGateway"]["InternetGatewayId"]
    both = {"InternetGatewayId": gateway, "VpcId": vpc}
    do("attach", "attach_internet_gateway", **both)
    do("attach again", "attach_internet_gateway", **both)
    do("delete attached gateway", "delete_internet_gateway", InternetGatewayId=gateway)
    address = do("address", "allocate_address", Domain="vpc")["AllocationId"]
    nat = {"SubnetId": public, "AllocationId": address, "ClientToken": "t"}
    nat = do("NAT gateway", "create_nat_gateway", **nat)["NatGateway"]["NatGatewayId"]
    table = do("table", "create_route_table", VpcId=vpc)["RouteTable"]["RouteTableId"]
    route = {"RouteTableId": table, "DestinationCidrBlock": "0.0.0.0/0"}
    do("route", "create_route", NatGatewayId=nat, **route)
    do("another route to there", "create_route", GatewayId=gateway, **route)
    do("missing route", "delete_route", RouteTableId=table, DestinationCidrBlock="1.0.0.0/8")
    associated = do("associate", "associate_route_table", RouteTableId=table, SubnetId=private)["AssociationId"]
    name = {"GroupName": "nodes", "Description": "nodes", "VpcId": vpc}
    group = do("group", "create_security_group", **name)["GroupId"]
    do("group of the same name", "create_security_group", **name)
    endpoints = {"VpcId": vpc, "VpcEndpointType": "Gateway", "ServiceName": "com.amazonaws.us-east-1.s3"}
    endpoint = do("endpoint", "create_vpc_endpoint", RouteTableIds=[table], **endpoints)
    endpoint = endpoint["VpcEndpoint"]["VpcEndpointId"]
    return vpc, private, public, both, address, nat, table, associated, group, endpoint


def errors(do, vpc, public, both, table):
    do("VPC with parts", "delete_vpc", VpcId=vpc)
    do("malformed id", "delete_vpc", VpcId="x")
    do("missing VPC", "delete_vpc", VpcId=NO_VPC)
    do("missing subnet", "delete_subnet", SubnetId=NO_SUBNET)
    do("missing address", "release_address", AllocationId=NO_ADDRESS)
    do("missing group", "delete_security_group", GroupId=NO_GROUP)
    do("describe missing subnet", "describe_subnets", SubnetIds=[NO_SUBNET])
    do("describe missing group", "describe_security_groups", GroupIds=[NO_GROUP])
    do("describe missing endpoint", "describe_vpc_endpoints", VpcEndpointIds=[NO_ENDPOINT])
    do("describe missing address", "describe_addresses", AllocationIds=[NO_ADDRESS])
    do("describe missing NAT gateway", "describe_nat_gateways", NatGatewayIds=[NO_NAT])
    do("delete missing NAT gateway", "delete_nat_gateway", NatGatewayId=NO_NAT)
    do("table in use", "delete_route_table", RouteTableId=table)
    do("gateway with routes", "delete_internet_gateway", InternetGatewayId=both["InternetGatewayId"])
    do("missing association", "disassociate_route_table", AssociationId="rtbassoc-0a1b2c3d")
    do("tag of nothing", "create_tags", Resources=[NO_VPC], Tags=[{"Key": "a", "Value": "b"}])
    do("reserved tag", "create_tags", Resources=[vpc], Tags=[{"Key": "aws:a", "Value": "b"}])
    other = {"SubnetId": public, "AllocationId": NO_ADDRESS, "ClientToken": "t"}
    do("same token, other parameters", "create_nat_gateway", **other)
    for call in ("availability_zones", "regions", "account_attributes", "network_acls", "network_interfaces", "tags"):
        do(f"describe {call}", f"describe_{call}")
    group = do("default", "describe_security_groups", Filters=[{"Name": "group-name", "Values": ["default"]}])
    group = next(one["GroupId"] for one in group["SecurityGroups"] if one["VpcId"] == vpc)
    do("default group", "delete_security_group", GroupId=group)


def removal(do, vpc, private, public, both, address, nat, table, associated, group, endpoint):
    rule = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
    rules = {"GroupId": group, "IpPermissions": [rule]}
    do("missing rule", "revoke_security_group_ingress", **rules)
    do("rule", "authorize_security_group_ingress", **rules)
    do("rule again", "authorize_security_group_ingress", **rules)
    do("revoke", "revoke_security_group_ingress", **rules)
    do("group away", "delete_security_group", GroupId=group)
    do("endpoint away", "delete_vpc_endpoints", VpcEndpointIds=[endpoint])
    do("disassociate", "disassociate_route_table", AssociationId=associated)
    do("table away", "delete_route_table", RouteTableId=table)
    do("NAT gateway away", "delete_nat_gateway", NatGatewayId=nat)
    # The fake runs at 400 times the pace of this clock.
    time.sleep(1)
    do("address away", "release_address", AllocationId=address)
    do("detach", "detach_internet_gateway", **both)
    do("gateway away", "delete_internet_gateway", InternetGatewayId=both["InternetGatewayId"])
    do("private subnet away", "delete_subnet", SubnetId=private)
    do("public subnet away", "delete_subnet", SubnetId=public)
    do("VPC away", "delete_vpc", VpcId=vpc)


def ends(url):
    do = Run(url)
    vpc, private, public, both, address, nat, table, associated, group, endpoint = network(do)
    errors(do, vpc, public, both, table)
    removal(do, vpc, private, public, both, address, nat, table, associated, group, endpoint)
    return do.ends


def main():
    fake, moto = (ends(url) for url in sys.argv[1:3])
    different = [step for step in fake if fake[step] != moto[step]]
    print(f"{len(fake)} calls, {len(different)} with different ends")
    for step in different:
        print(f"{step:32} fake: {fake[step]:28} moto: {moto[step]:28} {REASONS.get(step, 'NOT EXPLAINED')}")
    sys.exit(any(step not in REASONS for step in different))


main()
