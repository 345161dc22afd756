//! What has been seen of one kind of object, by place and by what it belongs with.
//!
//! Own writes go in at once, so that the next look sees them. An answer to a write that the watch
//! has already passed is dropped, or a deletion seen in between would be undone.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard},
};

use kube::Resource;

use crate::observed::{Key, Observed};

/// Facts about all objects of a kind.
#[derive(Debug)]
pub(crate) struct Store<T> {
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    /// By what they belong with, then by name: most groups have one member.
    groups: HashMap<Key, BTreeMap<Key, Entry<T>>>,
    /// The newest resourceVersion that the watch has delivered.
    seen: u64,
    /// Objects of a relist under way.
    listed: Option<HashMap<Key, Key>>,
    synced: bool,
}

#[derive(Debug)]
struct Entry<T> {
    version: u64,
    facts: Arc<T>,
}

/// What an event changed: the facts before and after. Nothing where both are the same.
#[derive(Debug)]
pub(crate) struct Change<T> {
    /// What it belongs with.
    pub(crate) group: Key,
    /// Facts before, if it was known.
    pub(crate) before: Option<Arc<T>>,
    /// Facts now, if it is still there.
    pub(crate) after: Option<Arc<T>>,
}

impl<T> Default for Store<T> {
    fn default() -> Self {
        let inner = Inner { groups: HashMap::new(), seen: 0, listed: None, synced: false };
        Self { inner: Mutex::new(inner) }
    }
}

impl<T: Observed> Store<T> {
    /// The object at `key`, for kinds that belong with themselves.
    pub(crate) fn get(&self, key: &Key) -> Option<Arc<T>> {
        self.lock().groups.get(key).and_then(|group| group.get(key)).map(|entry| entry.facts.clone())
    }

    /// All that belongs with `group`.
    pub(crate) fn group(&self, group: &Key) -> Vec<Arc<T>> {
        let inner = self.lock();
        inner
            .groups
            .get(group)
            .into_iter()
            .flat_map(BTreeMap::values)
            .map(|entry| entry.facts.clone())
            .collect()
    }

    /// Everything, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<T>> {
        self.lock().groups.values().flat_map(BTreeMap::values).map(|entry| entry.facts.clone()).collect()
    }

    /// Keys of everything, in no order.
    pub(crate) fn keys(&self) -> Vec<Key> {
        self.lock().groups.values().flat_map(BTreeMap::keys).cloned().collect()
    }

    /// Whether all that was there at the start is here.
    pub(crate) fn is_synced(&self) -> bool {
        self.lock().synced
    }

    /// Takes what the watch delivers.
    pub(crate) fn observe(&self, raw: T::Raw) -> Option<Change<T>> {
        let mut inner = self.lock();
        inner.seen = inner.seen.max(version(&raw));
        if let Some(listed) = &mut inner.listed {
            listed.insert(T::key(&raw), T::group(&raw));
        }
        inner.upsert(raw)
    }

    /// Takes the answer to an own write.
    pub(crate) fn written(&self, raw: T::Raw) -> Option<Change<T>> {
        let mut inner = self.lock();
        if version(&raw) <= inner.seen { None } else { inner.upsert(raw) }
    }

    /// Takes a deletion that the watch delivers.
    pub(crate) fn forget(&self, raw: &T::Raw) -> Option<Change<T>> {
        let mut inner = self.lock();
        inner.seen = inner.seen.max(version(raw));
        inner.remove(&T::group(raw), &T::key(raw))
    }

    /// A list of everything begins.
    pub(crate) fn begin_list(&self) {
        self.lock().listed = Some(HashMap::new());
    }

    /// The list is complete: what was not in it is gone.
    pub(crate) fn end_list(&self) -> Vec<Change<T>> {
        let mut inner = self.lock();
        inner.synced = true;
        let Some(listed) = inner.listed.take() else { return Vec::new() };
        let known = |(group, members): (&Key, &BTreeMap<Key, Entry<T>>)| {
            members.keys().map(|key| (group.clone(), key.clone())).collect::<Vec<_>>()
        };
        let gone: Vec<_> =
            inner.groups.iter().flat_map(known).filter(|(_, key)| !listed.contains_key(key)).collect();
        gone.iter().filter_map(|(group, key)| inner.remove(group, key)).collect()
    }

    /// The API server does not serve the kind, so there is no object of it.
    pub(crate) fn not_served(&self) -> Vec<Change<T>> {
        self.begin_list();
        self.end_list()
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().expect("no holder of this lock panics")
    }
}

impl<T: Observed> Inner<T> {
    fn upsert(&mut self, raw: T::Raw) -> Option<Change<T>> {
        let (group, key, version) = (T::group(&raw), T::key(&raw), version(&raw));
        let members = self.groups.entry(group.clone()).or_default();
        let before = members.get(&key);
        if before.is_some_and(|entry| entry.version > version) {
            return None;
        }
        let before = before.map(|entry| entry.facts.clone());
        let facts = Arc::new(T::from_raw(raw));
        if before.as_deref() == Some(&*facts) {
            if let Some(entry) = members.get_mut(&key) {
                entry.version = version;
            }
            return None;
        }
        members.insert(key, Entry { version, facts: facts.clone() });
        Some(Change { group, before, after: Some(facts) })
    }

