//! Everything that one lock guards: the world with its clock, faults and log, and the way of a call through them.

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::Request;

use crate::{
    fault::{self, Fault, Faults},
    identity::{self, Signed},
    log::{self, CALLS_MAX, LoggedCall, Verdict},
    refusal::Refusal,
    service::{Sent, Service},
    state::{id::Serial, thing::Members},
    world::{At, World, read_members},
};

/// A world with its clock, faults and log.
pub(crate) struct Inner {
    pub(crate) world: World,
    pub(crate) now: Duration,
    pub(crate) faults: Faults,
    /// Whether requests with a date far from the clock are refused.
    pub(crate) checks_dates: bool,
    pub(crate) panics: bool,
    pub(crate) calls: u64,
    pub(crate) of_name: BTreeMap<String, u64>,
    pub(crate) log: Vec<LoggedCall>,
}

impl Inner {
    pub(crate) fn new(world: World, now: Duration, checks_dates: bool, panics: bool) -> Self {
        let (faults, of_name, log) = (Faults::default(), BTreeMap::new(), Vec::new());
        Self { world, now, faults, checks_dates, panics, calls: 0, of_name, log }
    }

    /// Returns an inner part without accounts, whose clock starts at this date.
    pub(crate) fn empty(started: jiff::Timestamp) -> Self {
        let world = World { accounts: BTreeMap::new(), keys: Vec::new(), serial: Serial::default(), started };
        Self::new(world, Duration::ZERO, true, false)
    }
}

/// The part of a logged call that is known before its end.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) service: Service,
    pub(crate) call: String,
    account: String,
    region: &'static str,
    members: Members,
}

impl Entry {
    pub(crate) fn of(sent: &Sent) -> Self {
        let (account, members) = (String::new(), Members::new());
        Self { service: sent.service, call: sent.call.clone(), account, region: "", members }
    }
}

impl Inner {
    pub(crate) fn date(&self) -> jiff::Timestamp {
        self.world.started + jiff::SignedDuration::try_from(self.now).unwrap_or_default()
    }

    /// Counts a call and returns its number.
    pub(crate) fn begin(&mut self, call: &str) -> u64 {
        self.calls += 1;
        *self.of_name.entry(call.to_owned()).or_default() += 1;
        self.calls
    }

    pub(crate) fn act(
        &mut self,
        request: &Request<Bytes>,
        sent: &Sent,
        entry: &mut Entry,
        fault: Option<Fault>,
    ) -> Result<Members, Refusal> {
        let service = sent.service;
        let members = read_members(sent)?;
        entry.members.clone_from(&members);
        let signed: Signed = identity::read(request, sent)?;
        entry.region = signed.region.name;
        if self.checks_dates {
            identity::check_date(&signed, service, self.date())?;
        }
        let key = identity::caller(&signed, service, &self.world.keys, self.now)?.clone();
        entry.account.clone_from(&key.account);
        match fault {
            Some(Fault::Refused) => return Err(fault::denied(service, &sent.call, &key.arn)),
            Some(Fault::ServerError) => return Err(Refusal::Aws(fault::server_error())),
            Some(Fault::Throttled) => return Err(Refusal::Aws(fault::throttled(service))),
            Some(Fault::Expired) => return Err(identity::expired(service)),
            Some(Fault::TimedOut | Fault::KilledBefore) => return Ok(Members::new()),
            Some(Fault::Slow(_) | Fault::AnswerLost | Fault::KilledAfter) | None => {}
        }
        let at = At { place: signed.region, now: self.now };
        if !log::is_write(&sent.call) {
            return self.world.act(sent, &members, &key, at);
        }
        // A call that fails half way has changed nothing, so it acts on a copy.
        let mut world = self.world.clone();
        let answer = world.act(sent, &members, &key, at)?;
        self.world = world;
        Ok(answer)
    }

    /// Logs a call with its end.
    pub(crate) fn finish(
        &mut self,
        number: u64,
        entry: Entry,
        result: &Result<Members, Refusal>,
        fault: Option<Fault>,
    ) {
        if self.log.len() >= CALLS_MAX {
            return;
        }
        let Entry { service, call, account, region, members } = entry;
        let service = service.name();
        let verdict = verdict(result, fault);
        self.log.push(LoggedCall { number, service, call, account, region, members, verdict });
    }
}

fn verdict(result: &Result<Members, Refusal>, fault: Option<Fault>) -> Verdict {
    let acted = match fault {
        Some(Fault::TimedOut | Fault::KilledBefore) => Some(false),
        Some(Fault::AnswerLost | Fault::KilledAfter) => Some(result.is_ok()),
        Some(Fault::Refused | Fault::ServerError | Fault::Throttled | Fault::Slow(_) | Fault::Expired)
        | None => None,
    };
    match (result, acted) {
        (Err(Refusal::Unknown(what)), _) => Verdict::Unknown(what.clone()),
        (_, Some(acted)) => Verdict::Unanswered { acted },
        (Ok(_), None) => Verdict::Done,
        (Err(Refusal::Aws(error)), None) => Verdict::Refused(error.code.clone()),
    }
}
