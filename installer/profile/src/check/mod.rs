//! Checks a document of the right shape: returns a profile, or every mistake that the schema does not find.

mod access;
mod amounts;
mod cluster;
mod eks;
mod host;
mod images;
mod placement;
mod servers;

use crate::{
    Mistake, MistakeKind, Profile,
    document::{self, Document},
    node::Node,
    path::KeyPath,
    profile::OperatorSize,
};

/// Checks `document`. `written` is its source, still with the nulls that removed values; `before` are the mistakes in
/// its layers.
pub(crate) fn profile(
    document: Document,
    written: &Node,
    before: &[Mistake],
) -> Result<Profile, Vec<Mistake>> {
    let mut check = Check { written, before, mistakes: Vec::new() };
    let Document {
        extends: _,
        description: _,
        cluster,
        images,
        operator,
        bastion,
        dev_servers,
        users,
        flavors,
    } = document;
    let node_ports = Check::node_ports(&cluster);
    let cluster = check.cluster(cluster, images);
    let document::Operator { replicas, resources } = operator;
    check.resources(&KeyPath::known("operator.resources"), &resources);
    let operator = OperatorSize { replicas, resources };
    let bastion = check.bastion(bastion, &node_ports);
    let users = check.users(users);
    let flavors = check.flavors(flavors);
    let dev_servers = check.dev_servers(dev_servers, &flavors);
    match (cluster, bastion, dev_servers) {
        (Some(cluster), Some(bastion), Some(dev_servers)) if check.mistakes.is_empty() => {
            Ok(Profile { cluster, operator, bastion, dev_servers, users, flavors })
        }
        _ => Err(check.mistakes),
    }
}

struct Check<'a> {
    written: &'a Node,
    before: &'a [Mistake],
    mistakes: Vec<Mistake>,
}

impl Check<'_> {
    /// Reports a mistake in the combination of the values at `paths`, at the first path that the user wrote.
    fn wrong(&mut self, paths: &[KeyPath], what: impl Into<String>) {
        self.report(paths, what.into(), None);
    }

    /// Reports a mistake in the value at `path`.
    fn wrong_at(&mut self, path: &KeyPath, what: impl Into<String>) {
        self.report(std::slice::from_ref(path), what.into(), None);
    }

    fn report(&mut self, paths: &[KeyPath], what: String, nearest: Option<String>) {
        // A value that was removed for another mistake is not missing.
        if paths.iter().any(|path| self.before.iter().any(|mistake| is_below(mistake, path))) {
            return;
        }
        let places = || paths.iter().map(|path| &self.written.nearest(path).place);
        let place = places().find(|place| !place.is_shipped()).or_else(|| places().next());
        let place = place.unwrap_or(&self.written.place).clone();
        let nearest = nearest.into_iter().collect();
        self.mistakes.push(Mistake { place, kind: MistakeKind::Rule(what), nearest });
    }

    /// Returns whether the user wrote anything at `path`.
    fn is_own(&self, path: &KeyPath) -> bool {
        self.written.at(path).is_some_and(Node::has_own)
    }

    /// Reports a list or map at `path` with more than `max` entries.
    fn at_most(&mut self, path: &KeyPath, entries: usize, max: usize) {
        if entries > max {
            self.wrong_at(path, format!("{path}: {entries} entries; at most {max} are allowed"));
        }
    }
}

/// Returns the beginning of a text in quotes, for a message.
fn shown(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        None => format!("{text:?}"),
        Some((end, _)) => format!("{:?}…", &text[..end]),
    }
}

/// Returns whether `mistake` removed something at `path` or below it.
fn is_below(mistake: &Mistake, path: &KeyPath) -> bool {
    match &mistake.kind {
        MistakeKind::Value { path: wrong, problem: _ } => wrong.starts_with(path),
        MistakeKind::UnknownKey { key, within } => within.key(key).starts_with(path),
        MistakeKind::MissingKey { key: _, within } => within.starts_with(path),
        MistakeKind::Unreadable(_)
        | MistakeKind::Notation(_)
        | MistakeKind::DuplicateKey(_)
        | MistakeKind::LongKey { .. }
        | MistakeKind::NoCluster
        | MistakeKind::Profile(_)
        | MistakeKind::Variable(_)
        | MistakeKind::Set(_)
        | MistakeKind::Rule(_) => false,
    }
}
