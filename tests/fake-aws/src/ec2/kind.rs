//! Kinds of things as data, and the world that their calls act on.

use std::time::Duration;

use serde_json::{Value, json};

use super::{input::Input, tag_list};
use crate::{
    refusal::{Refusal, refused, unknown},
    state::{
        id::{Id, Serial},
        lag::Lagging,
        life::{Life, Phase},
        place::Place,
        quota::{Quota, Quotas},
        region::Region,
        thing::{Members, Thing},
    },
};

/// The beginning of the names of members that no answer shows, such as the attributes of a VPC.
pub(crate) const HIDDEN: char = '.';

/// A kind of thing.
pub(crate) struct Kind {
    /// Its name in tags.
    pub(crate) name: &'static str,
    /// The member with its id.
    pub(crate) id: &'static str,
    /// The beginning of its ids.
    pub(crate) prefix: &'static str,
    /// The error for an id that no thing has, and its message, where `{}` stands for the id.
    pub(crate) not_found: (&'static str, &'static str),
    /// The error for a text that is not an id.
    pub(crate) malformed: &'static str,
    /// The words for coming, ready, leaving and gone; none for a kind without a state.
    pub(crate) states: Option<[&'static str; 4]>,
    /// The member with its tags.
    pub(crate) tags: &'static str,
    /// The members that are computed when it is shown.
    pub(crate) shown: fn(&Thing, &View<'_>) -> Members,
    /// The filters that the fake knows, each with the path of members that it compares.
    pub(crate) filters: &'static [(&'static str, &'static str)],
    pub(crate) calls: &'static [Call],
}

/// A call of EC2, as data.
pub(crate) struct Call {
    pub(crate) name: &'static str,
    /// The members that it acts on. Another one is unknown to the fake.
    pub(crate) reads: &'static [&'static str],
    pub(crate) act: fn(&mut Cx<'_>, Input<'_>) -> Result<Members, Refusal>,
}

/// The surroundings that a thing is shown in.
pub(crate) struct View<'a> {
    pub(crate) region: &'a Region,
    pub(crate) account: &'a str,
    pub(crate) now: Duration,
    pub(crate) started: jiff::Timestamp,
}

/// The part of the world that a call acts on.
pub(crate) struct Cx<'a> {
    pub(crate) region: &'a mut Region,
    pub(crate) serial: &'a mut Serial,
    /// The id of the account.
    pub(crate) account: &'a str,
    pub(crate) quotas: &'a Quotas,
    pub(crate) place: &'static Place,
    /// The regions that the account has switched on.
    pub(crate) regions: &'a [&'static str],
    pub(crate) kinds: &'static [&'static Kind],
    /// Time since the fake was made.
    pub(crate) now: Duration,
    /// The date when it was made.
    pub(crate) started: jiff::Timestamp,
}

/// A thing to make.
pub(crate) struct New {
    pub(crate) members: Value,
    pub(crate) life: &'static Life,
    pub(crate) owner: Option<Id>,
}

/// Returns no members, for kinds without computed ones.
pub(crate) fn nothing(_: &Thing, _: &View<'_>) -> Members {
    Members::new()
}

/// Returns the members of a JSON object.
pub(crate) fn members(value: Value) -> Members {
    match value {
        Value::Object(members) => members,
        other => panic!("not an object: {other}"),
    }
}

impl Kind {
    fn not_found(&self, id: &str) -> Refusal {
        let (code, message) = self.not_found;
        refused(code, message.replace("{}", id))
    }

    /// Reads the text of an id.
    pub(crate) fn read_id(&self, text: &str) -> Result<Id, Refusal> {
        let message = || format!("Invalid id: \"{text}\" (expecting \"{}...\")", self.prefix);
        Id::parse(text, self.prefix).ok_or_else(|| refused(self.malformed, message()))
    }

