//! A tree of values, each of which knows where it was written.

use std::fmt;

/// Where a value was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In a file.
    File {
        /// As the user named it, or `profiles/<name>.yaml` for a shipped one.
        name: String,
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// In an environment variable.
    Variable(String),
    /// On the command line, such as `--set path=value`.
    Argument(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { name, line, column } => write!(f, "{name}:{line}:{column}"),
            Self::Variable(name) => write!(f, "${name}"),
            Self::Argument(text) => f.write_str(text),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    Null,
    /// Text, and whether it was written without quotes: only then may it be a number or a truth.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
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

    /// The value at a path of keys, or what comes closest to it on the way there.
    pub(crate) fn nearest(&self, path: &str) -> &Node {
        path.split('.').try_fold(self, |node, key| node.get(key).ok_or(node)).unwrap_or_else(|node| node)
    }

    /// Takes the entry of that key out.
    pub(crate) fn take(&mut self, key: &str) -> Option<Node> {
        let Value::Map(entries) = &mut self.value else { return None };
        let index = entries.iter().position(|entry| entry.key == key)?;
        Some(entries.remove(index).node)
    }

    /// Lays `over` on top: maps are joined key by key, everything else replaces.
    pub(crate) fn lay(&mut self, over: Node) {
        let (Value::Map(below), Value::Map(above)) = (&mut self.value, &over.value) else {
            *self = over;
            return;
        };
        for Entry { key, key_place, node } in above.clone() {
            match below.iter_mut().find(|entry| entry.key == key) {
                Some(entry) => {
                    entry.key_place = key_place;
                    entry.node.lay(node);
                }
                None => below.push(Entry { key, key_place, node }),
            }
        }
    }

    /// A map of one key in another, down `path`, with this at the end.
    pub(crate) fn under(self, path: &str) -> Self {
        path.rsplit('.').fold(self, |node, key| Self {
            place: node.place.clone(),
            value: Value::Map(vec![Entry { key: key.to_owned(), key_place: node.place.clone(), node }]),
        })
    }

    /// As JSON; text that was written without quotes becomes a number or a truth where it is one.
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

    /// Each value that is no map, with its path.
    pub(crate) fn leaves(&self) -> Vec<(String, &Node)> {
        let mut leaves = Vec::new();
        self.collect("", &mut leaves);
        leaves
    }

    fn collect<'a>(&'a self, path: &str, leaves: &mut Vec<(String, &'a Node)>) {
        match &self.value {
            Value::Map(entries) if !entries.is_empty() => {
                for Entry { key, key_place: _, node } in entries {
                    let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    node.collect(&below, leaves);
                }
            }
            Value::Null | Value::Scalar { .. } | Value::List(_) | Value::Map(_) => {
                leaves.push((path.to_owned(), self));
            }
        }
    }
}
