//! Checks a layer against a shape: unknown keys and wrong types, each with its place.

use super::{Map, Shape, ValueShape};
use crate::{
    Mistake,
    mistake::{MistakeKind, PRINTED, ValueProblem},
    nearest::{containing, nearest},
    node::{MapEntry, Node, Value},
    path::KeyPath,
};

/// The longest key in bytes: a name of Kubernetes with its prefix.
const LONGEST_KEY: usize = 317;

impl Shape {
    /// Reports the values in `node` that do not have this shape and removes them, so that the rest can be checked
    /// further. Missing keys are not reported, since another layer can have them.
    pub(crate) fn sift(&self, node: &mut Node, mistakes: &mut Vec<Mistake>) {
        let found = Sifter { root: self, mistakes }.sift(self, &KeyPath::default(), node);
        if !found {
            *node = Node::map(node.place.clone());
        }
    }

    /// Reports which required keys are missing in `node` and removes list entries that lack one.
    pub(crate) fn require(&self, node: &mut Node, mistakes: &mut Vec<Mistake>) {
        self.require_at(&KeyPath::default(), node, mistakes);
    }

    fn require_at(&self, path: &KeyPath, node: &mut Node, mistakes: &mut Vec<Mistake>) -> bool {
        let before = mistakes.len();
        match (&self.value, &mut node.value) {
            (ValueShape::Map(map), Value::Map(entries)) => {
                for key in map.required.iter().filter(|key| entries.iter().all(|entry| entry.key != **key)) {
                    let kind = if path.is_root() && key == "cluster" {
                        MistakeKind::NoCluster
                    } else {
                        MistakeKind::MissingKey { key: key.clone(), within: path.clone() }
                    };
                    mistakes.push(Mistake::new(&node.place, kind));
                }
                for MapEntry { key, key_place: _, node } in entries {
                    if let Some(child) = map.child(key) {
                        child.require_at(&path.key(key), node, mistakes);
                    }
                }
            }
            (ValueShape::List(item), Value::List(nodes)) => {
                let mut index = 0;
                nodes.retain_mut(|node| {
                    index += 1;
                    item.require_at(&path.index(index - 1), node, mistakes)
                });
            }
            (_, Value::Null | Value::Scalar { .. } | Value::List(_) | Value::Map(_)) => {}
        }
        mistakes.len() == before
    }
}

struct Sifter<'a> {
    root: &'a Shape,
    mistakes: &'a mut Vec<Mistake>,
}