    fn remove(&mut self, group: &Key, key: &Key) -> Option<Change<T>> {
        let members = self.groups.get_mut(group)?;
        let before = members.remove(key)?.facts;
        if members.is_empty() {
            self.groups.remove(group);
        }
        Some(Change { group: group.clone(), before: Some(before), after: None })
    }
}

/// Kubernetes promises that resourceVersions of one resource can be compared as numbers.
fn version<K: Resource>(raw: &K) -> u64 {
    raw.meta().resource_version.as_deref().and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::observed::{ClaimFacts, PodFacts};

    fn claim(name: &str, version: u32, size: &str) -> <ClaimFacts as Observed>::Raw {
        let object = json!({
            "metadata": {"namespace": "dev-alice", "name": name, "resourceVersion": version.to_string()},
            "spec": {"resources": {"requests": {"storage": size}}},
        });
        serde_json::from_value(object).unwrap()
    }

    fn pod(name: &str, server: &str) -> <PodFacts as Observed>::Raw {
        let object = json!({
            "metadata": {"namespace": "dev-alice", "name": name, "resourceVersion": "1", "labels": {"devserver": server}},
        });
        serde_json::from_value(object).unwrap()
    }

    fn key(name: &str) -> Key {
        Key::new("dev-alice", name)
    }

    fn size(store: &Store<ClaimFacts>) -> Option<String> {
        store.get(&key("a"))?.size.as_ref().map(ToString::to_string)
    }

    #[test]
    fn an_event_that_changes_no_fact_wakes_nobody() {
        let store = Store::<ClaimFacts>::default();
        assert!(store.observe(claim("a", 1, "1Gi")).is_some());
        assert!(store.observe(claim("a", 2, "1Gi")).is_none());
        assert!(store.observe(claim("a", 3, "2Gi")).is_some());
    }

    #[test]
    fn an_own_write_is_seen_before_the_watch_brings_it() {
        let store = Store::<ClaimFacts>::default();
        assert!(store.written(claim("a", 5, "1Gi")).is_some());
        assert_eq!(size(&store).as_deref(), Some("1Gi"));
        assert!(store.observe(claim("a", 5, "1Gi")).is_none());
    }

    #[test]
    fn an_older_event_undoes_no_own_write() {
        let store = Store::<ClaimFacts>::default();
        store.written(claim("a", 5, "2Gi"));
        assert!(store.observe(claim("a", 4, "1Gi")).is_none());
        assert_eq!(size(&store).as_deref(), Some("2Gi"));
    }

    #[test]
    fn an_answer_that_comes_after_the_deletion_brings_nothing_back() {
        let store = Store::<ClaimFacts>::default();
        store.observe(claim("a", 5, "1Gi"));
        store.forget(&claim("a", 6, "1Gi"));
        assert!(store.written(claim("a", 5, "1Gi")).is_none());
        assert_eq!(size(&store), None);
    }

    #[test]
    fn what_a_new_list_lacks_is_gone() {
        let store = Store::<ClaimFacts>::default();
        store.observe(claim("a", 1, "1Gi"));
        store.observe(claim("b", 2, "1Gi"));
        store.begin_list();
        store.observe(claim("b", 2, "1Gi"));
        let gone = store.end_list();
        assert_eq!(gone.iter().map(|change| &*change.group.name).collect::<Vec<_>>(), ["a"]);
        assert_eq!(store.keys(), [key("b")]);
    }

    #[test]
    fn nothing_is_synced_before_the_first_list_is_complete() {
        let store = Store::<ClaimFacts>::default();
        store.begin_list();
        store.observe(claim("a", 1, "1Gi"));
        assert!(!store.is_synced());
        store.end_list();
        assert!(store.is_synced());
    }

    #[test]
    fn kind_that_is_not_served_has_no_object_and_is_synced() {
        let store = Store::<ClaimFacts>::default();
        store.begin_list();
        // The first page of a list that failed after it.
        store.observe(claim("a", 1, "1Gi"));
        let gone = store.not_served();
        assert_eq!(gone.iter().map(|change| &*change.group.name).collect::<Vec<_>>(), ["a"]);
        assert!(store.is_synced() && store.keys().is_empty());
        // The kind is served again.
        store.begin_list();
        store.observe(claim("b", 2, "1Gi"));
        store.end_list();
        assert_eq!(store.keys(), [key("b")]);
    }

    #[test]
    fn pods_are_found_by_their_server() {
        let store = Store::<PodFacts>::default();
        store.observe(pod("mydev-1", "mydev"));
        store.observe(pod("mydev-2", "mydev"));
        store.observe(pod("other-1", "other"));
        assert_eq!(store.group(&key("mydev")).len(), 2);
        store.forget(&pod("mydev-1", "mydev"));
        assert_eq!(store.group(&key("mydev"))[0].name, "mydev-2");
    }
}
