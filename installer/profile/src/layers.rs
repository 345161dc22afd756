//! Layers to a profile: command line over environment over a file of the user's over a shipped profile over base.

use crate::{
    Mistake, Mistakes, Place, Profile, check,
    document::Document,
    mistake::nearest,
    node::{Node, Value},
    parse::{NOT_YAML, parse},
    schema::whole,
    shape::Shape,
    shipped::{BASE, SHIPPED, Shipped},
};

/// Where a profile comes from, as texts.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The name of a shipped profile; with a file, the file's own `extends` says which.
    pub shipped: Option<String>,
    /// A file of the user's: its name, as the user wrote it, and its text.
    pub file: Option<(String, String)>,
    /// Environment variables that start with `DEVPLAT_`.
    pub variables: Vec<(String, String)>,
    /// The `path=value` of each `--set`.
    pub sets: Vec<String>,
}

/// A profile, and where each of its values comes from.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The profile.
    pub profile: Profile,
    /// The shipped profile it rests on.
    pub base: &'static str,
    merged: Node,
}

impl Loaded {
    /// Each value with its path and the place that decided it.
    pub fn origins(&self) -> Vec<(String, serde_json::Value, Place)> {
        let leaves = self.merged.leaves();
        leaves.into_iter().map(|(path, node)| (path, node.to_json(), node.place.clone())).collect()
    }

    /// The whole profile as it would be written down.
    pub fn to_json(&self) -> serde_json::Value {
        self.merged.to_json()
    }
}

/// Variables that mean something else than a path in the profile.
const RESERVED: [&str; 8] =
    ["PROFILE", "NAME", "OUTPUT", "YES", "CONTEXT", "TEMPLATES", "STATE_DIR", "CACHE_DIR"];

/// Joins the layers, or tells every mistake in them.
pub fn load(sources: &Sources) -> Result<Loaded, Mistakes> {
    let whole = whole();
    let shape = Shape::of(&whole);
    let mut mistakes = Vec::new();
    let mut own = sources.file.as_ref().map(|(name, text)| read_file(name, text, &shape, &mut mistakes));
    let extends = own.as_mut().and_then(|node| node.take("extends"));
    let shipped = match (&extends, &sources.shipped) {
        (Some(node), _) => find(&node.to_json().to_string().replace('"', ""), &node.place, &mut mistakes),
        (None, Some(name)) => find(name, &Place::Argument(format!("--profile {name}")), &mut mistakes),
        (None, None) => Some(BASE),
    };
    // Without what it builds on, much would be missing that is not.
    let incomplete = shipped.is_none();
    let shipped = shipped.unwrap_or(BASE);
    let mut merged = read_shipped(BASE, &shape, &mut mistakes);
    if shipped != BASE {
        merged.lay(read_shipped(shipped, &shape, &mut mistakes));
    }
    if let Some(own) = own {
        merged.lay(own);
    }
    for (name, text) in &sources.variables {
        lay_variable(&mut merged, name, text, &shape, &mut mistakes);
    }
    for set in &sources.sets {
        lay_set(&mut merged, set, &shape, &mut mistakes);
    }
    drop(merged.take("description"));
    drop_absent(&mut merged);
    if incomplete || mistakes.iter().any(|mistake| mistake.what.starts_with(NOT_YAML)) {
        return Err(Mistakes(mistakes));
    }
    shape.require("", &merged, &mut mistakes);
    // What does not fit the types was told and taken out above, so that the rest is checked in the same go.
    match serde_json::from_value::<Document>(merged.to_json())
        .map(|document| check::profile(document, &merged))
    {
        Ok(Ok(profile)) if mistakes.is_empty() => return Ok(Loaded { profile, base: shipped.name, merged }),
        Ok(Err(found)) => mistakes.extend(found),
        Err(error) if mistakes.is_empty() => {
            mistakes.push(Mistake { place: merged.place.clone(), what: error.to_string(), nearest: None });
        }
        Ok(Ok(_)) | Err(_) => {}
    }
    Err(Mistakes(mistakes))
}

