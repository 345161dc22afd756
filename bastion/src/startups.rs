//! Connections that have not logged in: how far each came, and which has to go for a newcomer. The rules are in
//! `policy`; here are the clock and the dice.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Instant,
};

use ipnet::IpNet;
use rustix::rand::{GetRandomFlags, getrandom};
use tokio_util::sync::CancellationToken;

use crate::policy::{Misdeed, Penalties, Stage, Standing, Verdict, newcomer};

/// Who is on the way in, and who has to wait outside.
#[derive(Debug)]
pub struct Startups {
    begun: Instant,
    penalties: Mutex<Penalties>,
    standing: Arc<Mutex<HashMap<u64, Entry>>>,
}

#[derive(Debug)]
struct Entry {
    since: Instant,
    stage: Arc<AtomicU8>,
    evicted: CancellationToken,
}

/// A place among those on the way in, until it is dropped.
#[derive(Debug)]
pub struct Startup {
    number: u64,
    stage: Arc<AtomicU8>,
    evicted: CancellationToken,
    standing: Arc<Mutex<HashMap<u64, Entry>>>,
}

impl Startups {
    /// Nobody yet. See [`Penalties::new`] for `exempt`.
    pub fn new(exempt: Vec<IpNet>) -> Self {
        Self {
            begun: Instant::now(),
            penalties: Mutex::new(Penalties::new(exempt)),
            standing: Arc::default(),
        }
    }

    /// Whether `address` may connect now.
    pub fn admits(&self, address: IpAddr) -> bool {
        lock(&self.penalties).admits(address, self.begun.elapsed())
    }

    /// Remembers what `address` did.
    pub fn penalize(&self, address: IpAddr, misdeed: Misdeed) {
        lock(&self.penalties).add(address, misdeed, self.begun.elapsed());
    }

    /// Lets connection `number` in, in place of another one if need be.
    pub fn enter(&self, number: u64) -> Startup {
        let mut standing = lock(&self.standing);
        let others: Vec<Standing<u64>> = standing
            .iter()
            .filter(|(_, entry)| !entry.evicted.is_cancelled())
            .map(|(id, entry)| Standing {
                id: *id,
                stage: stage(entry.stage.load(Ordering::Relaxed)),
                age: entry.since.elapsed(),
            })
            .collect();
        if let Verdict::InPlaceOf(other) = newcomer(&others, dice())
            && let Some(entry) = standing.get(&other)
        {
            entry.evicted.cancel();
        }
        let (stage, evicted) = (Arc::<AtomicU8>::default(), CancellationToken::new());
        let entry = Entry { since: Instant::now(), stage: stage.clone(), evicted: evicted.clone() };
        standing.insert(number, entry);
        Startup { number, stage, evicted, standing: self.standing.clone() }
    }
}

impl Startup {
    /// It came so far.
    pub fn reached(&self, stage: Stage) {
        self.stage.fetch_max(stage as u8, Ordering::Relaxed);
    }

    /// Returns when it has to go for somebody else.
    pub async fn evicted(&self) {
        self.evicted.cancelled().await;
    }
}

impl Drop for Startup {
    fn drop(&mut self) {
        lock(&self.standing).remove(&self.number);
    }
}

fn stage(number: u8) -> Stage {
    [Stage::Silent, Stage::Greeted].into_iter().find(|stage| *stage as u8 == number).unwrap_or(Stage::Tried)
}

/// From 0 to 99. The bias of a byte's remainder does not matter here.
fn dice() -> usize {
    let mut bytes = [0_u8; 4];
    match getrandom(&mut bytes, GetRandomFlags::empty()) {
        Ok(_) => usize::try_from(u32::from_ne_bytes(bytes) % 100).unwrap_or(0),
        Err(_) => 0,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_of_silent_ones_stays_bounded_and_who_tries_stays() {
        let startups = Startups::new(Vec::new());
        let alice = startups.enter(0);
        alice.reached(Stage::Tried);
        let crowd: Vec<Startup> = (1..1000).map(|number| startups.enter(number)).collect();
        let staying = crowd.iter().filter(|one| !one.evicted.is_cancelled()).count();
        assert!(staying <= 100, "{staying}");
        assert!(!alice.evicted.is_cancelled());
    }
}
