//! The fake as tests hold it: one mutable world behind a lock, with a clock, faults and a log.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use serde_json::Map;

use crate::{
    fault::{self, Fault, Faults, HookPoint, When},
    identity::{self, AccessKey, Signed},
    log::{self, CALLS_MAX, LoggedCall, Verdict},
    protocol::xml,
    refusal::{AwsError, Refusal},
    service::{self, Sent, Service},
    snapshot::Snapshot,
    state::{
        account::Account,
        id::{Id, Serial},
        lag::Lag,
        place::{PLACES, Partition},
        quota::Quota,
        region::Region,
        thing::Members,
    },
    world::{At, World, read_members},
};

/// The status of an answer to a call that the fake does not know; AWS has no such status.
const UNKNOWN: u16 = 599;

/// The result of a request for its client.
#[derive(Debug)]
pub enum Outcome {
    /// An answer without delay.
    Answer(Response<Bytes>),
    /// An answer after this time.
    Late(Duration, Response<Bytes>),
    /// None: the client waits until its own deadline.
    NoAnswer,
    /// None: the client dies here.
    Killed,
}

/// A fake of AWS. Clones share one world.
#[derive(Clone)]
pub struct Fake(Arc<Mutex<Inner>>);

struct Inner {
    world: World,
    now: Duration,
    faults: Faults,
    /// Whether requests with a date far from the clock are refused.
    checks_dates: bool,
    panics: bool,
    calls: u64,
    of_name: BTreeMap<String, u64>,
    log: Vec<LoggedCall>,
}

impl Fake {
    /// Returns a fake without accounts, whose clock starts at this date.
    pub fn new(started: jiff::Timestamp) -> Self {
        let world = World { accounts: BTreeMap::new(), keys: Vec::new(), serial: Serial::default(), started };
        Self(Arc::new(Mutex::new(Inner {
            world,
            now: Duration::ZERO,
            faults: Faults::default(),
            checks_dates: true,
            panics: false,
            calls: 0,
            of_name: BTreeMap::new(),
            log: Vec::new(),
        })))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A test that panicked in a hook has failed already.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an empty account of twelve digits, with a key `AKIA…` of an administrator, and returns that key.
    pub fn add_account(&self, id: &str, partition: Partition) -> AccessKey {
        assert!(id.len() == 12 && id.chars().all(|c| c.is_ascii_digit()), "{id} is not the id of an account");
        let key = AccessKey {
            id: format!("AKIA{id}FAKE"),
            account: id.to_owned(),
            arn: format!("arn:{}:iam::{id}:user/admin", partition.name()),
            session_token: None,
            expires: None,
        };
        let mut inner = self.inner();
        inner.world.accounts.insert(id.to_owned(), Account::new(id, partition));
        inner.world.keys.push(key.clone());
        key
    }

    /// Adds a key, or replaces the one with its id.
    pub fn add_key(&self, key: AccessKey) {
        let keys = &mut self.inner().world.keys;
        keys.retain(|known| known.id != key.id);
        keys.push(key);
    }

    /// Switches a region on or off for an account.
    pub fn switch_region(&self, account: &str, region: &str, on: bool) {
        let place = PLACES.iter().find(|place| place.name == region);
        let place = place.unwrap_or_else(|| panic!("no region {region}"));
        let mut inner = self.inner();
        let account = inner.world.accounts.get_mut(account).expect("the account was added");
        assert_eq!(account.partition, place.partition, "{region} is in another partition");
        if on {
            account.regions.entry(place.name).or_default();
        } else {
            account.regions.remove(place.name);
        }
    }

    /// Sets a quota of an account.
    pub fn set_quota(&self, account: &str, quota: Quota, limit: usize) {
        let mut inner = self.inner();
        inner.world.accounts.get_mut(account).expect("the account was added").quotas.set(quota, limit);
    }

    /// Denies a call to every key of an account, as a service control policy does.
    pub fn deny(&self, account: &str, call: &str) {
        let mut inner = self.inner();
        inner.world.accounts.get_mut(account).expect("the account was added").denied.insert(call.to_owned());
    }

    /// Allows all calls in an account again.
    pub fn allow_all(&self, account: &str) {
        self.inner().world.accounts.get_mut(account).expect("the account was added").denied.clear();
    }

    /// Changes a region of an account. Only for tests that prepare it.
    fn with_region<T>(&self, account: &str, region: &str, change: impl FnOnce(&mut Region) -> T) -> T {
        change(self.inner().world.region(account, region))
    }

    /// Sets how far reads are behind writes from now on.
    pub fn set_lag(&self, account: &str, region: &str, lag: Lag) {
        self.with_region(account, region, |region| region.lag = lag);
    }

    /// Lets the next thing of a kind, such as `natgateway`, fail with this code and message instead of becoming ready.
    pub fn fail_next(&self, account: &str, region: &str, kind: &str, [code, message]: [&str; 2]) {
        let failure = (code.to_owned(), message.to_owned());
        self.with_region(account, region, |region| region.failures.insert(kind.to_owned(), failure));
    }

    /// Puts a network interface into a subnet, as other services of AWS and other people do. One that is managed cannot
    /// be deleted by a client.
    pub fn add_interface(
        &self,
        account: &str,
        region: &str,
        subnet: &str,
        description: &str,
        managed: bool,
    ) -> Id {
        let mut inner = self.inner();
        let Inner { world, now, .. } = &mut *inner;
        world.add_interface((account, region), subnet, (description, managed), *now)
    }

    /// Removes such a network interface, as its service does.
    pub fn remove_interface(&self, account: &str, region: &str, interface: &Id) {
        let mut inner = self.inner();
        let now = inner.now;
        inner.world.region(account, region).delete(interface, now);
    }

    /// Returns the time since the fake was made.
    pub fn now(&self) -> Duration {
        self.inner().now
    }

    /// Returns the date of its clock.
    pub fn date(&self) -> jiff::Timestamp {
        self.inner().date()
    }

    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        self.inner().now += time;
    }

