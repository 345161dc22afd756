//! Checks a layer against the JSON Schema of a profile: unknown keys and wrong types, each with its place.

use serde_json::{Map, Value as Json};

use crate::{
    Mistake,
    mistake::nearest,
    node::{Entry, Node, Value},
    schema::DEFINITIONS,
};

/// What a schema says of one place in it.
pub(crate) struct Shape<'a> {
    root: &'a Json,
    here: &'a Json,
    nullable: bool,
}

impl<'a> Shape<'a> {
    pub(crate) fn of(root: &'a Json) -> Self {
        Self { root, here: root, nullable: false }
    }

    /// Tells what in `node` is not of this shape, and takes it out, so that the rest can be looked at further.
    /// Absent keys are no mistake: another layer may have them. Gives whether anything usable is left.
    pub(crate) fn sift(&self, path: &str, node: &mut Node, mistakes: &mut Vec<Mistake>) -> bool {
        let place = node.place.clone();
        let what = match &mut node.value {
            Value::Null if self.nullable => return true,
            Value::Null => format!("{path} has no value; expected {}", self.expected()),
            Value::Map(entries) if self.is("object") => {
                entries.retain_mut(|Entry { key, key_place, node }| {
                    if let Some(child) = self.child(key) {
                        return child.sift(&join(path, key), node, mistakes);
                    }
                    let what = format!("unknown key {key:?}{}", within(path));
                    let nearest = nearest(key, self.keys());
                    mistakes.push(Mistake { place: key_place.clone(), what, nearest });
                    false
                });
                return true;
            }
            Value::List(nodes) if self.is("array") => {
                let item = self.at(&self.here["items"]);
                let before = mistakes.len();
                for (index, node) in nodes.iter_mut().enumerate() {
                    item.sift(&format!("{path}[{index}]"), node, mistakes);
                    item.require(&format!("{path}[{index}]"), node, mistakes);
                }
                return mistakes.len() == before;
            }
            Value::Scalar { text, plain } => match self.scalar(text, *plain) {
                Ok(()) => return true,
                Err(what) => {
                    let nearest = nearest(text, self.choices());
                    mistakes.push(Mistake { place, what: format!("{path}: {what}"), nearest });
                    return false;
                }
            },
            Value::Map(_) | Value::List(_) => format!("{path}: expected {}", self.expected()),
        };
        mistakes.push(Mistake { place, what, nearest: None });
        false
    }

    /// Tells which keys of this shape are absent from `node`, which has to be complete.
    pub(crate) fn require(&self, path: &str, node: &Node, mistakes: &mut Vec<Mistake>) {
        let Value::Map(entries) = &node.value else { return };
        for key in self.here["required"].as_array().into_iter().flatten().filter_map(Json::as_str) {
            if node.get(key).is_none() {
                mistakes.push(wrong(node, format!("key {key:?} is missing{}", within(path))));
            }
        }
        for Entry { key, key_place: _, node } in entries {
            if let Some(child) = self.child(key) {
                child.require(&join(path, key), node, mistakes);
            }
        }
    }

    /// Each path that has no map below it; a map of free keys counts with the keys that `present` has.
    pub(crate) fn leaves(&self, path: &str, present: Option<&Node>) -> Vec<String> {
        if !self.is("object") {
            return vec![path.to_owned()];
        }
        let mut keys: Vec<String> = self.keys().map(str::to_owned).collect();
        if let Some(Node { value: Value::Map(entries), .. }) = present {
            keys.extend(entries.iter().map(|entry| entry.key.clone()));
        }
        keys.sort();
        keys.dedup();
        keys.iter()
            .filter_map(|key| Some((key, self.child(key)?)))
            .flat_map(|(key, child)| {
                let below = join(path, key);
                child.leaves(&below, present.and_then(|node| node.get(key)))
            })
            .collect()
    }

    fn at(&self, here: &'a Json) -> Self {
        let any = || here["anyOf"].as_array().into_iter().flatten();
        let null = |one: &Json| one["type"] == "null";
        let listed = here["type"].as_array().is_some_and(|types| types.iter().any(|one| one == "null"));
        let nullable = listed || any().any(null);
        let named = here["$ref"].as_str().and_then(|path| path.strip_prefix(DEFINITIONS));
        match (named, any().find(|one| !null(one))) {
            (Some(name), _) => self.at(&self.root["$defs"][name]),
            (None, Some(one)) => Self { nullable, ..self.at(one) },
            (None, None) => Self { root: self.root, here, nullable },
        }
    }

    fn child(&self, key: &str) -> Option<Self> {
        if let Some(child) = self.here["properties"].get(key) {
            return Some(self.at(child));
        }
        let free = &self.here["additionalProperties"];
        // A null among free keys takes away what a lower layer has.
        free.is_object().then(|| Self { nullable: true, ..self.at(free) })
    }

    fn keys(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.here["properties"].as_object().into_iter().flat_map(Map::keys).map(String::as_str)
    }

    fn is(&self, kind: &str) -> bool {
        match &self.here["type"] {
            Json::String(one) => one == kind,
            Json::Array(several) => several.iter().any(|one| one == kind),
            _ => false,
        }
    }

    fn amount(&self) -> bool {
        self.here["x-kubernetes-int-or-string"] == Json::Bool(true)
    }

    fn choices(&self) -> Vec<&'a str> {
        let listed = self.here["enum"].as_array().into_iter().flatten().filter_map(Json::as_str);
        let described =
            self.here["oneOf"].as_array().into_iter().flatten().filter_map(|one| one["const"].as_str());
        listed.chain(described).collect()
    }

    fn expected(&self) -> String {
        let choices = self.choices();
        if !choices.is_empty() {
            return format!("one of {}", choices.join(", "));
        }
        if self.amount() {
            return "a quantity such as 500m, 2 or 10Gi".to_owned();
        }
        for (kind, name) in [
            ("object", "a map of keys"),
            ("array", "a list"),
            ("integer", "a whole number"),
            ("boolean", "true or false"),
        ] {
            if self.is(kind) {
                return name.to_owned();
            }
        }
        "a text".to_owned()
    }

    fn scalar(&self, text: &str, plain: bool) -> Result<(), String> {
        let choices = self.choices();
        if !choices.is_empty() {
            let known = choices.contains(&text);
            return if known { Ok(()) } else { Err(format!("{text:?} is none of {}", choices.join(", "))) };
        }
        if self.amount() {
            return devplat_api::Amount::parse(text).map(|_| ()).map_err(|error| error.to_string());
        }
        if self.is("boolean") {
            let known = plain && matches!(text, "true" | "false");
            return if known { Ok(()) } else { Err(format!("{text:?} is neither true nor false")) };
        }
        if self.is("integer") {
            let number = plain.then(|| text.parse::<i64>().ok()).flatten();
            let number = number.ok_or_else(|| format!("{text:?} is no whole number"))?;
            let (min, max) = (self.here["minimum"].as_i64(), self.here["maximum"].as_i64());
            if min.is_some_and(|min| number < min) || max.is_some_and(|max| number > max) {
                let (min, max) = (min.unwrap_or(i64::MIN), max.unwrap_or(i64::MAX));
                return Err(format!("{number} is not between {min} and {max}"));
            }
            return Ok(());
        }
        if self.is("string") { Ok(()) } else { Err(format!("expected {}", self.expected())) }
    }
}

fn wrong(node: &Node, what: String) -> Mistake {
    Mistake { place: node.place.clone(), what, nearest: None }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn within(path: &str) -> String {
    if path.is_empty() { String::new() } else { format!(" in {path}") }
}
