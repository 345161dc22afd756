//! The fake as tests hold it: one mutable world behind a lock, to prepare, to ask and to look at.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::Request;

use crate::{
    fault::{Fault, HookPoint, When},
    identity::AccessKey,
    inner::{Entry, Inner},
    log::{LoggedCall, Verdict},
    outcome::{About, Outcome},
    refusal::Refusal,
    service::{self, Sent, Service},
    snapshot::Snapshot,
    state::{
        account::Account,
        id::Id,
        lag::Lag,
        place::{PLACES, Partition},
        quota::Quota,
        region::Region,
        thing::Members,
    },
};

/// A fake of AWS. Clones share one world.
#[derive(Clone)]
pub struct Fake(Arc<Mutex<Inner>>);

impl Fake {
    /// Returns a fake without accounts, whose clock starts at this date.
    pub fn new(started: jiff::Timestamp) -> Self {
        Self(Arc::new(Mutex::new(Inner::empty(started))))
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
        let Inner { world, now, checks_dates, panics, faults: _, calls: _, of_name: _, log: _ } = &*inner;
        Self(Arc::new(Mutex::new(Inner::new(world.clone(), *now, *checks_dates, *panics))))
    }

    /// Answers a request.
    pub fn answer(&self, request: &Request<Bytes>) -> Outcome {
        let sent = match service::read(request) {
            Ok(sent) => sent,
            Err(refusal) => {
                let sent = Sent { service: Service::Ec2, call: String::new(), parameters: Vec::new() };
                let number = self.inner().begin("");
                return self.finish(number, Entry::of(&sent), &Err(refusal), None);
            }
        };
        let number = self.inner().begin(&sent.call);
        self.run_hooks(|call| HookPoint::Before { number, call }, &sent.call);
        let mut entry = Entry::of(&sent);
        let (result, fault) = {
            let mut inner = self.inner();
            let of_name = inner.of_name.get(&sent.call).copied().unwrap_or_default();
            let fault = inner.faults.of(number, &sent.call, of_name);
            (inner.act(request, &sent, &mut entry, fault), fault)
        };
        self.run_hooks(|call| HookPoint::After { number, call }, &sent.call);
        self.finish(number, entry, &result, fault)
    }

    fn run_hooks<'a>(&self, point: impl Fn(&'a str) -> HookPoint<'a>, call: &'a str) {
        let hooks = self.inner().faults.hooks.clone();
        for hook in &hooks {
            hook(point(call));
        }
    }

    /// Logs a call and returns its outcome.
    fn finish(
        &self,
        number: u64,
        entry: Entry,
        result: &Result<Members, Refusal>,
        fault: Option<Fault>,
    ) -> Outcome {
        let (service, call) = (entry.service, entry.call.clone());
        let (panics, date) = {
            let mut inner = self.inner();
            inner.finish(number, entry, result, fault);
            (inner.panics, inner.date())
        };
        let about = About { service, call: &call, number, date };
        match result {
            Err(Refusal::Unknown(what)) => {
                assert!(!panics, "the fake does not know what AWS does: {call}: {what}");
                Outcome::Answer(about.answer(result))
            }
            Ok(_) | Err(Refusal::Aws(_)) => Outcome::of(fault, || about.answer(result)),
        }
    }
}