impl Sifter<'_> {
    /// Returns whether anything usable is left of `node`.
    fn sift(&mut self, shape: &Shape, path: &KeyPath, node: &mut Node) -> bool {
        let place = node.place.clone();
        let problem = match (&shape.value, &mut node.value) {
            (_, Value::Null) if shape.nullable => return true,
            (value, Value::Null) => ValueProblem::Absent(value.expected()),
            (ValueShape::Map(map), Value::Map(entries)) => {
                entries.retain_mut(|entry| self.entry(map, path, entry));
                match map.max {
                    Some(max) if entries.len() > max => {
                        ValueProblem::TooManyKeys { keys: entries.len(), max }
                    }
                    Some(_) | None => return true,
                }
            }
            (ValueShape::List(item), Value::List(nodes)) => {
                let mut index = 0;
                nodes.retain_mut(|node| {
                    index += 1;
                    self.sift(item, &path.index(index - 1), node)
                });
                return true;
            }
            (value, Value::Scalar { text, plain }) => match value.scalar(text, *plain) {
                Ok(()) => {
                    // From here on, only integers and booleans are plain, so that a label `true` stays a text.
                    *plain = matches!(value, ValueShape::Integer { .. } | ValueShape::Boolean);
                    return true;
                }
                Err(problem) => problem,
            },
            (value, Value::Map(_) | Value::List(_)) => ValueProblem::Expected(value.expected()),
        };
        let nearest = match &problem {
            ValueProblem::Choice { text, choices } => nearest(text, choices.iter().map(String::as_str)),
            _ => None,
        };
        let kind = MistakeKind::Value { path: path.clone(), problem };
        self.mistakes.push(Mistake { place, kind, nearest: nearest.into_iter().collect() });
        false
    }

    fn entry(&mut self, map: &Map, path: &KeyPath, entry: &mut MapEntry) -> bool {
        let MapEntry { key, key_place, node } = entry;
        if key.len() > LONGEST_KEY {
            let kind = MistakeKind::LongKey { length: key.len(), max: LONGEST_KEY, within: path.clone() };
            self.mistakes.push(Mistake::new(key_place, kind));
            return false;
        }
        if let Some(child) = map.child(key) {
            return self.sift(child, &path.key(key), node);
        }
        let known = || map.keys.keys().map(String::as_str);
        let nearest = if self.mistakes.len() < PRINTED {
            let near = nearest(key, known()).or_else(|| containing(key, known()));
            near.map_or_else(|| self.below(path, key), |key| vec![key])
        } else {
            Vec::new()
        };
        let kind = MistakeKind::UnknownKey { key: key.clone(), within: path.clone() };
        self.mistakes.push(Mistake { place: key_place.clone(), kind, nearest });
        false
    }

    /// Returns the paths below `path` that end in `key`, if there are few enough to choose from.
    fn below(&self, path: &KeyPath, key: &str) -> Vec<String> {
        let none = Node::map(crate::Place::Argument(String::new()));
        let below = |other: &KeyPath| other.starts_with(path) && other.last_key() == Some(key);
        let found: Vec<String> =
            self.root.paths(&none).iter().filter(|other| below(other)).map(ToString::to_string).collect();
        if found.len() <= 2 { found } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Place, parse::parse, schema::whole};

    /// Returns what is left of a layer, and its mistakes.
    fn sift(text: &str) -> (serde_json::Value, Vec<String>) {
        let place_of = |line, column| Place::File { name: "f".to_owned(), line, column };
        let mut mistakes = Vec::new();
        let mut node = parse(text, &place_of, &mut mistakes).unwrap().unwrap();
        let shape = Shape::of(&whole()).unwrap();
        shape.sift(&mut node, &mut mistakes);
        (node.to_json(), mistakes.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn layer_without_mistakes_stays_as_it_is() {
        let (left, mistakes) = sift("operator: {replicas: 1}\nusers: {demo: null}\n");
        assert_eq!(left, serde_json::json!({"operator": {"replicas": 1}, "users": {"demo": null}}));
        assert_eq!(mistakes, Vec::<String>::new());
    }

    #[test]
    fn wrong_parts_are_removed_and_the_rest_stays() {
        let (left, mistakes) = sift(
            "operator: {replicas: many, resorces: {}}\nbastion: {replicas: 2, hostNames: [a, [b], c]}\n",
        );
        assert_eq!(
            left,
            serde_json::json!({"operator": {}, "bastion": {"replicas": 2, "hostNames": ["a", "c"]}})
        );
        assert_eq!(
            mistakes,
            [
                "f:1:22: operator.replicas: \"many\" is not an integer",
                "f:1:28: unknown key \"resorces\" in operator; did you mean \"resources\"?",
                "f:2:39: bastion.hostNames[1]: expected a text",
            ]
        );
    }

    #[test]
    fn key_at_the_wrong_level_is_found_below() {
        let (_, mistakes) = sift("cluster: {sshPort: 22, replicas: 1}\ngraceSeconds: 5\n");
        assert_eq!(
            mistakes,
            [
                "f:1:11: unknown key \"sshPort\" in cluster; did you mean \"cluster.k3d.sshPort\" or \"cluster.kind.sshPort\"?",
                "f:1:24: unknown key \"replicas\" in cluster",
                "f:2:1: unknown key \"graceSeconds\"; did you mean \"bastion.graceSeconds\"?",
            ]
        );
    }

    #[test]
    fn label_that_reads_as_a_boolean_stays_a_text() {
        let (left, mistakes) = sift("flavors: {gpu: {nodeSelector: {gpu: true, zone: 1}}}\n");
        assert_eq!(mistakes, Vec::<String>::new());
        assert_eq!(left["flavors"]["gpu"]["nodeSelector"], serde_json::json!({"gpu": "true", "zone": "1"}));
    }

    #[test]
    fn map_with_too_many_keys_is_rejected() {
        let many: Vec<String> = (0..17).map(|number| format!("r{number}: 1")).collect();
        let (_, mistakes) =
            sift(&format!("flavors: {{a: {{resources: {{limits: {{{}}}}}}}}}\n", many.join(", ")));
        assert_eq!(mistakes, ["f:1:35: flavors.a.resources.limits: 17 keys; at most 16 are allowed"]);
    }

    #[test]
    fn endless_key_is_rejected_without_a_copy_of_it() {
        let (left, mistakes) =
            sift(&format!("{}: 1\nusers: {{{}: {{}}}}\n", "a".repeat(400), "b".repeat(400)));
        assert_eq!(left, serde_json::json!({"users": {}}));
        assert_eq!(
            mistakes,
            [
                "f:1:1: a key of 400 bytes; at most 317 are allowed",
                "f:2:9: a key of 400 bytes in users; at most 317 are allowed",
            ]
        );
    }
}
