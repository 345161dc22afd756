//! Accounts, partitions, regions and credentials.

use std::time::Duration;

use super::{Client, client, fake};
use crate::{AccessKey, Fault, Partition, When, tests::ACCOUNT};

#[test]
fn sts_names_the_account_and_the_principal() {
    let client = client();
    let answer = client.ok("GetCallerIdentity", &[]);
    assert_eq!(answer.get("Account"), ACCOUNT);
    assert_eq!(answer.get("Arn"), "arn:aws:iam::111122223333:user/admin");
}

#[test]
fn accounts_and_regions_have_nothing_in_common() {
    let one = client();
    let key = one.fake.add_account("444455556666", Partition::Aws);
    let other = Client { key, ..one.clone() };
    let elsewhere = Client { region: "eu-central-1", ..one.clone() };
    let vpc = one.vpc();
    for client in [&other, &elsewhere] {
        assert_eq!(client.code("DeleteVpc", &[("VpcId", &vpc)]), "InvalidVpcID.NotFound");
        assert!(client.ok("DescribeVpcs", &[]).all("vpcId").is_empty());
    }
    assert!(other.snapshot().is_empty());
    assert_eq!(one.snapshot().count("vpc"), 1);
}

#[test]
fn key_of_another_partition_is_not_valid() {
    let one = client();
    let china = one.fake.add_account("444455556666", Partition::China);
    let there = Client { key: china, region: "cn-north-1", ..one.clone() };
    assert_eq!(there.get("GetCallerIdentity", &[], "Arn"), "arn:aws-cn:iam::444455556666:user/admin");
    let subnet = there.ok("DescribeAvailabilityZones", &[]);
    assert_eq!(subnet.all("zoneId"), ["cnn1-az1", "cnn1-az2", "cnn1-az4"]);
    let wrong = Client { region: "cn-north-1", ..one };
    assert_eq!(wrong.code("DescribeVpcs", &[]), "AuthFailure");
    assert_eq!(wrong.code("GetCallerIdentity", &[]), "InvalidClientTokenId");
}

#[test]
fn region_that_is_not_switched_on_knows_no_key() {
    let client = Client { region: "ap-east-1", ..client() };
    assert_eq!(client.code("DescribeVpcs", &[]), "AuthFailure");
    assert_eq!(client.code("GetCallerIdentity", &[]), "InvalidClientTokenId");
    client.fake.switch_region(ACCOUNT, "ap-east-1", true);
    client.ok("DescribeVpcs", &[]);
}

#[test]
fn unknown_key_is_not_valid() {
    let mut client = client();
    client.key.id = "AKIAIOSFODNN7EXAMPLE".to_owned();
    assert_eq!(client.code("DescribeVpcs", &[]), "AuthFailure");
    assert_eq!(client.code("GetCallerIdentity", &[]), "InvalidClientTokenId");
}

#[test]
fn session_needs_its_token_and_expires() {
    let mut client = client();
    let session = AccessKey {
        id: "ASIAIOSFODNN7EXAMPLE".to_owned(),
        account: ACCOUNT.to_owned(),
        arn: format!("arn:aws:sts::{ACCOUNT}:assumed-role/admin/me"),
        session_token: Some("secret".to_owned()),
        expires: Some(Duration::from_mins(15)),
    };
    client.fake.add_key(session.clone());
    client.key = AccessKey { session_token: None, ..session.clone() };
    assert_eq!(client.code("DescribeVpcs", &[]), "AuthFailure");
    client.key = session;
    client.ok("DescribeVpcs", &[]);
    client.pass(900);
    assert_eq!(client.code("DescribeVpcs", &[]), "RequestExpired");
    assert_eq!(client.code("GetCallerIdentity", &[]), "ExpiredToken");
}

#[test]
fn request_with_a_date_far_from_the_clock_is_refused() {
    let client = client();
    let request = client.request("DescribeVpcs", &[]);
    client.pass(301);
    let late = |client: &Client| match client.fake.answer(&request) {
        crate::Outcome::Answer(response) => response.status().as_u16(),
        other => panic!("{other:?}"),
    };
    assert_eq!(late(&client), 400);
    client.fake.check_dates(false);
    assert_eq!(late(&client), 200);
}

#[test]
fn answer_has_the_date_of_the_clock() {
    let client = client();
    client.pass(60);
    let crate::Outcome::Answer(response) = client.outcome("DescribeVpcs", &[]) else { panic!() };
    assert_eq!(response.headers()["date"], "Fri, 02 Jan 2026 03:05:05 GMT");
}

#[test]
fn denied_call_is_refused_until_it_is_allowed() {
    let client = client();
    client.fake.deny(ACCOUNT, "CreateVpc");
    assert_eq!(client.code("CreateVpc", &[("CidrBlock", "10.0.0.0/16")]), "UnauthorizedOperation");
    client.ok("DescribeVpcs", &[]);
    client.fake.allow_all(ACCOUNT);
    client.vpc();
}

#[test]
fn dry_run_changes_nothing_and_shows_whether_it_would() {
    let client = client();
    let create = [("CidrBlock", "10.0.0.0/16"), ("DryRun", "true")];
    assert_eq!(client.code("CreateVpc", &create), "DryRunOperation");
    client.fake.plan_fault(When::Every("CreateVpc".to_owned()), Fault::Refused);
    assert_eq!(client.code("CreateVpc", &create), "UnauthorizedOperation");
    assert!(client.snapshot().is_empty());
}

#[test]
fn fake_without_accounts_knows_no_key() {
    let client = Client { fake: fake(), ..client() };
    assert_eq!(client.code("DescribeVpcs", &[]), "AuthFailure");
}
