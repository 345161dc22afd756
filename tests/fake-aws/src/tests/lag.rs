//! Reads that lag writes.

use std::time::Duration;

use super::{Client, client};
use crate::{Lag, tests::ACCOUNT};

fn lagging(lag: Lag) -> Client {
    let client = client();
    client.fake.set_lag(ACCOUNT, client.region, lag);
    client
}

fn sees(client: &Client, vpc: &str) -> bool {
    match client.call("DescribeVpcs", &[("VpcId.1", vpc)]) {
        Ok(_) => true,
        Err(code) => {
            assert_eq!(code, "InvalidVpcID.NotFound");
            false
        }
    }
}

#[test]
fn new_thing_is_not_seen_by_the_next_two_reads() {
    let client = lagging(Lag { reads: 2, ..Lag::default() });
    let vpc = client.vpc();
    assert_eq!([(); 4].map(|()| sees(&client, &vpc)), [false, false, true, true]);
}

#[test]
fn list_leaves_out_what_a_read_does_not_see() {
    let client = lagging(Lag { reads: 1, ..Lag::default() });
    client.vpc();
    assert!(client.ok("DescribeVpcs", &[]).all("vpcId").is_empty());
    assert_eq!(client.ok("DescribeVpcs", &[]).all("vpcId").len(), 1);
}

#[test]
fn new_thing_is_seen_after_a_time() {
    let client = lagging(Lag { time: Duration::from_secs(5), ..Lag::default() });
    let vpc = client.get("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "vpcId");
    assert!(!sees(&client, &vpc));
    client.pass(5);
    assert!(sees(&client, &vpc));
}

#[test]
fn deleted_thing_is_still_seen_by_the_next_read() {
    let client = client();
    let vpc = client.vpc();
    client.fake.set_lag(ACCOUNT, client.region, Lag { reads: 1, ..Lag::default() });
    client.ok("DeleteVpc", &[("VpcId", &vpc)]);
    assert_eq!([(); 2].map(|()| sees(&client, &vpc)), [true, false]);
    assert!(client.snapshot().is_empty());
}

#[test]
fn writes_know_a_new_thing_unless_they_lag_too() {
    for writes in [false, true] {
        let client = lagging(Lag { time: Duration::from_secs(5), writes, reads: 0 });
        let vpc = client.get("CreateVpc", &[("CidrBlock", "10.0.0.0/16")], "vpcId");
        let tag = [("ResourceId.1", vpc.as_str()), ("Tag.1.Key", "a"), ("Tag.1.Value", "1")];
        assert_eq!(client.call("CreateTags", &tag).is_err(), writes);
        client.pass(5);
        client.ok("CreateTags", &tag);
    }
}
