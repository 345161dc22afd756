//! What of a release is in the cluster, and what there differs. Writes nothing: drift is found by applying for
//! trial (`dryRun=All`) and comparing with what is there, so that defaults and conversions are the server's own.

use futures::future::try_join_all;
use kube::{
    Client, ResourceExt,
    api::{DynamicObject, Patch, PatchParams},
};
use serde_json::Value;

use super::{
    Release,
    inventory::{self, Inventory, Place},
    is_ours, readiness,
};
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

/// What was found in the place of one object.
pub(super) enum Found {
    Missing,
    Foreign,
    Leaving(Waiting),
    Same(Option<Waiting>),
    Drifted(Vec<String>),
}

/// Everything that was looked at, in the order of the release's objects.
pub(super) struct Survey {
    pub(super) namespace: Place<()>,
    pub(super) inventory: Place<Inventory>,
    pub(super) found: Vec<(ObjectRef, Found)>,
}

impl Survey {
    /// What is there and is not ours.
    pub(super) fn foreign(&self, release: &Release) -> Vec<ObjectRef> {
        let mut foreign: Vec<ObjectRef> = self
            .found
            .iter()
            .filter(|(_, found)| matches!(found, Found::Foreign))
            .map(|(object, _)| object.clone())
            .collect();
        if self.namespace == Place::Foreign {
            foreign.push(inventory::namespace_reference());
        } else if self.inventory == Place::Foreign {
            foreign.push(inventory::reference(&release.name));
        }
        foreign
    }

    /// What is ours and is being deleted: it cannot be had back before it is gone.
    pub(super) fn leaving(&self, release: &Release) -> Vec<ObjectRef> {
        let mut leaving: Vec<ObjectRef> = self
            .found
            .iter()
            .filter(|(_, found)| matches!(found, Found::Leaving(_)))
            .map(|(object, _)| object.clone())
            .collect();
        if matches!(self.namespace, Place::Leaving(())) {
            leaving.push(inventory::namespace_reference());
        } else if matches!(self.inventory, Place::Leaving(_)) {
            leaving.push(inventory::reference(&release.name));
        }
        leaving
    }
}

/// Looks for each object of `release`.
pub async fn observe(client: &Client, release: &Release) -> Result<State, Error> {
    let survey = survey(client, release).await?;
    let foreign = survey.foreign(release);
    if !foreign.is_empty() {
        return Ok(State::Foreign(foreign));
    }
    let Survey { namespace, inventory, found } = survey;
    let (mut missing, mut drifted, mut not_ready) = (Vec::new(), Vec::new(), Vec::new());
    for (object, found) in found {
        match found {
            Found::Missing => missing.push(object),
            Found::Foreign => unreachable!("foreign objects were told above"),
            Found::Drifted(fields) => drifted.push(Drift { object, fields }),
            Found::Leaving(waiting) => not_ready.push(waiting),
            Found::Same(waiting) => not_ready.extend(waiting),
        }
    }
    if inventory == Place::Free && missing.len() == release.objects.len() {
        return Ok(State::Absent);
    }
    if matches!(namespace, Place::Leaving(())) {
        not_ready.push(leaving(inventory::namespace_reference(), &[]));
    }
    let wanted = release.refs();
    let inventory = inventory.ours().unwrap_or_default();
    let recorded = inventory.digest == release.digest;
    let surplus = inventory.objects.into_iter().filter(|object| !wanted.contains(object)).collect();
    Ok(State::Present { missing, drifted, surplus, recorded, not_ready })
}

/// Looks at everything that `release` concerns, at once.
pub(super) async fn survey(client: &Client, release: &Release) -> Result<Survey, Error> {
    let Release { platform, name, objects, digest: _ } = release;
    let (namespace, inventory, found) = futures::try_join!(
        inventory::read_namespace(client, platform),
        inventory::read(client, platform, name),
        look_at_all(client, objects, platform)
    )?;
    Ok(Survey { namespace, inventory, found })
}

async fn look_at_all(
    client: &Client,
    objects: &[DynamicObject],
    platform: &str,
) -> Result<Vec<(ObjectRef, Found)>, Error> {
    let mut found = Vec::with_capacity(objects.len());
    for some in objects.chunks(AT_ONCE) {
        let looks: Vec<_> = some.iter().map(|object| look(client, object, platform)).collect();
        found.extend(try_join_all(looks).await?);
    }
    Ok(found)
}

async fn look(client: &Client, object: &DynamicObject, platform: &str) -> Result<(ObjectRef, Found), Error> {
    let reference = ObjectRef::of(object);
    let api = reference.api(client);
    let live = retried(|| format!("read {reference}"), || async { if_there(api.get(&reference.name).await) })
        .await?;
    let Some(live) = live else { return Ok((reference, Found::Missing)) };
    if !is_ours(&live, platform) {
        return Ok((reference, Found::Foreign));
    }
    if live.metadata.deletion_timestamp.is_some() {
        let waiting = leaving(reference.clone(), live.finalizers());
        return Ok((reference, Found::Leaving(waiting)));
    }
    let params = PatchParams { dry_run: true, ..inventory::apply_params() };
    let applied = retried(
        || format!("compare {reference}"),
        || async { if_there(api.patch(&reference.name, &params, &Patch::Apply(object)).await) },
    )
    .await?;
    // Gone between the two calls.
    let Some(applied) = applied else { return Ok((reference, Found::Missing)) };
    let fields = differences(&comparable(&live), &comparable(&applied));
    if !fields.is_empty() {
        return Ok((reference, Found::Drifted(fields)));
    }
    let waiting = readiness::of(client, &reference, &live).await?;
    Ok((reference, Found::Same(waiting)))
}

/// Waiting for `object` to be gone, which `finalizers` may keep.
pub(crate) fn leaving(object: ObjectRef, finalizers: &[String]) -> Waiting {
    let reason = (!finalizers.is_empty()).then(|| format!("held by {}", finalizers.join(", ")));
    Waiting { object, progress: "being deleted".to_owned(), reason }
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
