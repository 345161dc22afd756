//! Shows from the managed fields of an object that applying the wanted one would change nothing, which saves the dry
//! run. Pure.

use kube::api::DynamicObject;
use serde_json::{Map, Value};

use super::FIELD_MANAGER;

/// Returns whether devplat owns exactly the fields of `wanted`, and `live` has their values. `false` means only that
/// this cannot be seen here, for example because the API server writes a value differently.
pub(super) fn is_unchanged(wanted: &DynamicObject, live: &DynamicObject) -> bool {
    let Some(fields) = owned_fields(wanted, live) else { return false };
    let (wanted, live) = (without_identity(wanted), without_identity(live));
    agree(&fields, &wanted, &live)
}

/// Returns the fields that devplat last applied, in the format `FieldsV1`; `None` if it did so in another version of the
/// API.
fn owned_fields(wanted: &DynamicObject, live: &DynamicObject) -> Option<Value> {
    let version = &wanted.types.as_ref()?.api_version;
    let mut entries = live.metadata.managed_fields.iter().flatten().filter(|entry| {
        entry.manager.as_deref() == Some(FIELD_MANAGER)
            && entry.operation.as_deref() == Some("Apply")
            && entry.subresource.as_deref().unwrap_or_default().is_empty()
    });
    let entry = entries.next().filter(|entry| entry.api_version.as_ref() == Some(version))?;
    let alone = entries.next().is_none();
    alone.then(|| entry.fields_v1.as_ref().map(|fields| fields.0.clone())).flatten()
}

/// Returns the object without the fields that name it, which no manager owns.
fn without_identity(object: &DynamicObject) -> Value {
    let mut value = serde_json::to_value(object).expect("a Kubernetes object is JSON");
    if let Some(object) = value.as_object_mut() {
        object.retain(|key, _| key != "apiVersion" && key != "kind");
    }
    if let Some(metadata) = value["metadata"].as_object_mut() {
        metadata.retain(|key, _| key != "name" && key != "namespace");
        if metadata.is_empty() {
            value.as_object_mut().map(|object| object.remove("metadata"));
        }
    }
    value
}

/// Compares a field with its wanted value. `owned` has the fields below it; a field without any is owned as a whole.
fn agree(owned: &Value, wanted: &Value, live: &Value) -> bool {
    let Some(owned) = owned.as_object() else { return false };
    let below = || owned.iter().filter(|(key, _)| key.as_str() != ".");
    if below().next().is_none() {
        return wanted == live;
    }
    match (wanted, live) {
        (Value::Object(wanted), Value::Object(live)) => {
            below().count() == wanted.len()
                && below().all(|(key, fields)| {
                    let Some(key) = key.strip_prefix("f:") else { return false };
                    match (wanted.get(key), live.get(key)) {
                        (Some(wanted), Some(live)) => agree(fields, wanted, live),
                        _ => false,
                    }
                })
        }
        (Value::Array(wanted), Value::Array(live)) => {
            below().count() == wanted.len()
                && below().all(|(key, fields)| element_agrees(key, fields, wanted, live))
                && in_order(below().map(|(key, _)| key.as_str()), wanted, live)
        }
        _ => false,
    }
}

fn element_agrees(key: &str, fields: &Value, wanted: &[Value], live: &[Value]) -> bool {
    match (position(key, wanted), position(key, live)) {
        (Some(one), Some(other)) => agree(fields, &wanted[one], &live[other]),
        _ => false,
    }
}

/// Returns whether the elements have the same order in both lists.
fn in_order<'a>(keys: impl Iterator<Item = &'a str>, wanted: &[Value], live: &[Value]) -> bool {
    let mut places: Vec<_> = keys.map(|key| (position(key, wanted), position(key, live))).collect();
    places.sort_unstable();
    places.is_sorted_by_key(|(_, live)| *live)
}

/// Returns the place of an element of a list by its key in `FieldsV1`: `v:` and a value, or `k:` and the values that
/// identify it. `None` if it is absent or not unique.
fn position(key: &str, list: &[Value]) -> Option<usize> {
    let (sort, text) = key.split_once(':')?;
    let key: Value = serde_json::from_str(text).ok()?;
    let is = |element: &Value| match sort {
        "v" => *element == key,
        "k" => key.as_object().is_some_and(|key| has_key(element, key)),
        _ => false,
    };
    let mut found = list.iter().enumerate().filter(|(_, element)| is(element)).map(|(index, _)| index);
    found.next().filter(|_| found.next().is_none())
}

