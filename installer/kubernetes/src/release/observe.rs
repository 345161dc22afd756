//! What of a release is in the cluster, and what there differs. Writes nothing: drift is found by applying for
//! trial (`dryRun=All`) and comparing with what is there, so that defaults and conversions are the server's own.

use futures::{StreamExt, TryStreamExt, stream};
use kube::{
    Client,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::Value;

use super::{Release, inventory, is_ours, readiness};
use crate::{
    Error, ObjectRef, Waiting,
    call::{if_there, retried},
};

/// Calls at once. More gain nothing against a server on the same machine.
const AT_ONCE: usize = 16;

/// What of a release is in the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Absent,
    /// Something of these names, which is not ours.
    Foreign(Vec<ObjectRef>),
    /// All or some of it.
    Present {
        /// Wanted and not there.
        missing: Vec<ObjectRef>,
        /// There, and different.
        drifted: Vec<Drift>,
        /// In the inventory and wanted no more.
        surplus: Vec<ObjectRef>,
        /// Whether the inventory says that exactly this was applied to its end.
        recorded: bool,
        /// What is not ready.
        not_ready: Vec<Waiting>,
    },
}

/// An object that differs from what is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drift {
    /// Which object.
    pub object: ObjectRef,
    /// The paths of the fields that differ.
    pub fields: Vec<String>,
}

enum Found {
    Missing(ObjectRef),
    Foreign(ObjectRef),
    Same(Option<Waiting>),
    Drifted(Drift),
}

/// Looks for each object of `release`.
pub async fn observe(client: &Client, release: &Release) -> Result<State, Error> {
    let recorded = inventory::read(client, &release.name);
    let looked = stream::iter(&release.objects)
        .map(|object| look(client, object, &release.platform))
        .buffered(AT_ONCE)
        .try_collect::<Vec<Found>>();
    let (recorded, looked) = futures::try_join!(recorded, looked)?;
    let (mut missing, mut foreign, mut drifted, mut not_ready) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for found in looked {
        match found {
            Found::Missing(object) => missing.push(object),
            Found::Foreign(object) => foreign.push(object),
            Found::Drifted(drift) => drifted.push(drift),
            Found::Same(waiting) => not_ready.extend(waiting),
        }
    }
    if !foreign.is_empty() {
        return Ok(State::Foreign(foreign));
    }
    if recorded.is_none() && missing.len() == release.objects.len() {
        return Ok(State::Absent);
    }
    let wanted = release.refs();
    let inventory = recorded.unwrap_or_default();
    let surplus = inventory.objects.into_iter().filter(|object| !wanted.contains(object)).collect();
    let recorded = inventory.digest == release.digest;
    Ok(State::Present { missing, drifted, surplus, recorded, not_ready })
}

async fn look(client: &Client, object: &DynamicObject, platform: &str) -> Result<Found, Error> {
    let reference = ObjectRef::of(object);
    let api = reference.api(client);
    let live = retried(|| format!("read {reference}"), || async { if_there(api.get(&reference.name).await) })
        .await?;
    let Some(live) = live else { return Ok(Found::Missing(reference)) };
    if !is_ours(&live, platform) {
        return Ok(Found::Foreign(reference));
    }
    let params = PatchParams { dry_run: true, ..inventory::apply_params() };
    let applied = retried(
        || format!("compare {reference}"),
        || async { api.patch(&reference.name, &params, &Patch::Apply(object)).await },
    )
    .await?;
    let fields = differences(&comparable(&live), &comparable(&applied));
    if !fields.is_empty() {
        return Ok(Found::Drifted(Drift { object: reference, fields }));
    }
    Ok(Found::Same(readiness::of(client, &reference, &live).await?))
}

/// The object without what changes with every write or by itself.
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

/// The paths at which two values differ.
fn differences(one: &Value, other: &Value) -> Vec<String> {
    fn collect(path: &str, one: &Value, other: &Value, out: &mut Vec<String>) {
        match (one, other) {
            (Value::Object(one), Value::Object(other)) => {
                let keys: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
                for key in keys {
                    let below = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                    collect(
                        &below,
                        one.get(key).unwrap_or(&Value::Null),
                        other.get(key).unwrap_or(&Value::Null),
                        out,
                    );
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
    let mut out = Vec::new();
    collect("", one, other, &mut out);
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn differences_are_the_paths_of_what_differs() {
        let one = json!({"spec": {"replicas": 2, "list": [{"a": 1}, {"a": 2}]}, "data": {"x": "1"}});
        let other = json!({"spec": {"replicas": 3, "list": [{"a": 1}, {"a": 3}]}, "data": {}});
        assert_eq!(differences(&one, &other), ["data.x", "spec.list[1].a", "spec.replicas"]);
        assert_eq!(differences(&one, &one), [""; 0]);
    }

    #[test]
    fn what_changes_by_itself_is_not_compared() {
        let object = |version: &str| -> DynamicObject {
            serde_json::from_value(json!({
                "apiVersion": "v1", "kind": "ConfigMap",
                "metadata": {"name": "a", "resourceVersion": version, "generation": 3},
                "status": {"seen": version}
            }))
            .unwrap()
        };
        assert_eq!(comparable(&object("1")), comparable(&object("2")));
    }
}
