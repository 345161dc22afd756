//! A tree of values, each with the place where it was written.

use crate::{
    Place,
    path::{KeyPath, Segment},
};

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    /// Text, and whether it was written without quotes: only then can it be a number or a boolean.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<MapEntry>),
}

#[derive(Debug, Clone)]
pub(crate) struct MapEntry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) node: Node,
}

impl Node {
    pub(crate) fn map(place: Place) -> Self {
        Self { place, value: Value::Map(Vec::new()) }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.node),
            Value::Null | Value::Scalar { .. } | Value::List(_) => None,
        }
    }

    fn segment(&self, segment: &Segment) -> Option<&Node> {
        match (segment, &self.value) {
            (Segment::Key(key), _) => self.get(key),
            (Segment::Index(index), Value::List(nodes)) => nodes.get(*index),
            (Segment::Index(_), Value::Null | Value::Scalar { .. } | Value::Map(_)) => None,
        }
    }

    /// Returns the value at `path`.
    pub(crate) fn at(&self, path: &KeyPath) -> Option<&Node> {
        path.segments().iter().try_fold(self, |node, segment| node.segment(segment))
    }

    /// Returns the value at `path`, or the last one on the way to it.
    pub(crate) fn nearest(&self, path: &KeyPath) -> &Node {
        let segments = path.segments().iter();
        segments
            .into_iter()
            .try_fold(self, |node, segment| node.segment(segment).ok_or(node))
            .unwrap_or_else(|node| node)
    }

    pub(crate) fn at_mut(&mut self, path: &KeyPath) -> Option<&mut Node> {
        path.segments().iter().try_fold(self, |node, segment| match (segment, &mut node.value) {
            (Segment::Key(key), Value::Map(entries)) => {
                entries.iter_mut().find(|entry| entry.key == *key).map(|entry| &mut entry.node)
            }
            (Segment::Index(index), Value::List(nodes)) => nodes.get_mut(*index),
            (_, Value::Null | Value::Scalar { .. } | Value::List(_) | Value::Map(_)) => None,
        })
    }

    /// Removes the entry of that key and returns its value.
    pub(crate) fn take(&mut self, key: &str) -> Option<Node> {
        let Value::Map(entries) = &mut self.value else { return None };
        let index = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(index).node)
    }

    /// Removes the entry of `key` in the map at `above`.
    pub(crate) fn take_below(&mut self, above: &str, key: &str) {
        if let Some(node) = self.at_mut(&KeyPath::known(above)) {
            drop(node.take(key));
        }
    }

    /// Puts `over` on top: maps are joined key by key, everything else is replaced.
    pub(crate) fn lay(&mut self, over: Node) {
        let (Value::Map(below), Value::Map(above)) = (&mut self.value, &over.value) else {
            *self = over;
            return;
        };
        for MapEntry { key, key_place, node } in above.clone() {
            match below.iter_mut().find(|entry| entry.key == key) {
                Some(entry) => {
                    entry.key_place = key_place;
                    entry.node.lay(node);
                }
                None => below.push(MapEntry { key, key_place, node }),
            }
        }
    }

    /// Removes the keys whose value is null: a null removes the value of a lower layer.
    pub(crate) fn drop_nulls(&mut self) {
        if let Value::Map(entries) = &mut self.value {
            entries.retain(|entry| !matches!(entry.node.value, Value::Null));
            for entry in entries {
                entry.node.drop_nulls();
            }
        }
    }

    /// Returns whether any value in this one was written outside the shipped profiles.
    pub(crate) fn has_own(&self) -> bool {
        match &self.value {
            Value::Null => false,
            Value::Scalar { .. } => !self.place.is_shipped(),
            Value::List(nodes) => !self.place.is_shipped() || nodes.iter().any(Node::has_own),
            // The place of a joined map is that of its lowest layer, so only its entries count.
            Value::Map(entries) => entries.iter().any(|entry| entry.node.has_own()),
        }
    }

    /// Returns the value as JSON; a plain scalar becomes an integer or boolean where it reads as one.
    pub(crate) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Scalar { text, plain: false } => text.clone().into(),
            Value::Scalar { text, plain: true } => match text.as_str() {
                "true" => true.into(),
                "false" => false.into(),
                _ => text.parse::<i64>().map_or_else(|_| text.clone().into(), Into::into),
            },
            Value::List(nodes) => nodes.iter().map(Node::to_json).collect(),
            Value::Map(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.node.to_json())).collect()
            }
        }
    }

    /// Returns each value other than a map with entries, with its path.
    pub(crate) fn leaves(&self) -> Vec<(KeyPath, &Node)> {
        let mut leaves = Vec::new();
        self.collect(&KeyPath::default(), &mut leaves);
        leaves
    }

    fn collect<'a>(&'a self, path: &KeyPath, leaves: &mut Vec<(KeyPath, &'a Node)>) {
        match &self.value {
            Value::Map(entries) if !entries.is_empty() => {
                for MapEntry { key, key_place: _, node } in entries {
                    node.collect(&path.key(key), leaves);
                }
            }
            Value::Null | Value::Scalar { .. } | Value::List(_) | Value::Map(_) => {
                leaves.push((path.clone(), self));
            }
        }
    }
}
