//! All accounts, and the effect of one call on them. No clock, no faults and no log: the same call at the same time gives
//! the same answer.

use std::{collections::BTreeMap, time::Duration};

use http::StatusCode;
use serde_json::{Map, Value};

use crate::{
    ec2::{self, Cx, Input, KINDS},
    fault,
    identity::{AccessKey, not_valid},
    model::Operation,
    protocol::form,
    refusal::{Refusal, refused, refused_with, unknown},
    service::{Sent, Service},
    state::{
        account::Account,
        id::{Id, Serial},
        place::Place,
        region::Region,
        thing::Members,
    },
    sts,
};

/// All accounts of a fake.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct World {
    pub(crate) accounts: BTreeMap<String, Account>,
    pub(crate) keys: Vec<AccessKey>,
    pub(crate) serial: Serial,
    /// The date when the fake was made.
    pub(crate) started: jiff::Timestamp,
}

/// When and where a call acts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At {
    pub(crate) place: &'static Place,
    pub(crate) now: Duration,
}

/// Reads the members of a call by the model.
pub(crate) fn read_members(sent: &Sent) -> Result<Members, Refusal> {
    let Sent { service, call, parameters } = sent;
    let model = service.model();
    let operation = model.operations.get(call);
    let Operation { input, .. } =
        operation.ok_or_else(|| unknown(format!("call {call} of {}", service.name())))?;
    form::read(model, input, parameters)
}

impl World {
    /// Lets a call of `key` act, and returns the members of its answer.
    pub(crate) fn act(
        &mut self,
        sent: &Sent,
        members: &Members,
        key: &AccessKey,
        at: At,
    ) -> Result<Members, Refusal> {
        let Sent { service, call, parameters: _ } = sent;
        let account = self.accounts.get_mut(&key.account).ok_or_else(|| not_valid(*service))?;
        // A region of another partition, or one that is not switched on, does not know the key.
        let switched_on: Vec<&'static str> = account.regions.keys().copied().collect();
        let region = account.regions.get_mut(at.place.name).ok_or_else(|| not_valid(*service))?;
        if account.denied.contains(call) {
            return Err(fault::denied(*service, call, &key.arn));
        }
        match service {
            Service::Sts => sts::act(call, key),
            Service::Ec2 => {
                region.settle(at.now);
                let cx = Cx {
                    region,
                    serial: &mut self.serial,
                    account: &account.id,
                    quotas: &account.quotas,
                    place: at.place,
                    regions: &switched_on,
                    kinds: KINDS,
                    now: at.now,
                    started: self.started,
                };
                act_in(cx, call, members)
            }
        }
    }

    /// Returns a region of an account, for tests that prepare it.
    pub(crate) fn region(&mut self, account: &str, region: &str) -> &mut Region {
        let account = self.accounts.get_mut(account).unwrap_or_else(|| panic!("no account {account}"));
        account.regions.get_mut(region).unwrap_or_else(|| panic!("region {region} is not switched on"))
    }
}

/// Lets a call of EC2 act.
fn act_in(mut cx: Cx<'_>, name: &str, members: &Members) -> Result<Members, Refusal> {
    let call = ec2::call(name).ok_or_else(|| unknown(format!("call {name}")))?;
    let input = Input(members);
    let reads: Vec<&str> = call.reads.iter().copied().chain(["DryRun"]).collect();
    input.only(name, &reads)?;
    if input.flag("DryRun") {
        let message = "Request would have succeeded, but DryRun flag is set.";
        return Err(refused_with(StatusCode::PRECONDITION_FAILED, "DryRunOperation", message));
    }
    let Some(token) = input.text("ClientToken") else { return (call.act)(&mut cx, input) };
    if let Some(used) = cx.region.used(name, token) {
        if used.parameters != *members {
            let message = "The client token you have provided was used in a call with other parameters.";
            return Err(refused("IdempotentParameterMismatch", message));
        }
        return Ok(as_it_is_now(&cx, name, used.answer.clone()));
    }
    let answer = (call.act)(&mut cx, input)?;
    let now = cx.now;
    cx.region.use_token(name, token, members.clone(), answer.clone(), now);
    Ok(answer)
}

/// Returns an earlier answer of a creating call with the thing in it as it is now, if it still is.
fn as_it_is_now(cx: &Cx<'_>, call: &str, answer: Members) -> Members {
    let kind = cx.kinds.iter().find(|kind| kind.calls.iter().any(|one| one.name == call));
    let now = |value: Value| {
        let shown = kind.and_then(|kind| {
            let thing = cx.region.shown_in(&value, kind.id)?;
            Some(Value::Object(kind.show(thing, &cx.view())))
        });
        shown.unwrap_or(value)
    };
    answer.into_iter().map(|(name, value)| (name, now(value))).collect::<Map<_, _>>()
}

impl World {
    /// Puts a network interface into a subnet, without a call.
    pub(crate) fn add_interface(
        &mut self,
        (account, region): (&str, &str),
        subnet: &str,
        (description, managed): (&str, bool),
        now: Duration,
    ) -> Id {
        let started = self.started;
        let account = self.accounts.get_mut(account).unwrap_or_else(|| panic!("no account {account}"));
        let place = Place::named(region).unwrap_or_else(|| panic!("no region {region}"));
        let region = account.regions.get_mut(place.name).expect("the region is switched on");
        let mut cx = Cx {
            region,
            serial: &mut self.serial,
            account: &account.id,
            quotas: &account.quotas,
            place,
            regions: &[],
            kinds: KINDS,
            now,
            started,
        };
        ec2::add_interface(&mut cx, subnet, description, managed)
            .unwrap_or_else(|refusal| panic!("{refusal:?}"))
    }
}
