//! What has to be looked at: each thing once, never by two workers at a time, some of it later.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::observed::Key;

/// Something to be looked at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Target {
    /// A DevServer.
    Server(Key),
    /// A DevServerFlavor, by name.
    Flavor(Key),
    /// A DevUser, by name.
    User(Key),
}

/// The queue of all workers.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    ready: VecDeque<Target>,
    waiting: HashSet<Target>,
    /// In a worker's hands; true when it has to be looked at again afterwards.
    held: HashMap<Target, bool>,
    later: BTreeSet<(Instant, Target)>,
    due: HashMap<Target, Instant>,
}

impl Queue {
    /// Has `target` looked at as soon as a worker is free.
    pub(crate) fn push(&self, target: Target) {
        self.lock().push(target);
        self.changed.notify_one();
    }

    /// Has `target` looked at after `delay`, unless it is due earlier anyway.
    pub(crate) fn push_later(&self, target: Target, delay: Duration) {
        let at = Instant::now() + delay;
        {
            let mut inner = self.lock();
            match inner.due.get(&target).copied() {
                Some(earlier) if earlier <= at => return,
                Some(old) => {
                    inner.later.remove(&(old, target.clone()));
                }
                None => {}
            }
            inner.due.insert(target.clone(), at);
            inner.later.insert((at, target));
        }
        self.changed.notify_one();
    }

    /// The next thing to look at. It is nobody else's until [`Queue::done`].
    pub(crate) async fn pop(&self) -> Target {
        loop {
            let next = {
                let mut inner = self.lock();
                inner.promote(Instant::now());
                if let Some(target) = inner.take() {
                    if !inner.ready.is_empty() {
                        self.changed.notify_one();
                    }
                    return target;
                }
                inner.later.first().map(|(at, _)| *at)
            };
            match next {
                Some(at) => {
                    tokio::select! {
                        () = self.changed.notified() => {}
                        () = tokio::time::sleep_until(at) => {}
                    }
                }
                None => self.changed.notified().await,
            }
        }
    }

    /// Gives `target` back.
    pub(crate) fn done(&self, target: &Target) {
        {
            let mut inner = self.lock();
            if inner.held.remove(target) == Some(true) {
                inner.push(target.clone());
            }
        }
        self.changed.notify_one();
    }

    /// How many things wait for a worker.
    pub(crate) fn depth(&self) -> usize {
        self.lock().ready.len()
    }

    /// Forgets everything; the workers are gone.
    pub(crate) fn clear(&self) {
        *self.lock() = Inner::default();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("no holder of this lock panics")
    }
}

impl Inner {
    fn push(&mut self, target: Target) {
        if let Some(again) = self.held.get_mut(&target) {
            *again = true;
        } else if self.waiting.insert(target.clone()) {
            self.ready.push_back(target);
        }
    }

    fn promote(&mut self, now: Instant) {
        while self.later.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, target)) = self.later.pop_first() else { return };
            self.due.remove(&target);
            self.push(target);
        }
    }

    fn take(&mut self) -> Option<Target> {
        let target = self.ready.pop_front()?;
        self.waiting.remove(&target);
        self.held.insert(target.clone(), false);
        Some(target)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str) -> Target {
        Target::Server(Key::new("dev-alice", name))
    }

    #[tokio::test]
    async fn a_thing_pushed_twice_is_looked_at_once() {
        let queue = Queue::default();
        queue.push(server("a"));
        queue.push(server("a"));
        assert_eq!(queue.pop().await, server("a"));
        assert_eq!(queue.depth(), 0);
    }

    #[tokio::test]
    async fn a_thing_pushed_while_in_hand_is_looked_at_again_afterwards() {
        let queue = Queue::default();
        queue.push(server("a"));
        let target = queue.pop().await;
        queue.push(server("a"));
        assert_eq!(queue.depth(), 0);
        queue.done(&target);
        assert_eq!(queue.pop().await, target);
    }

    #[tokio::test(start_paused = true)]
    async fn the_earlier_of_two_appointments_counts() {
        let queue = Queue::default();
        let start = Instant::now();
        queue.push_later(server("a"), Duration::from_mins(1));
        queue.push_later(server("a"), Duration::from_secs(5));
        queue.push_later(server("a"), Duration::from_secs(30));
        assert_eq!(queue.pop().await, server("a"));
        assert_eq!(start.elapsed().as_secs(), 5);
        assert!(tokio::time::timeout(Duration::from_secs(100), queue.pop()).await.is_err());
    }

    #[tokio::test]
    async fn several_workers_each_get_something() {
        let queue = Queue::default();
        queue.push(server("a"));
        queue.push(server("b"));
        let (first, second) = tokio::join!(queue.pop(), queue.pop());
        assert_ne!(first, second);
    }
}
