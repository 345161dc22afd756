//! A thing of an account.

use std::{collections::BTreeMap, time::Duration};

use serde_json::{Map, Value, json};

use super::{
    id::Id,
    lag::Lagging,
    life::{FAILED, Life, Phase},
};

/// Members with their names in the model.
pub(crate) type Members = Map<String, Value>;

/// A thing of an account. Its members are kept as the model names them and not in a type for each kind: the model checks
/// them whenever they are written into an answer, and filters, snapshots and dependencies work for all kinds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Thing {
    /// The name of its kind in tags, such as `vpc`.
    pub(crate) kind: &'static str,
    pub(crate) id: Id,
    /// The thing that it vanishes with, such as the NAT gateway of a network interface.
    pub(crate) owner: Option<Id>,
    pub(crate) life: &'static Life,
    pub(crate) made: Duration,
    pub(crate) deleted: Option<Duration>,
    /// Why it failed instead of becoming ready.
    pub(crate) failure: Option<(String, String)>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) members: Members,
    pub(crate) lagging: Lagging,
}

impl Thing {
    pub(crate) fn phase(&self, now: Duration) -> Phase {
        if self.failure.is_some() && now >= self.made + self.life.coming + FAILED {
            return Phase::Forgotten;
        }
        self.life.phase(self.made, self.deleted, now)
    }

    /// Returns whether its subnet and its VPC cannot be deleted because of it.
    pub(crate) fn blocks(&self, now: Duration) -> bool {
        !self.is_gone(now) && self.failure.is_none()
    }

    /// Returns whether other things cannot use it any more.
    pub(crate) fn is_gone(&self, now: Duration) -> bool {
        matches!(self.phase(now), Phase::Gone | Phase::Forgotten)
    }

    /// Returns the text of a member, or an empty one.
    pub(crate) fn text(&self, member: &str) -> &str {
        self.members.get(member).and_then(Value::as_str).unwrap_or_default()
    }

    /// Returns whether a member has this text.
    pub(crate) fn has(&self, member: &str, text: impl AsRef<str>) -> bool {
        self.members.get(member).and_then(Value::as_str) == Some(text.as_ref())
    }

    pub(crate) fn flag(&self, member: &str) -> bool {
        self.members.get(member) == Some(&Value::Bool(true))
    }

    /// Returns the texts of a list.
    pub(crate) fn texts(&self, member: &str) -> Vec<&str> {
        self.list(member).iter().filter_map(Value::as_str).collect()
    }

    pub(crate) fn list(&self, member: &str) -> &[Value] {
        self.members.get(member).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Returns a list to change.
    pub(crate) fn list_mut(&mut self, member: &str) -> &mut Vec<Value> {
        let list = self.members.entry(member).or_insert_with(|| json!([]));
        match list {
            Value::Array(entries) => entries,
            other => panic!("{member} is not a list: {other}"),
        }
    }

    /// Returns the tags as AWS lists them.
    pub(crate) fn tag_list(&self) -> Value {
        self.tags.iter().map(|(key, value)| json!({"Key": key, "Value": value})).collect()
    }
}