    /// Returns a thing as an answer shows it.
    pub(crate) fn show(&self, thing: &Thing, view: &View<'_>) -> Members {
        let members = thing.members.iter().filter(|(name, _)| !name.starts_with(HIDDEN));
        let mut shown: Members = members.map(|(name, value)| (name.clone(), value.clone())).collect();
        shown.insert(self.id.to_owned(), thing.id.as_str().into());
        if let Some([coming, ready, leaving, gone]) = self.states {
            let phase = thing.phase(view.now);
            let word = match phase {
                Phase::Coming => coming,
                Phase::Ready if thing.failure.is_some() => "failed",
                Phase::Ready => ready,
                Phase::Leaving => leaving,
                Phase::Gone | Phase::Forgotten => gone,
            };
            shown.insert("State".to_owned(), word.into());
        }
        shown.extend((self.shown)(thing, view));
        // AWS leaves an empty set of tags out in some answers and not in others; the SDK reads both as none.
        shown.insert(self.tags.to_owned(), thing.tag_list());
        shown
    }
}

impl Cx<'_> {
    pub(crate) fn view(&self) -> View<'_> {
        let Cx { region, account, now, started, .. } = self;
        View { region, account, now: *now, started: *started }
    }

    pub(crate) fn kind(&self, name: &str) -> &'static Kind {
        self.kinds.iter().find(|kind| kind.name == name).unwrap_or_else(|| panic!("no kind {name}"))
    }

    /// Returns the thing of this kind and id, if a call that changes something can use it.
    pub(crate) fn known(&self, kind: &str, text: &str) -> Result<&Thing, Refusal> {
        let kind = self.kind(kind);
        let id = kind.read_id(text)?;
        let usable = |thing: &&Thing| {
            thing.kind == kind.name
                && !matches!(thing.phase(self.now), Phase::Gone | Phase::Forgotten)
                && !thing.lagging.for_writes(self.now)
        };
        self.region.get(&id).filter(usable).ok_or_else(|| kind.not_found(text))
    }

    /// Returns the id of such a thing.
    pub(crate) fn known_id(&self, kind: &str, text: &str) -> Result<Id, Refusal> {
        self.known(kind, text).map(|thing| thing.id.clone())
    }

    /// Returns the id of a thing of this kind in this VPC.
    pub(crate) fn in_vpc(&self, kind: &str, text: &str, vpc: &Id) -> Result<Id, Refusal> {
        let thing = self.known(kind, text)?;
        if thing.has("VpcId", vpc.as_str()) {
            return Ok(thing.id.clone());
        }
        Err(refused("InvalidParameterValue", format!("{text} and {vpc} belong to different networks")))
    }

    /// Returns the thing to change.
    pub(crate) fn change(&mut self, id: &Id) -> &mut Thing {
        self.region.get_mut(id).unwrap_or_else(|| panic!("{id} was looked up before"))
    }

    /// Makes a thing, with the tags that the call gives for its kind.
    pub(crate) fn make(&mut self, kind: &str, new: New, input: Input<'_>) -> Result<Id, Refusal> {
        let kind = self.kind(kind);
        let tags = tag_list::of_new(input, kind.name)?;
        let id = self.serial.id(kind.prefix);
        self.region.add(Thing {
            kind: kind.name,
            id: id.clone(),
            owner: new.owner,
            life: new.life,
            made: self.now,
            deleted: None,
            failure: None,
            tags,
            members: members(new.members),
            lagging: Lagging::default(),
        });
        Ok(id)
    }

    /// Returns a thing as an answer shows it.
    pub(crate) fn show(&self, id: &Id) -> Value {
        let thing = self.region.get(id).unwrap_or_else(|| panic!("{id} was made before"));
        Value::Object(self.kind(thing.kind).show(thing, &self.view()))
    }

    /// Fails if one more of a kind is above the quota. `counts` chooses those that count.
    pub(crate) fn one_more(
        &self,
        quota: Quota,
        kind: &str,
        counts: impl Fn(&Thing) -> bool,
    ) -> Result<(), Refusal> {
        let used = self.region.alive(kind, self.now).filter(|thing| counts(thing)).count();
        self.quotas.one_more(quota, used)
    }

    /// Deletes a thing by its id.
    pub(crate) fn delete(&mut self, id: &Id) {
        self.region.delete(id, self.now);
    }
}

impl View<'_> {
    /// Returns the date of a time since the fake was made.
    pub(crate) fn date(&self, at: Duration) -> Value {
        json!((self.started + jiff::SignedDuration::try_from(at).unwrap_or_default()).to_string())
    }
}

/// Fails, because AWS would act on a value and the fake does not.
pub(crate) fn not_known<T>(what: impl std::fmt::Display) -> Result<T, Refusal> {
    Err(unknown(what))
}