    /// Sets the time since the fake was made; never back.
    pub fn advance_to(&self, now: Duration) {
        let mut inner = self.inner();
        inner.now = inner.now.max(now);
    }

    /// Chooses whether a request is refused whose date is far from the clock, as it is unless this is called.
    pub fn check_dates(&self, check: bool) {
        self.inner().checks_dates = check;
    }

    /// Panics in the calling thread from now on where the fake does not know what AWS would do.
    pub fn panic_if_unknown(&self) {
        self.inner().panics = true;
    }

    /// Plans a fault. The first one that is planned for a call wins.
    pub fn plan_fault(&self, when: When, fault: Fault) {
        self.inner().faults.plan(when, fault);
    }

    /// Forgets all planned faults.
    pub fn forget_faults(&self) {
        self.inner().faults.forget();
    }

    /// Calls `hook` before and after each call, without a lock: it can use this fake, and block.
    pub fn add_hook(&self, hook: impl Fn(HookPoint<'_>) + Send + Sync + 'static) {
        self.inner().faults.hooks.push(Arc::new(hook));
    }

    /// Returns the calls so far.
    pub fn log(&self) -> Vec<LoggedCall> {
        self.inner().log.clone()
    }

    /// Forgets the calls so far; their numbers go on.
    pub fn clear_log(&self) {
        self.inner().log.clear();
    }

    /// Panics if a call was unknown to the fake. A test of a whole program ends with this.
    pub fn assert_all_known(&self) {
        let inner = self.inner();
        let unknown: Vec<String> = inner
            .log
            .iter()
            .filter_map(|logged| match &logged.verdict {
                Verdict::Unknown(what) => Some(format!("call {} {}: {what}", logged.number, logged.call)),
                Verdict::Done | Verdict::Refused(_) | Verdict::Unanswered { .. } => None,
            })
            .collect();
        assert!(unknown.is_empty(), "the fake does not know:\n{}", unknown.join("\n"));
    }

    /// Returns what is in an account now.
    pub fn snapshot(&self, account: &str) -> Snapshot {
        let inner = self.inner();
        let account = inner.world.accounts.get(account).expect("the account was added");
        Snapshot::of(&inner.world, account, inner.now)
    }

    /// Returns a fake of its own with the same accounts at the same time, without faults, hooks and log.
    #[must_use]
    pub fn fork(&self) -> Self {
        let inner = self.inner();
        Self(Arc::new(Mutex::new(Inner {
            world: inner.world.clone(),
            now: inner.now,
            faults: Faults::default(),
            checks_dates: inner.checks_dates,
            panics: inner.panics,
            calls: 0,
            of_name: BTreeMap::new(),
            log: Vec::new(),
        })))
    }

    /// Answers a request.
    pub fn answer(&self, request: &Request<Bytes>) -> Outcome {
        let sent = match service::read(request) {
            Ok(sent) => sent,
            Err(refusal) => {
                let sent = Sent { service: Service::Ec2, call: String::new(), parameters: Vec::new() };
                let number = self.inner().begin("");
                return self.finish(number, &Entry::of(&sent), Err(refusal), None);
            }
        };
        let number = self.inner().begin(&sent.call);
        self.run_hooks(|call| HookPoint::Before { number, call }, &sent.call);
        let mut entry = Entry::of(&sent);
        let fault = {
            let inner = self.inner();
            inner.faults.of(number, &sent.call, inner.of_name.get(&sent.call).copied().unwrap_or_default())
        };
        let result = self.inner().act(request, &sent, &mut entry, fault);
        self.run_hooks(|call| HookPoint::After { number, call }, &sent.call);
        self.finish(number, &entry, result, fault)
    }

    fn run_hooks<'a>(&self, point: impl Fn(&'a str) -> HookPoint<'a>, call: &'a str) {
        let hooks = self.inner().faults.hooks.clone();
        for hook in &hooks {
            hook(point(call));
        }
    }

    /// Logs a call and returns what its client gets.
    fn finish(
        &self,
        number: u64,
        entry: &Entry,
        result: Result<Members, Refusal>,
        fault: Option<Fault>,
    ) -> Outcome {
        let Entry { service, call, account, region, members } = entry.clone();
        let unanswered = match fault {
            Some(Fault::TimedOut | Fault::KilledBefore) => Some(false),
            Some(Fault::AnswerLost | Fault::KilledAfter) => Some(result.is_ok()),
            Some(
                Fault::Refused | Fault::ServerError | Fault::Throttled | Fault::Slow(_) | Fault::Expired,
            )
            | None => None,
        };
        let verdict = match (&result, unanswered) {
            (Err(Refusal::Unknown(what)), _) => Verdict::Unknown(what.clone()),
            (_, Some(acted)) => Verdict::Unanswered { acted },
            (Ok(_), None) => Verdict::Done,
            (Err(Refusal::Aws(error)), None) => Verdict::Refused(error.code.clone()),
        };
        let panics = {
            let mut inner = self.inner();
            if inner.log.len() < CALLS_MAX {
                inner.log.push(LoggedCall {
                    number,
                    service: service.name(),
                    call: call.clone(),
                    account,
                    region,
                    members,
                    verdict,
                });
            }
            inner.panics
        };
        let date = self.date();
        let answer = match result {
            Ok(members) => response(
                StatusCode::OK,
                xml::answer(service.model(), service.dialect(), &call, &members, &id(number)),
                date,
            ),
            Err(Refusal::Aws(error)) => failure(service, &error, number, date),
            Err(Refusal::Unknown(what)) => {
                assert!(!panics, "the fake does not know what AWS does: {call}: {what}");
                let status = StatusCode::from_u16(UNKNOWN).unwrap_or(StatusCode::NOT_IMPLEMENTED);
                return Outcome::Answer(response(status, format!("the fake does not know: {what}"), date));
            }
        };
        match fault {
            Some(Fault::TimedOut | Fault::AnswerLost) => Outcome::NoAnswer,
            Some(Fault::KilledBefore | Fault::KilledAfter) => Outcome::Killed,
            Some(Fault::Slow(time)) => Outcome::Late(time, answer),
            Some(Fault::Refused | Fault::ServerError | Fault::Throttled | Fault::Expired) | None => {
                Outcome::Answer(answer)
            }
        }
    }
}

