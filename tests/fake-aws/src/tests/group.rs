//! Security groups and their rules.

use super::{Client, client};
use crate::{Quota, tests::ACCOUNT};

/// The parameters of a rule for TCP port 22.
fn ssh<'a>(group: &'a str, from: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("GroupId", group),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "22"),
        ("IpPermissions.1.ToPort", "22"),
        ("IpPermissions.1.IpRanges.1.CidrIp", from),
    ]
}

fn from_group<'a>(group: &'a str, other: &'a str) -> [(&'a str, &'a str); 3] {
    [("GroupId", group), ("IpPermissions.1.IpProtocol", "-1"), ("IpPermissions.1.Groups.1.GroupId", other)]
}

fn prepared() -> (Client, String, String) {
    let client = client();
    let vpc = client.vpc();
    let group = client.group(&vpc, "nodes");
    (client, vpc, group)
}

#[test]
fn name_of_a_group_is_unique_in_its_vpc() {
    let (client, vpc, _) = prepared();
    let create = |vpc: &str, name: &str| {
        let parameters = [("GroupName", name), ("GroupDescription", "x"), ("VpcId", vpc)];
        client.call("CreateSecurityGroup", &parameters).err()
    };
    assert_eq!(create(&vpc, "nodes").as_deref(), Some("InvalidGroup.Duplicate"));
    assert_eq!(create(&vpc, "default").as_deref(), Some("InvalidParameterValue"));
    assert_eq!(create(&vpc, "sg-1").as_deref(), Some("InvalidParameterValue"));
    assert_eq!(create(&client.vpc(), "nodes"), None);
}

#[test]
fn new_group_lets_everything_out_and_nothing_in() {
    let (client, _, group) = prepared();
    let rules = client
        .ok("DescribeSecurityGroupRules", &[("Filter.1.Name", "group-id"), ("Filter.1.Value.1", &group)]);
    assert_eq!((rules.all("isEgress"), rules.all("cidrIpv4")), (vec!["true"], vec!["0.0.0.0/0"]));
}

#[test]
fn rule_is_added_once() {
    let (client, _, group) = prepared();
    let rule =
        client.get("AuthorizeSecurityGroupIngress", &ssh(&group, "192.0.2.0/24"), "securityGroupRuleId");
    let again = client.code("AuthorizeSecurityGroupIngress", &ssh(&group, "192.0.2.0/24"));
    assert_eq!(again, "InvalidPermission.Duplicate");
    let shown = client.ok("DescribeSecurityGroups", &[("GroupId.1", &group)]);
    assert_eq!(shown.all("cidrIp"), ["192.0.2.0/24", "0.0.0.0/0"]);
    client.ok("RevokeSecurityGroupIngress", &[("GroupId", &group), ("SecurityGroupRuleId.1", &rule)]);
    let gone = client.code("RevokeSecurityGroupIngress", &ssh(&group, "192.0.2.0/24"));
    assert_eq!(gone, "InvalidPermission.NotFound");
}

#[test]
fn rule_is_revoked_by_its_traffic() {
    let (client, _, group) = prepared();
    client.ok("AuthorizeSecurityGroupEgress", &ssh(&group, "192.0.2.0/24"));
    client.ok("RevokeSecurityGroupEgress", &ssh(&group, "192.0.2.0/24"));
    assert_eq!(client.ok("DescribeSecurityGroups", &[("GroupId.1", &group)]).all("cidrIp"), ["0.0.0.0/0"]);
}

#[test]
fn call_with_one_wrong_rule_adds_none() {
    let (client, _, group) = prepared();
    let mut rules = ssh(&group, "192.0.2.0/24");
    rules.push(("IpPermissions.1.IpRanges.2.CidrIp", "192.0.2.0/24"));
    assert_eq!(client.code("AuthorizeSecurityGroupIngress", &rules), "InvalidPermission.Duplicate");
    assert_eq!(client.ok("DescribeSecurityGroups", &[("GroupId.1", &group)]).all("cidrIp"), ["0.0.0.0/0"]);
}

#[test]
fn group_that_another_one_names_is_not_deleted() {
    let (client, vpc, nodes) = prepared();
    let bastion = client.group(&vpc, "bastion");
    client.ok("AuthorizeSecurityGroupIngress", &from_group(&nodes, &bastion));
    assert_eq!(client.code("DeleteSecurityGroup", &[("GroupId", &bastion)]), "DependencyViolation");
    client.ok("RevokeSecurityGroupIngress", &from_group(&nodes, &bastion));
    client.ok("DeleteSecurityGroup", &[("GroupId", &bastion)]);
}

#[test]
fn group_that_names_itself_is_deleted() {
    let (client, _, group) = prepared();
    client.ok("AuthorizeSecurityGroupIngress", &from_group(&group, &group));
    client.ok("DeleteSecurityGroup", &[("GroupId", &group)]);
    assert_eq!(client.code("DeleteSecurityGroup", &[("GroupId", &group)]), "InvalidGroup.NotFound");
}

#[test]
fn default_group_is_not_deleted() {
    let (client, _, _) = prepared();
    let default = [("Filter.1.Name", "group-name"), ("Filter.1.Value.1", "default")];
    let group = client.get("DescribeSecurityGroups", &default, "groupId");
    assert_eq!(client.code("DeleteSecurityGroup", &[("GroupId", &group)]), "CannotDelete");
}

#[test]
fn group_of_another_vpc_is_not_named() {
    let (client, _, group) = prepared();
    let other = client.group(&client.vpc(), "other");
    assert_eq!(
        client.code("AuthorizeSecurityGroupIngress", &from_group(&group, &other)),
        "InvalidGroup.NotFound"
    );
}

#[test]
fn rule_61_is_above_the_quota() {
    let (client, _, group) = prepared();
    for number in 0..60 {
        client.ok("AuthorizeSecurityGroupIngress", &ssh(&group, &format!("192.0.2.{number}/32")));
    }
    let code = client.code("AuthorizeSecurityGroupIngress", &ssh(&group, "198.51.100.0/24"));
    assert_eq!(code, "RulesPerSecurityGroupLimitExceeded");
    client.fake.set_quota(ACCOUNT, Quota::RulesPerGroup, 61);
    client.ok("AuthorizeSecurityGroupIngress", &ssh(&group, "198.51.100.0/24"));
}

#[test]
fn ports_of_a_rule_are_needed_and_in_order() {
    let (client, _, group) = prepared();
    let mut rule = ssh(&group, "192.0.2.0/24");
    rule[2].1 = "23";
    assert_eq!(client.code("AuthorizeSecurityGroupIngress", &rule), "InvalidParameterValue");
    rule.remove(2);
    assert_eq!(client.code("AuthorizeSecurityGroupIngress", &rule), "InvalidParameterValue");
}