/// The profile of that name; a mistake where there is none.
fn find(name: &str, place: &Place, mistakes: &mut Vec<Mistake>) -> Option<Shipped> {
    let found = SHIPPED.iter().chain([&BASE]).find(|shipped| shipped.name == name).copied();
    if found.is_none() {
        let names: Vec<&str> = SHIPPED.iter().map(|shipped| shipped.name).collect();
        let what = format!("there is no profile {name:?}; there are {}", names.join(", "));
        mistakes.push(Mistake { place: place.clone(), what, nearest: nearest(name, names) });
    }
    found
}

fn read_shipped(shipped: Shipped, shape: &Shape<'_>, mistakes: &mut Vec<Mistake>) -> Node {
    read_file(&format!("profiles/{}.yaml", shipped.name), shipped.text, shape, mistakes)
}

fn read_file(name: &str, text: &str, shape: &Shape<'_>, mistakes: &mut Vec<Mistake>) -> Node {
    let place = |line, column| Place::File { name: name.to_owned(), line, column };
    let mut node = parse(text, &place, mistakes);
    if let Value::Map(_) = node.value {
        shape.sift("", &mut node, mistakes);
        node
    } else {
        let what = "a profile is a map of keys".to_owned();
        mistakes.push(Mistake { place: node.place.clone(), what, nearest: None });
        Node::map(node.place)
    }
}

fn lay_variable(merged: &mut Node, name: &str, text: &str, shape: &Shape<'_>, mistakes: &mut Vec<Mistake>) {
    let Some(rest) = name.strip_prefix("DEVPLAT_") else { return };
    if RESERVED.contains(&rest) || rest.starts_with("TEST_") {
        return;
    }
    let place = Place::Variable(name.to_owned());
    let paths = shape.leaves("", Some(merged));
    match paths.iter().find(|path| variable(path) == name) {
        Some(path) => lay_value(merged, path, text, &place, shape, mistakes),
        None => {
            let names: Vec<String> = paths.iter().map(|path| variable(path)).collect();
            let nearest = nearest(name, names.iter().map(String::as_str));
            let what = "no value of the profile has this variable".to_owned();
            mistakes.push(Mistake { place, what, nearest });
        }
    }
}

fn lay_set(merged: &mut Node, set: &str, shape: &Shape<'_>, mistakes: &mut Vec<Mistake>) {
    let place = Place::Argument(format!("--set {set}"));
    match set.split_once('=') {
        Some((path, text)) if !path.is_empty() && path.split('.').all(|key| !key.is_empty()) => {
            lay_value(merged, path, text, &place, shape, mistakes);
        }
        Some(_) | None => {
            let what = "expected path=value, such as operator.replicas=1".to_owned();
            mistakes.push(Mistake { place, what, nearest: None });
        }
    }
}

fn lay_value(
    merged: &mut Node,
    path: &str,
    text: &str,
    place: &Place,
    shape: &Shape<'_>,
    mistakes: &mut Vec<Mistake>,
) {
    let value = parse(text, &|_, _| place.clone(), mistakes);
    let value = match value.value {
        // An empty text parses to nothing at all, and means no value.
        Value::Map(entries) if entries.is_empty() && text.trim().is_empty() => {
            Node { place: place.clone(), value: Value::Null }
        }
        _ => value,
    };
    let mut layer = value.under(path);
    let before = mistakes.len();
    shape.sift("", &mut layer, mistakes);
    if mistakes.len() == before {
        merged.lay(layer);
    }
}

/// The environment variable that sets the value at `path`.
fn variable(path: &str) -> String {
    let mut name = String::from("DEVPLAT_");
    for c in path.chars() {
        match c {
            '.' | '-' => name.push('_'),
            c if c.is_ascii_uppercase() => {
                name.push('_');
                name.push(c);
            }
            c => name.push(c.to_ascii_uppercase()),
        }
    }
    name
}

/// A null takes away what a lower layer has.
fn drop_absent(node: &mut Node) {
    if let Value::Map(entries) = &mut node.value {
        entries.retain(|entry| !matches!(entry.node.value, Value::Null));
        for entry in entries {
            drop_absent(&mut entry.node);
        }
    }
}
