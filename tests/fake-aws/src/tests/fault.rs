//! Faults, hooks, forks and the log.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use super::{Client, client};
use crate::{Fault, HookPoint, Outcome, Verdict, When, tests::ACCOUNT};

const VPC: [(&str, &str); 1] = [("CidrBlock", "10.0.0.0/16")];

fn with(fault: Fault) -> Client {
    let client = client();
    client.fake.plan_fault(When::Call(1), fault);
    client
}

#[test]
fn fault_before_the_act_changes_nothing() {
    for (fault, code) in [
        (Fault::Refused, "UnauthorizedOperation"),
        (Fault::TimedOut, "no answer"),
        (Fault::ServerError, "InternalError"),
        (Fault::Throttled, "RequestLimitExceeded"),
        (Fault::KilledBefore, "killed"),
        (Fault::Expired, "RequestExpired"),
    ] {
        let client = with(fault);
        assert_eq!(client.code("CreateVpc", &VPC), code);
        assert!(client.snapshot().is_empty(), "{fault:?}");
        client.ok("CreateVpc", &VPC);
    }
}

#[test]
fn fault_after_the_act_leaves_its_effect() {
    for (fault, code) in [(Fault::AnswerLost, "no answer"), (Fault::KilledAfter, "killed")] {
        let client = with(fault);
        assert_eq!(client.code("CreateVpc", &VPC), code);
        assert_eq!(client.snapshot().count("vpc"), 1, "{fault:?}");
        assert_eq!(client.fake.log()[0].verdict, Verdict::Unanswered { acted: true });
    }
}

#[test]
fn slow_answer_comes_late() {
    let client = with(Fault::Slow(Duration::from_secs(20)));
    let Outcome::Late(time, response) = client.outcome("CreateVpc", &VPC) else { panic!() };
    assert_eq!((time, response.status().as_u16()), (Duration::from_secs(20), 200));
}

#[test]
fn fault_is_for_one_call_by_number_or_by_name() {
    let client = client();
    client.fake.plan_fault(When::Named("CreateVpc".to_owned(), 2), Fault::Throttled);
    client.fake.plan_fault(When::Call(5), Fault::ServerError);
    client.ok("DescribeVpcs", &[]);
    client.ok("CreateVpc", &VPC);
    client.ok("DescribeVpcs", &[]);
    assert_eq!(client.code("CreateVpc", &VPC), "RequestLimitExceeded");
    assert_eq!(client.code("CreateVpc", &VPC), "InternalError");
    client.ok("CreateVpc", &VPC);
}

#[test]
fn fault_of_every_call_ends_when_it_is_forgotten() {
    let client = client();
    client.fake.plan_fault(When::Every("CreateVpc".to_owned()), Fault::Throttled);
    assert_eq!([(); 2].map(|()| client.call("CreateVpc", &VPC).is_err()), [true, true]);
    client.fake.forget_faults();
    client.ok("CreateVpc", &VPC);
}

#[test]
fn throttled_call_has_the_status_that_the_sdk_retries() {
    let client = with(Fault::Throttled);
    let Outcome::Answer(response) = client.outcome("CreateVpc", &VPC) else { panic!() };
    assert_eq!(response.status().as_u16(), 503);
}

#[test]
fn hooks_run_before_and_after_each_act() {
    let client = client();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (fake, list) = (client.fake.clone(), Arc::clone(&seen));
    client.fake.add_hook(move |point| {
        let (when, number) = match point {
            HookPoint::Before { number, .. } => ("before", number),
            HookPoint::After { number, .. } => ("after", number),
        };
        list.lock().unwrap().push(format!("{when} {number}: {} VPCs", fake.snapshot(ACCOUNT).count("vpc")));
    });
    client.ok("CreateVpc", &VPC);
    assert_eq!(*seen.lock().unwrap(), ["before 1: 0 VPCs", "after 1: 1 VPCs"]);
}

#[test]
fn fork_goes_on_from_here_and_leaves_the_other_alone() {
    let client = client();
    let vpc = client.vpc();
    let fork = Client { fake: client.fake.fork(), ..client.clone() };
    assert_eq!(fork.snapshot(), client.snapshot());
    fork.ok("DeleteVpc", &[("VpcId", &vpc)]);
    assert!(fork.snapshot().is_empty());
    assert_eq!(client.snapshot().count("vpc"), 1);
    assert_eq!(fork.fake.log().len(), 1);
}

#[test]
fn log_distinguishes_writes_from_reads() {
    let client = client();
    client.vpc();
    client.ok("DescribeVpcs", &[]);
    client.ok("GetCallerIdentity", &[]);
    client.code("DeleteVpc", &[("VpcId", "vpc-0a1b2c3d")]);
    let log = client.fake.log();
    let writes: Vec<bool> = log.iter().map(crate::LoggedCall::is_write).collect();
    assert_eq!(writes, [true, false, false, true]);
    assert_eq!(log[0].members["CidrBlock"], "10.0.0.0/16");
    assert_eq!((log[0].account.as_str(), log[0].region), (ACCOUNT, "us-east-1"));
    assert_eq!(log[3].verdict, Verdict::Refused("InvalidVpcID.NotFound".to_owned()));
    client.fake.clear_log();
    assert!(client.fake.log().is_empty());
}

#[test]
fn snapshots_of_two_runs_are_equal_by_tag() {
    let run = |first: bool| {
        let client = client();
        let make = |name: &str, range: &str| {
            let tags = [
                ("TagSpecification.1.ResourceType", "vpc"),
                ("TagSpecification.1.Tag.1.Key", "name"),
                ("TagSpecification.1.Tag.1.Value", name),
                ("CidrBlock", range),
            ];
            client.ok("CreateVpc", &tags);
        };
        let mut both = [("one", "10.0.0.0/16"), ("two", "10.1.0.0/16")];
        if !first {
            both.reverse();
        }
        for (name, range) in both {
            make(name, range);
        }
        client.pass(1);
        client.snapshot()
    };
    let (one, other) = (run(true), run(false));
    assert_ne!(one, other);
    assert!(!one.differences(&other).is_empty());
    assert_eq!(one.by_tag("name"), other.by_tag("name"));
}
