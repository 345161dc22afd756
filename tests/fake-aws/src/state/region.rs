//! A region of an account: everything in it, with the client tokens that were used.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::{
    id::Id,
    lag::{Lag, Lagging},
    life::{Phase, TOKEN},
    thing::{Members, Thing},
};

/// The most things of a region. A client that makes things in a loop must not take the memory of the tests.
const THINGS_MAX: usize = 10_000;

/// A region of an account.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Region {
    things: BTreeMap<Id, Thing>,
    /// Deleted things that reads still see.
    ghosts: BTreeMap<Id, Thing>,
    tokens: BTreeMap<(String, String), Used>,
    pub(crate) lag: Lag,
    /// The failure that the next thing of a kind will have.
    pub(crate) failures: BTreeMap<String, (String, String)>,
}

/// The call that a client token was used in.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Used {
    at: Duration,
    pub(crate) parameters: Members,
    pub(crate) answer: Members,
}

impl Region {
    /// Lets time pass: forgets things and tokens whose time is over, and what vanishes with them.
    pub(crate) fn settle(&mut self, now: Duration) {
        self.things.retain(|_, thing| thing.phase(now) != Phase::Forgotten);
        self.tokens.retain(|_, used| now < used.at + TOKEN);
        self.ghosts.retain(|_, ghost| ghost.lagging.for_reads(now));
        let gone = |id: &Id, things: &BTreeMap<Id, Thing>| things.get(id).is_none_or(|one| one.is_gone(now));
        loop {
            let orphans: Vec<Id> = self
                .things
                .values()
                .filter(|thing| thing.owner.as_ref().is_some_and(|owner| gone(owner, &self.things)))
                .map(|thing| thing.id.clone())
                .collect();
            if orphans.is_empty() {
                break;
            }
            self.things.retain(|id, _| !orphans.contains(id));
        }
    }

    pub(crate) fn add(&mut self, mut thing: Thing) {
        assert!(self.things.len() < THINGS_MAX, "more than {THINGS_MAX} things in a region");
        thing.lagging = Lagging::from_now(self.lag, thing.made);
        thing.failure = self.failures.remove(thing.kind);
        self.things.insert(thing.id.clone(), thing);
    }

    /// Deletes a thing: it leaves, or is gone immediately.
    pub(crate) fn delete(&mut self, id: &Id, now: Duration) {
        let Some(thing) = self.things.get_mut(id) else { return };
        thing.deleted = Some(now);
        if thing.phase(now) == Phase::Forgotten {
            let mut ghost = thing.clone();
            ghost.deleted = None;
            ghost.lagging = Lagging::from_now(self.lag, now);
            self.ghosts.insert(id.clone(), ghost);
        }
        self.settle(now);
    }

    /// Returns everything of a kind, also what is leaving or gone and still listed.
    pub(crate) fn all<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Thing> {
        self.things.values().filter(move |thing| thing.kind == kind)
    }

    /// Returns everything of a kind that still takes part.
    pub(crate) fn alive<'a>(&'a self, kind: &'a str, now: Duration) -> impl Iterator<Item = &'a Thing> {
        self.all(kind).filter(move |thing| !thing.is_gone(now))
    }

    /// Returns what a Describe call of this kind sees, and counts the call.
    pub(crate) fn read(&mut self, kind: &str, now: Duration) -> Vec<Thing> {
        let listed = self.things.values_mut().filter(|thing| thing.kind == kind);
        let mut seen = Vec::new();
        for thing in listed {
            if !thing.lagging.for_reads(now) {
                seen.push(thing.clone());
            }
            thing.lagging.was_read();
        }
        for ghost in self.ghosts.values_mut().filter(|ghost| ghost.kind == kind) {
            if ghost.lagging.for_reads(now) {
                seen.push(ghost.clone());
            }
            ghost.lagging.was_read();
        }
        seen.sort_by(|one, other| one.id.cmp(&other.id));
        seen
    }

    pub(crate) fn get(&self, id: &Id) -> Option<&Thing> {
        self.things.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &Id) -> Option<&mut Thing> {
        self.things.get_mut(id)
    }

    pub(crate) fn every(&self) -> impl Iterator<Item = &Thing> {
        self.things.values()
    }

    pub(crate) fn used(&self, call: &str, token: &str) -> Option<&Used> {
        self.tokens.get(&(call.to_owned(), token.to_owned()))
    }

    pub(crate) fn use_token(
        &mut self,
        call: &str,
        token: &str,
        parameters: Members,
        answer: Members,
        at: Duration,
    ) {
        self.tokens.insert((call.to_owned(), token.to_owned()), Used { at, parameters, answer });
    }

    /// Returns the thing that an answer shows under its first member, if it is still there.
    pub(crate) fn shown_in(&self, value: &Value, id_member: &str) -> Option<&Thing> {
        let id = value.get(id_member)?.as_str()?;
        self.things.values().find(|thing| thing.id.as_str() == id)
    }
}
