//! The JSON Schema of a profile as types: the allowed values of every key.
//!
//! The crate `jsonschema` checks our schema in tests, but does not replace this module. Reading a layer needs more than
//! a verdict: the known keys and variables, whether a value is a text, and the layer without its mistakes.

mod read;
mod sift;
mod value;

use std::collections::BTreeMap;

use crate::{
    node::{self, Node},
    path::{KeyPath, Segment},
};

/// The allowed values at one path.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shape {
    /// Whether a null removes the value of a lower layer.
    nullable: bool,
    value: ValueShape,
}

/// The allowed values other than null.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum ValueShape {
    Map(Map),
    List(Box<Shape>),
    /// One of these words.
    Choice(Vec<String>),
    /// A Kubernetes quantity.
    Quantity,
    Integer {
        min: i64,
        max: i64,
    },
    Boolean,
    Text,
}

/// The allowed keys of a map and their values.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Map {
    keys: BTreeMap<String, Shape>,
    required: Vec<String>,
    /// The values of all other keys; `None` if no other key is allowed.
    free: Option<Box<Shape>>,
    max: Option<usize>,
}

impl Map {
    fn child(&self, key: &str) -> Option<&Shape> {
        self.keys.get(key).or(self.free.as_deref())
    }
}

impl Shape {
    /// Returns the allowed values at `path`, or `None` if the path cannot have a value.
    pub(crate) fn at(&self, path: &KeyPath) -> Option<&Shape> {
        path.segments().iter().try_fold(self, |shape, segment| match (segment, &shape.value) {
            (Segment::Key(key), ValueShape::Map(map)) => map.child(key),
            (Segment::Index(_), ValueShape::List(item)) => Some(item.as_ref()),
            (Segment::Key(_) | Segment::Index(_), _) => None,
        })
    }

    pub(crate) fn is_text(&self) -> bool {
        matches!(self.value, ValueShape::Text)
    }

    /// Returns whether the value cannot have keys or entries.
    pub(crate) fn is_scalar(&self) -> bool {
        !matches!(self.value, ValueShape::Map(_) | ValueShape::List(_))
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.value, ValueShape::List(_))
    }

    /// Returns the paths of values that `present` does not have, in the maps that it has. Keys that users choose, such as the
    /// names of flavors, and what is below them are left out.
    pub(crate) fn unset(&self, present: &Node) -> Vec<KeyPath> {
        let mut paths = Vec::new();
        self.collect_unset(&KeyPath::default(), present, &mut paths);
        paths
    }

    fn collect_unset(&self, path: &KeyPath, present: &Node, paths: &mut Vec<KeyPath>) {
        let ValueShape::Map(Map { keys, required: _, free: _, max: _ }) = &self.value else { return };
        for (key, child) in keys {
            let path = path.key(key);
            match present.get(key) {
                Some(node) => child.collect_unset(&path, node, paths),
                None if child.is_scalar() || child.is_list() => paths.push(path),
                // A map such as that of another kind of cluster.
                None => {}
            }
        }
    }

    /// Returns every path that can have a value; maps of free keys have the keys that `present` has.
    pub(crate) fn paths(&self, present: &Node) -> Vec<KeyPath> {
        let mut paths = Vec::new();
        self.collect(&KeyPath::default(), Some(present), &mut paths);
        paths
    }

    fn collect(&self, path: &KeyPath, present: Option<&Node>, paths: &mut Vec<KeyPath>) {
        if !path.is_root() {
            paths.push(path.clone());
        }
        let ValueShape::Map(Map { keys, required: _, free, max: _ }) = &self.value else { return };
        for (key, child) in keys {
            child.collect(&path.key(key), present.and_then(|node| node.get(key)), paths);
        }
        let entries = match present.map(|node| &node.value) {
            Some(node::Value::Map(entries)) => entries.as_slice(),
            Some(_) | None => &[],
        };
        for entry in entries.iter().filter(|entry| !keys.contains_key(&entry.key)) {
            if let Some(free) = free {
                free.collect(&path.key(&entry.key), Some(&entry.node), paths);
            }
        }
    }
}
