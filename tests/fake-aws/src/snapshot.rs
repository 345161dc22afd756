//! The contents of an account, to compare them with another time or another run.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde_json::Value;

use crate::{
    ec2::{KINDS, View},
    state::account::Account,
    world::World,
};

/// Everything in an account that is not gone, by region and id.
#[derive(Clone, PartialEq)]
pub struct Snapshot(BTreeMap<String, Value>);

impl Snapshot {
    /// Takes a snapshot. Things that are coming or leaving are in it with their state; dates are left out.
    pub(crate) fn of(world: &World, account: &Account, now: Duration) -> Self {
        let mut all = BTreeMap::new();
        for (name, region) in &account.regions {
            let mut region = region.clone();
            region.settle(now);
            let view = View { region: &region, account: &account.id, now, started: world.started };
            for thing in region.every().filter(|thing| !thing.is_gone(now)) {
                let kind = KINDS.iter().find(|kind| kind.name == thing.kind);
                let kind = kind.unwrap_or_else(|| panic!("no kind {}", thing.kind));
                let mut shown = kind.show(thing, &view);
                for date in ["CreateTime", "DeleteTime", "CreationTimestamp"] {
                    shown.remove(date);
                }
                // Attributes that other calls show are part of it.
                let hidden = thing.members.iter().filter(|(name, _)| name.starts_with('.'));
                shown.extend(hidden.map(|(name, value)| (name.clone(), value.clone())));
                all.insert(format!("{name} {} {}", thing.kind, thing.id), Value::Object(shown));
            }
        }
        Self(all)
    }

    /// Returns whether the account has nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns how many things of a kind there are, such as `vpc`.
    pub fn count(&self, kind: &str) -> usize {
        self.0.keys().filter(|key| key.split(' ').nth(1) == Some(kind)).count()
    }

    /// Returns the lines of the snapshot with the value of tag `key` in place of the id of each thing that has it, and
    /// with a number in place of every other id and address. Two runs that made the same things give the same lines.
    pub fn by_tag(&self, key: &str) -> Vec<String> {
        let mut names: Vec<(String, String)> = Vec::new();
        for (line, shown) in &self.0 {
            let id = line.split(' ').nth(2).unwrap_or_default();
            let tags = ["Tags", "TagSet"].iter().find_map(|name| shown.get(*name)?.as_array());
            let tag = tags.into_iter().flatten().find(|tag| tag["Key"] == key);
            if let Some(name) = tag.and_then(|tag| tag["Value"].as_str()) {
                names.push((id.to_owned(), format!("<{name}>")));
            }
        }
        let lines = self.0.iter().map(|(line, shown)| format!("{line} {shown}"));
        let lines = lines.map(|line| names.iter().fold(line, |line, (id, name)| line.replace(id, name)));
        let mut lines: Vec<String> = lines.map(|line| without_ids(&line)).collect();
        lines.sort();
        lines
    }

    /// Returns what differs between two snapshots: the things of only one, and those with other members.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        for (line, shown) in &self.0 {
            match other.0.get(line) {
                None => found.push(format!("only before: {line} {shown}")),
                Some(then) if then != shown => found.push(format!("{line}: {shown} is now {then}")),
                Some(_) => {}
            }
        }
        let new = other.0.iter().filter(|(line, _)| !self.0.contains_key(*line));
        found.extend(new.map(|(line, shown)| format!("only after: {line} {shown}")));
        found
    }
}

/// Replaces the digits of ids and of public and private addresses, which depend on the order of calls.
fn without_ids(line: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    let end = |word: &mut String, out: &mut String| {
        let is_id = word
            .rsplit_once('-')
            .is_some_and(|(_, digits)| digits.len() == 17 && digits.chars().all(|c| c.is_ascii_hexdigit()));
        let is_address =
            word.split('.').count() == 4 && word.split('.').all(|part| part.parse::<u8>().is_ok());
        match (is_id, is_address) {
            (true, _) => out.push_str(&word[..word.len() - 17]),
            (false, true) => out.push_str("ADDRESS"),
            (false, false) => out.push_str(word),
        }
        word.clear();
    };
    for c in line.chars() {
        if c.is_ascii_alphanumeric() || c == '-' || c == '.' {
            word.push(c);
        } else {
            end(&mut word, &mut out);
            out.push(c);
        }
    }
    end(&mut word, &mut out);
    out
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (line, shown) in &self.0 {
            writeln!(f, "{line} {shown}")?;
        }
        Ok(())
    }
}
