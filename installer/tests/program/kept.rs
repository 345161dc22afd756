//! The objects of an API server for tests, which keeps every object that is applied to it. In place of controllers and the
//! operator, it reports CRDs as established, Deployments as available, and users and dev servers as ready.

use std::{collections::BTreeMap, sync::Mutex};

use serde_json::{Value, json};

/// Objects by their path in the API.
#[derive(Default)]
pub(crate) struct Objects {
    kept: Mutex<BTreeMap<String, Value>>,
    applied: Mutex<Vec<Value>>,
}

impl Objects {
    /// Keeps an object of another program.
    pub(crate) fn put(&self, path: &str, object: &Value) {
        self.kept.lock().unwrap().insert(path.to_owned(), object.clone());
    }

    /// Deletes an object as another program would. Fails if it does not exist.
    pub(crate) fn lose(&self, path: &str) {
        let lost = self.kept.lock().unwrap().remove(path);
        assert!(lost.is_some(), "{path} is not there: {:#?}", self.paths());
    }

    /// Deletes all other objects than those with these paths.
    pub(crate) fn lose_all_but(&self, paths: &[&str]) {
        self.kept.lock().unwrap().retain(|path, _| paths.contains(&path.as_str()));
    }

    /// Returns the paths of all objects.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.kept.lock().unwrap().keys().cloned().collect()
    }

    pub(crate) fn get(&self, path: &str) -> Option<Value> {
        self.kept.lock().unwrap().get(path).cloned()
    }

    /// Returns the last object as it was sent, without the status that this API server adds.
    pub(crate) fn applied(&self, is: impl Fn(&Value) -> bool) -> Option<Value> {
        self.applied.lock().unwrap().iter().rev().find(|&object| is(object)).cloned()
    }

    /// Returns the status and the body for a request; `None` if the object does not exist.
    pub(crate) fn answer(&self, request: &str, body: &[u8]) -> Option<(u16, Value)> {
        let (verb, target) = request.split_once(' ')?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let is_trial = query.contains("dryRun=All");
        match verb {
            "GET" if is_collection(path) => Some((200, self.list(path, query))),
            "GET" => Some((200, self.get(path)?)),
            "PATCH" => Some((200, self.write(path, body, is_trial)?)),
            "POST" => {
                let object: Value = serde_json::from_slice(body).ok()?;
                let name = object["metadata"]["name"].as_str()?;
                Some((201, self.write(&format!("{path}/{name}"), body, is_trial)?))
            }
            "DELETE" => {
                self.delete(path)?;
                let success =
                    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"});
                Some((200, success))
            }
            _ => None,
        }
    }

    fn list(&self, path: &str, query: &str) -> Value {
        let kept = self.kept.lock().unwrap();
        let items: Vec<&Value> = kept
            .iter()
            .filter(|(key, object)| is_in(key, path) && is_selected(object, query))
            .map(|(_, object)| object)
            .collect();
        json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": items})
    }

    /// Returns the object in its namespace, which the sender may leave to the path.
    fn write(&self, path: &str, body: &[u8], is_trial: bool) -> Option<Value> {
        let sent: Value = serde_json::from_slice(body).ok()?;
        let mut object = sent.clone();
        if let Some(namespace) = namespace(path) {
            object["metadata"]["namespace"] = namespace.into();
        }
        if !is_trial {
            self.put(path, &with_status(object.clone()));
            self.applied.lock().unwrap().push(sent);
        }
        Some(object)
    }

    /// Deletes an object, and with a namespace its content.
    fn delete(&self, path: &str) -> Option<()> {
        let mut kept = self.kept.lock().unwrap();
        let object = kept.remove(path)?;
        if let (Some("Namespace"), Some(name)) =
            (object["kind"].as_str(), object["metadata"]["name"].as_str())
        {
            let inside = format!("/namespaces/{name}/");
            kept.retain(|key, _| !key.contains(&inside));
        }
        Some(())
    }
}

/// Returns the namespace in the path of an object that lies in one.
fn namespace(path: &str) -> Option<&str> {
    let (_, below) = path.split_once("/namespaces/")?;
    match below.split('/').collect::<Vec<_>>().as_slice() {
        [namespace, _, _] => Some(namespace),
        _ => None,
    }
}

/// Returns whether a path is that of all objects of a kind, in one namespace or in all of them.
fn is_collection(path: &str) -> bool {
    let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let (["api", _, below @ ..] | ["apis", _, _, below @ ..]) = parts.as_slice() else { return false };
    matches!(below, [_] | ["namespaces", _, _])
}

/// Returns whether the object with the path `key` is one of the objects at `path`.
fn is_in(key: &str, path: &str) -> bool {
    let Some((root, plural)) = path.rsplit_once('/') else { return false };
    let Some(below) = key.strip_prefix(root).and_then(|below| below.strip_prefix('/')) else { return false };
    let below: Vec<&str> = below.split('/').collect();
    match below.as_slice() {
        [of, _] | ["namespaces", _, of, _] => *of == plural,
        _ => false,
    }
}

/// Returns whether the labels of an object match the selector of a query.
fn is_selected(object: &Value, query: &str) -> bool {
    let mut pairs = query.split('&');
    let Some(selector) = pairs.find_map(|pair| pair.strip_prefix("labelSelector=")) else { return true };
    let label = |key: &str| object["metadata"]["labels"][key].as_str();
    decoded(selector).split(',').all(|one| match (one.split_once("!="), one.split_once('=')) {
        (Some((key, value)), _) => label(key) != Some(value),
        (None, Some((key, value))) => label(key) == Some(value),
        (None, None) => label(one).is_some(),
    })
}

/// Decodes the percent-encoding of a query.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut decoded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (code, rest) = part.split_at(2);
        decoded.push(char::from(u8::from_str_radix(code, 16).unwrap()));
        decoded.push_str(rest);
    }
    decoded
}

fn with_status(mut object: Value) -> Value {
    let condition = |name: &str| json!({"conditions": [{"type": name, "status": "True"}]});
    let kind = object["kind"].as_str().unwrap_or_default();
    let status = match kind {
        "CustomResourceDefinition" => condition("Established"),
        "DevUser" | "DevServer" => condition("Ready"),
        "Deployment" => {
            let replicas = &object["spec"]["replicas"];
            json!({"replicas": replicas, "updatedReplicas": replicas, "availableReplicas": replicas})
        }
        _ => Value::Null,
    };
    if !status.is_null() {
        object["status"] = status;
    }
    object
}
