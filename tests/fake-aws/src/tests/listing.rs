//! Ids, filters and pages of Describe calls, and what AWS offers.

use std::collections::BTreeSet;

use super::client;

#[test]
fn pages_have_everything_once() {
    let client = client();
    let vpc = client.vpc();
    let all: BTreeSet<String> = (0..13).map(|number| client.subnet(&vpc, number, 'a')).collect();
    let mut seen = Vec::new();
    let mut token: Option<String> = None;
    loop {
        let mut page = vec![("MaxResults", "5")];
        page.extend(token.as_deref().map(|token| ("NextToken", token)));
        let answer = client.ok("DescribeSubnets", &page);
        seen.extend(answer.all("subnetId").into_iter().map(str::to_owned));
        token = answer.all("nextToken").first().map(|token| (*token).to_owned());
        if token.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 13);
    assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), all);
}

#[test]
fn size_and_token_of_a_page_are_checked() {
    let client = client();
    for size in ["4", "1001"] {
        assert_eq!(client.code("DescribeVpcs", &[("MaxResults", size)]), "InvalidParameterValue");
    }
    assert_eq!(client.code("DescribeVpcs", &[("NextToken", "x")]), "InvalidNextToken");
    let vpc = client.vpc();
    let both = [("MaxResults", "5"), ("VpcId.1", vpc.as_str())];
    assert_eq!(client.code("DescribeVpcs", &both), "InvalidParameterCombination");
}

#[test]
fn one_missing_id_fails_the_whole_call() {
    let client = client();
    let vpc = client.vpc();
    let ids = [("VpcId.1", vpc.as_str()), ("VpcId.2", "vpc-0a1b2c3d")];
    assert_eq!(client.code("DescribeVpcs", &ids), "InvalidVpcID.NotFound");
}

#[test]
fn malformed_id_has_an_error_of_its_own() {
    let client = client();
    assert_eq!(client.code("DescribeVpcs", &[("VpcId.1", "main")]), "InvalidVpcID.Malformed");
    assert_eq!(client.code("DeleteVpc", &[("VpcId", "subnet-0a1b2c3d")]), "InvalidVpcID.Malformed");
    assert_eq!(client.code("DeleteSecurityGroup", &[("GroupId", "x")]), "InvalidGroupId.Malformed");
}

#[test]
fn all_filters_and_one_value_of_each_have_to_match() {
    let client = client();
    let vpc = client.vpc();
    let (one, other) = (client.subnet(&vpc, 0, 'a'), client.subnet(&vpc, 1, 'b'));
    client.subnet(&vpc, 2, 'c');
    let filters = [
        ("Filter.1.Name", "availability-zone"),
        ("Filter.1.Value.1", "us-east-1a"),
        ("Filter.1.Value.2", "us-east-1b"),
        ("Filter.2.Name", "vpc-id"),
        ("Filter.2.Value.1", &vpc),
    ];
    let found: BTreeSet<String> =
        client.ok("DescribeSubnets", &filters).all("subnetId").into_iter().map(str::to_owned).collect();
    assert_eq!(found, BTreeSet::from([one, other]));
}

#[test]
fn filter_without_values_is_refused() {
    let client = client();
    assert_eq!(client.code("DescribeVpcs", &[("Filter.1.Name", "vpc-id")]), "InvalidParameterValue");
}

#[test]
fn zones_are_listed_with_their_ids() {
    let client = client();
    let filters = [("Filter.1.Name", "zone-type"), ("Filter.1.Value.1", "availability-zone")];
    let zones = client.ok("DescribeAvailabilityZones", &filters);
    assert_eq!(zones.all("zoneId").len(), 6);
    let one = client.ok("DescribeAvailabilityZones", &[("ZoneId.1", "use1-az3")]);
    assert_eq!(one.all("zoneName"), ["us-east-1e"]);
    assert_eq!(client.code("DescribeAvailabilityZones", &[("ZoneName.1", "x")]), "InvalidParameterValue");
}

#[test]
fn regions_that_are_switched_off_are_listed_on_request() {
    let client = client();
    let on = client.ok("DescribeRegions", &[]);
    assert!(!on.all("regionName").contains(&"ap-east-1"));
    let all = client.ok("DescribeRegions", &[("AllRegions", "true"), ("RegionName.1", "ap-east-1")]);
    assert_eq!(all.get("optInStatus"), "not-opted-in");
    client.fake.switch_region(&client.key.account, "ap-east-1", true);
    assert_eq!(client.ok("DescribeRegions", &[("RegionName.1", "ap-east-1")]).get("optInStatus"), "opted-in");
}

#[test]
fn account_has_no_default_vpc() {
    let client = client();
    let attributes = client.ok("DescribeAccountAttributes", &[("AttributeName.1", "default-vpc")]);
    assert_eq!(attributes.get("attributeValue"), "none");
}