/// Returns whether an element has these values. A wanted element may leave out one that has a default.
fn has_key(element: &Value, key: &Map<String, Value>) -> bool {
    key.iter().all(|(name, value)| element.get(name).is_none_or(|own| own == value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(mut value: Value) -> DynamicObject {
        value["apiVersion"] = json!("apps/v1");
        value["kind"] = json!("Deployment");
        value["metadata"]["name"] = json!("a");
        serde_json::from_value(value).unwrap()
    }

    fn wanted() -> Value {
        json!({
            "metadata": {"labels": {"x": "1"}},
            "spec": {
                "replicas": 2,
                "args": ["a", "b"],
                "rules": [{"verbs": ["get"]}],
                "volume": {},
                "ports": [{"containerPort": 80}, {"containerPort": 81}],
            },
        })
    }

    /// The object that the API server keeps for [`wanted`], with a default and with another manager's label.
    fn live() -> Value {
        let mut live = wanted();
        live["metadata"]["labels"]["theirs"] = json!("2");
        live["spec"]["ports"][0]["protocol"] = json!("TCP");
        live["spec"]["ports"][1]["protocol"] = json!("TCP");
        live["status"] = json!({"replicas": 2});
        live["metadata"]["managedFields"] = json!([
            {"manager": "other", "operation": "Update", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
             "fieldsV1": {"f:metadata": {"f:labels": {"f:theirs": {}}}}},
            {"manager": "devplat", "operation": "Apply", "apiVersion": "apps/v1", "fieldsType": "FieldsV1",
             "fieldsV1": {
                "f:metadata": {"f:labels": {"f:x": {}}},
                "f:spec": {
                    "f:replicas": {},
                    "f:args": {},
                    "f:rules": {},
                    "f:volume": {},
                    "f:ports": {
                        "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}},
                        "k:{\"containerPort\":81,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}},
                    },
                },
             }},
        ]);
        live
    }

    fn unchanged(wanted: Value, live: Value) -> bool {
        is_unchanged(&object(wanted), &object(live))
    }

    #[test]
    fn applied_object_with_defaults_and_foreign_fields_is_unchanged() {
        assert!(unchanged(wanted(), live()));
    }

    #[test]
    fn other_values_are_seen() {
        let cases: [(&str, Value); 6] = [
            ("/spec/replicas", json!(3)),
            ("/spec/args", json!(["a"])),
            ("/spec/rules/0", json!({"verbs": ["get"], "urls": ["/x"]})),
            ("/spec/ports/0/containerPort", json!(90)),
            ("/spec/volume", json!({"medium": "Memory"})),
            ("/metadata/labels/x", json!("2")),
        ];
        for (place, value) in cases {
            let mut live = live();
            *live.pointer_mut(place).unwrap() = value.clone();
            assert!(!unchanged(wanted(), live), "live {place}");
            let mut wanted = wanted();
            *wanted.pointer_mut(place).unwrap() = value;
            assert!(!unchanged(wanted, self::live()), "wanted {place}");
        }
    }

    #[test]
    fn order_of_a_list_is_compared() {
        let mut live = live();
        live["spec"]["ports"].as_array_mut().unwrap().reverse();
        assert!(!unchanged(wanted(), live));
    }

    #[test]
    fn field_that_is_new_or_no_longer_wanted_is_seen() {
        let mut more = wanted();
        more["spec"]["paused"] = json!(true);
        let mut both = live();
        both["spec"]["paused"] = json!(true);
        assert!(!unchanged(more, both), "another manager owns it");
        for gone in ["replicas", "ports", "volume"] {
            let mut less = wanted();
            less["spec"].as_object_mut().unwrap().remove(gone);
            assert!(!unchanged(less, live()), "{gone}");
        }
    }

    #[test]
    fn field_that_another_manager_took_is_seen() {
        let mut live = live();
        live.pointer_mut("/metadata/managedFields/1/fieldsV1/f:spec")
            .unwrap()
            .as_object_mut()
            .unwrap()
            .remove("f:args");
        assert!(!unchanged(wanted(), live));
    }

    #[test]
    fn object_of_another_version_or_without_managed_fields_is_not_known() {
        let mut other = live();
        other["metadata"]["managedFields"][1]["apiVersion"] = json!("apps/v1beta1");
        assert!(!unchanged(wanted(), other));
        let mut none = live();
        none["metadata"].as_object_mut().unwrap().remove("managedFields");
        assert!(!unchanged(wanted(), none));
    }
}
