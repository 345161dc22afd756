//! Tags.

use super::client;

#[test]
fn tags_of_a_creating_call_are_there_from_the_start() {
    let client = client();
    let create = [
        ("CidrBlock", "10.0.0.0/16"),
        ("TagSpecification.1.ResourceType", "vpc"),
        ("TagSpecification.1.Tag.1.Key", "devplat.dev/platform"),
        ("TagSpecification.1.Tag.1.Value", "team"),
    ];
    let vpc = client.get("CreateVpc", &create, "vpcId");
    let by_tag = [("Filter.1.Name", "tag:devplat.dev/platform"), ("Filter.1.Value.1", "team")];
    assert_eq!(client.get("DescribeVpcs", &by_tag, "vpcId"), vpc);
    let by_key = [("Filter.1.Name", "tag-key"), ("Filter.1.Value.1", "devplat.dev/*")];
    assert_eq!(client.get("DescribeVpcs", &by_key, "vpcId"), vpc);
}

#[test]
fn tags_for_another_kind_are_refused() {
    let client = client();
    let tags = [("TagSpecification.1.ResourceType", "subnet"), ("TagSpecification.1.Tag.1.Key", "a")];
    let create = [&[("CidrBlock", "10.0.0.0/16")][..], &tags].concat();
    assert_eq!(client.code("CreateVpc", &create), "InvalidParameterValue");
    assert!(client.snapshot().is_empty());
}

#[test]
fn tags_are_added_replaced_and_deleted() {
    let client = client();
    let vpc = client.vpc();
    let tag = |value| [("ResourceId.1", vpc.as_str()), ("Tag.1.Key", "a"), ("Tag.1.Value", value)];
    client.ok("CreateTags", &tag("1"));
    client.ok("CreateTags", &tag("2"));
    assert_eq!(client.ok("DescribeTags", &[]).all("value"), ["2"]);
    // The value is not the one that there is.
    client.ok("DeleteTags", &tag("1"));
    assert_eq!(client.ok("DescribeTags", &[]).all("value"), ["2"]);
    client.ok("DeleteTags", &[("ResourceId.1", &vpc), ("Tag.1.Key", "a")]);
    assert!(client.ok("DescribeTags", &[]).all("value").is_empty());
}

#[test]
fn tags_go_to_all_things_of_a_call_or_to_none() {
    let client = client();
    let vpc = client.vpc();
    let tag = [
        ("ResourceId.1", vpc.as_str()),
        ("ResourceId.2", "subnet-0a1b2c3d"),
        ("Tag.1.Key", "a"),
        ("Tag.1.Value", "1"),
    ];
    assert_eq!(client.code("CreateTags", &tag), "InvalidSubnetID.NotFound");
    assert!(client.ok("DescribeTags", &[]).all("value").is_empty());
}

#[test]
fn tag_51_is_above_the_limit() {
    let client = client();
    let vpc = client.vpc();
    for number in 0..50 {
        client.ok("CreateTags", &[("ResourceId.1", &vpc), ("Tag.1.Key", &format!("k{number}"))]);
    }
    assert_eq!(
        client.code("CreateTags", &[("ResourceId.1", &vpc), ("Tag.1.Key", "k50")]),
        "TagLimitExceeded"
    );
    client.ok("CreateTags", &[("ResourceId.1", &vpc), ("Tag.1.Key", "k49")]);
}

#[test]
fn keys_of_aws_and_long_texts_are_refused() {
    let client = client();
    let vpc = client.vpc();
    let (key, value) = ("k".repeat(129), "v".repeat(257));
    for (key, value) in [("aws:a", "x"), (key.as_str(), "x"), ("k", value.as_str()), ("", "x")] {
        let tag = [("ResourceId.1", vpc.as_str()), ("Tag.1.Key", key), ("Tag.1.Value", value)];
        assert!(client.call("CreateTags", &tag).is_err(), "{key}");
    }
}

#[test]
fn tags_are_described_by_kind_and_key() {
    let client = client();
    let vpc = client.vpc();
    let subnet = client.subnet(&vpc, 0, 'a');
    for id in [&vpc, &subnet] {
        client.ok("CreateTags", &[("ResourceId.1", id), ("Tag.1.Key", "a"), ("Tag.1.Value", "1")]);
    }
    let filters = [
        ("Filter.1.Name", "resource-type"),
        ("Filter.1.Value.1", "subnet"),
        ("Filter.2.Name", "key"),
        ("Filter.2.Value.1", "a"),
    ];
    assert_eq!(client.ok("DescribeTags", &filters).all("resourceId"), [subnet.as_str()]);
}