/// The part of a logged call that is known before its end.
#[derive(Debug, Clone)]
struct Entry {
    service: Service,
    call: String,
    account: String,
    region: &'static str,
    members: Members,
}

impl Entry {
    fn of(sent: &Sent) -> Self {
        let (account, members) = (String::new(), Map::new());
        Self { service: sent.service, call: sent.call.clone(), account, region: "", members }
    }
}

impl Inner {
    fn date(&self) -> jiff::Timestamp {
        self.world.started + jiff::SignedDuration::try_from(self.now).unwrap_or_default()
    }

    /// Counts a call and returns its number.
    fn begin(&mut self, call: &str) -> u64 {
        self.calls += 1;
        *self.of_name.entry(call.to_owned()).or_default() += 1;
        self.calls
    }

    fn act(
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
        // A call that fails half way has changed nothing, so it acts on a copy.
        let mut world = self.world.clone();
        let result = world.act(sent, &members, &key, at);
        // One that only reads is counted for the lag of what it asked for, also if that is not seen yet.
        if result.is_ok() || !log::is_write(&sent.call) {
            self.world = world;
        }
        result
    }
}

fn id(number: u64) -> String {
    format!("00000000-0000-4000-8000-{number:012x}")
}

fn failure(service: Service, error: &AwsError, number: u64, date: jiff::Timestamp) -> Response<Bytes> {
    let body = xml::error(service.model(), service.dialect(), error, &id(number));
    response(error.status, body, date)
}

fn response(status: StatusCode, body: String, date: jiff::Timestamp) -> Response<Bytes> {
    let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    Response::builder()
        .status(status)
        .header(header::CONTENT_TYPE, "text/xml;charset=UTF-8")
        .header(header::DATE, date)
        .body(Bytes::from(body))
        .expect("these headers are valid")
}
