#!/usr/bin/env python3
"""Cuts the service models of botocore to the calls that the fake answers.

Usage: pip download botocore==1.43.11 --no-deps && python3 derive.py botocore-1.43.11-py3-none-any.whl

The results, ec2.json and sts.json beside this script, have every member of these calls with its shape, its name in
a request and its name in an answer, and the filters that the documentation of a call lists. botocore is licensed
under Apache-2.0.
"""

import gzip
import json
import pathlib
import re
import sys
import zipfile

EC2 = """
CreateVpc DeleteVpc DescribeVpcs ModifyVpcAttribute DescribeVpcAttribute
CreateSubnet DeleteSubnet DescribeSubnets ModifySubnetAttribute
CreateRouteTable DeleteRouteTable DescribeRouteTables AssociateRouteTable DisassociateRouteTable
CreateRoute ReplaceRoute DeleteRoute
CreateInternetGateway DeleteInternetGateway DescribeInternetGateways AttachInternetGateway DetachInternetGateway
CreateNatGateway DeleteNatGateway DescribeNatGateways
AllocateAddress ReleaseAddress DescribeAddresses
CreateSecurityGroup DeleteSecurityGroup DescribeSecurityGroups DescribeSecurityGroupRules
AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress RevokeSecurityGroupIngress RevokeSecurityGroupEgress
CreateVpcEndpoint DeleteVpcEndpoints DescribeVpcEndpoints
DescribeNetworkInterfaces DeleteNetworkInterface DescribeNetworkAcls
DescribeAvailabilityZones DescribeRegions DescribeAccountAttributes
CreateTags DeleteTags DescribeTags
""".split()
STS = ["GetCallerIdentity"]


def filters(member):
    names = re.findall(r"<li>\s*<p>\s*<code>([^<]+)</code>", member.get("documentation", ""))
    return sorted({re.sub(r":&lt;.*|:<.*", ":", name.strip()) for name in names})


def cut(model, operations):
    shapes, wanted = {}, []

    def want(name):
        if name not in shapes:
            shapes[name] = None
            wanted.append(name)
        return name

    table = {}
    for operation in sorted(operations):
        known = model["operations"][operation]
        row = {"input": want(known["input"]["shape"])}
        if "output" in known:
            row["output"] = want(known["output"]["shape"])
            if "resultWrapper" in known["output"]:
                row["wrapper"] = known["output"]["resultWrapper"]
        members = model["shapes"][row["input"]]["members"]
        for name in ("Filters", "Filter"):
            if name in members:
                row["filters"] = filters(members[name])
        table[operation] = row
    ec2 = model["metadata"]["protocol"] == "ec2"
    while wanted:
        name = wanted.pop()
        shape = model["shapes"][name]
        kind = shape["type"]
        if kind == "structure":
            members = {}
            for member, what in shape["members"].items():
                xml = what.get("locationName", member)
                query = what.get("queryName") or (xml[0].upper() + xml[1:] if ec2 else member)
                members[member] = [want(what["shape"]), query, xml]
            shapes[name] = {"members": members}
            if shape.get("required"):
                shapes[name]["required"] = shape["required"]
        elif kind == "list":
            item = shape["member"]
            shapes[name] = {"list": want(item["shape"]), "item": item.get("locationName", "member")}
        else:
            shapes[name] = {"type": kind}
            for key in ("enum", "min", "max"):
                if key in shape:
                    shapes[name][key] = shape[key]
    return table, shapes


def main():
    wheel = pathlib.Path(sys.argv[1])
    version = wheel.name.split("-")[1]
    for service, date, operations in (("ec2", "2016-11-15", EC2), ("sts", "2011-06-15", STS)):
        path = f"botocore/data/{service}/{date}/service-2.json.gz"
        with zipfile.ZipFile(wheel) as archive:
            model = json.loads(gzip.decompress(archive.read(path)))
        table, shapes = cut(model, operations)
        lines = [f'{{"source":"botocore {version}, {path}",', f'"version":"{date}",']
        lines.append(f'"namespace":{json.dumps(model["metadata"]["xmlNamespace"])},')
        for name, rows in (("operations", table), ("shapes", shapes)):
            rows = [f"{json.dumps(key)}:{json.dumps(row, separators=(',', ':'))}" for key, row in sorted(rows.items())]
            lines.append(f'"{name}":{{\n' + ",\n".join(rows) + ("\n}," if name == "operations" else "\n}}"))
        out = pathlib.Path(__file__).with_name(f"{service}.json")
        out.write_text("\n".join(lines) + "\n")


main()
