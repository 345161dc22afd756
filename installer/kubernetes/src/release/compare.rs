//! Differences between two states of an object.

use std::collections::BTreeSet;

use kube::api::DynamicObject;
use serde_json::Value;

/// Returns the paths of the fields in which two states of an object differ, without fields that every write or a
/// controller changes.
pub(super) fn difference(live: &DynamicObject, applied: &DynamicObject) -> Vec<String> {
    differences(&comparable(live), &comparable(applied))
}

fn comparable(object: &DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).expect("a Kubernetes object is JSON");
    if let Some(metadata) = value["metadata"].as_object_mut() {
        for key in ["managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"] {
            metadata.remove(key);
        }
    }
    if let Some(object) = value.as_object_mut() {
        object.remove("status");
    }
    value
}

fn differences(one: &Value, other: &Value) -> Vec<String> {
    let mut out = Vec::new();
    collect("", one, other, &mut out);
    out
}

fn collect(path: &str, one: &Value, other: &Value, out: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let keys: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for key in keys {
                let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                let value = |of: &serde_json::Map<String, Value>| of.get(key).cloned().unwrap_or_default();
                collect(&below, &value(one), &value(other), out);
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                collect(&format!("{path}[{index}]"), one, other, out);
            }
        }
        (one, other) if one == other => {}
        _ => out.push(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_the_paths_of_fields_that_differ() {
        let one = json!({"spec": {"replicas": 2, "list": [{"a": 1}, {"a": 2}]}, "data": {"x": "1"}});
        let other = json!({"spec": {"replicas": 3, "list": [{"a": 1}, {"a": 3}]}, "data": {}});
        assert_eq!(differences(&one, &other), ["data.x", "spec.list[1].a", "spec.replicas"]);
        assert_eq!(differences(&one, &one), [""; 0]);
    }

    #[test]
    fn status_and_write_counters_are_not_compared() {
        let object = |version: &str| -> DynamicObject {
            serde_json::from_value(json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "a", "resourceVersion": version, "generation": 3},
                "status": {"seen": version}
            }))
            .unwrap()
        };
        assert_eq!(difference(&object("1"), &object("2")), [""; 0]);
    }
}
