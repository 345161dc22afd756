//! Releases on a real API server: applied, foreign and interrupted ones.

mod apply;
mod crds;
mod dry_runs;
mod foreign;
mod interrupted;
mod kinds;
mod mutation;
mod node_port;
mod pods;
mod webhook;
mod whole;

use std::{collections::BTreeSet, sync::LazyLock, time::Duration};

use devplat_kubernetes::{
    ObjectRef, Steady,
    release::{self, DataLoss, Release, ReleaseState},
};
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, PostParams},
    core::GroupVersionKind,
};
use serde_json::{Value, json};

use super::{cluster::bare, releases};

const PLATFORM: &str = "release-test";
const PATIENCE: Duration = Duration::from_mins(1);
const STANDING: &str = "standing";

/// The tests run one after the other, because the objects in the cluster belong to one platform.
static TURN: LazyLock<tokio::sync::Mutex<()>> = LazyLock::new(tokio::sync::Mutex::default);

/// Takes a turn in the cluster. A release without objects keeps the namespace of the inventories, whose deletion takes
/// seconds, from being deleted with each test's own release.
async fn start() -> (tokio::sync::MutexGuard<'static, ()>, Client) {
    let (turn, client) = turn().await;
    apply(&client, &release(STANDING, [])).await;
    (turn, client)
}

/// Takes a turn in a cluster that has no release.
async fn alone() -> (tokio::sync::MutexGuard<'static, ()>, Client) {
    let (turn, client) = turn().await;
    remove(&client, STANDING).await;
    (turn, client)
}

async fn turn() -> (tokio::sync::MutexGuard<'static, ()>, Client) {
    (TURN.lock().await, bare::client().await)
}

fn as_wanted() -> ReleaseState {
    ReleaseState::Present {
        missing: Vec::new(),
        drifted: Vec::new(),
        unknown: Vec::new(),
        surplus: Vec::new(),
        going: Vec::new(),
        recorded: true,
        leaving: Vec::new(),
        not_ready: Vec::new(),
    }
}

fn release(name: &str, objects: impl IntoIterator<Item = DynamicObject>) -> Release {
    releases::of(PLATFORM, name, objects.into_iter().collect())
}

fn ours(mut object: Value) -> DynamicObject {
    object["metadata"]["labels"] =
        json!({"app.kubernetes.io/managed-by": "devplat", (release::PLATFORM_LABEL): PLATFORM});
    serde_json::from_value(object).unwrap()
}

fn settings(name: &str, value: &str) -> DynamicObject {
    ours(json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": "default"}, "data": {"value": value}
    }))
}

fn role(name: &str) -> DynamicObject {
    ours(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": name},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]
    }))
}

fn example_kind(suffix: &str) -> DynamicObject {
    ours(json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("example{suffix}s.test.devplat.dev")},
        "spec": {
            "group": "test.devplat.dev", "scope": "Cluster",
            "names": {"kind": format!("Example{suffix}"), "plural": format!("example{suffix}s")},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true
                }}
            }]
        }
    }))
}

fn example_object(suffix: &str) -> DynamicObject {
    ours(json!({
        "apiVersion": "test.devplat.dev/v1", "kind": format!("Example{suffix}"),
        "metadata": {"name": "one"}, "spec": {"a": 1}
    }))
}

fn reference(kind: &str, namespace: Option<&str>, name: &str) -> ObjectRef {
    ObjectRef {
        api_version: "v1".to_owned(),
        kind: kind.to_owned(),
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
    }
}

fn map(name: &str) -> ObjectRef {
    reference("ConfigMap", Some("default"), name)
}

fn inventory(release: &str) -> ObjectRef {
    reference("ConfigMap", Some(release::NAMESPACE), &format!("devplat-release-{release}"))
}

fn shown(objects: &[ObjectRef]) -> BTreeSet<String> {
    objects.iter().map(ToString::to_string).collect()
}

fn api(client: &Client, object: &ObjectRef) -> Api<DynamicObject> {
    let (group, version) = object.api_version.split_once('/').unwrap_or(("", &object.api_version));
    let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &object.kind));
    match &object.namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

async fn get(client: &Client, object: &ObjectRef) -> Option<DynamicObject> {
    api(client, object).get_opt(&object.name).await.unwrap()
}

async fn create(client: &Client, object: &DynamicObject) {
    api(client, &ObjectRef::of(object)).create(&PostParams::default(), object).await.unwrap();
}

async fn delete(client: &Client, object: &ObjectRef) {
    api(client, object).delete(&object.name, &DeleteParams::default()).await.unwrap();
}

async fn apply(client: &Client, wanted: &Release) {
    release::apply(client, wanted, &Steady).await.unwrap();
}

async fn remove(client: &Client, name: &str) {
    release::remove(client, PLATFORM, name, DataLoss::Refused, PATIENCE, &Steady).await.unwrap();
}

/// Returns the versions of all objects of a release, then of its inventory.
async fn versions(client: &Client, wanted: &Release) -> Vec<Option<String>> {
    let mut versions = Vec::new();
    let objects = wanted.objects.iter().map(ObjectRef::of);
    for object in objects.chain([inventory(&wanted.name)]) {
        versions.push(get(client, &object).await.unwrap().resource_version());
    }
    versions
}

/// Creates the state after a kill: an inventory of the wanted objects, and some of the objects.
async fn killed(client: &Client, name: &str, meant: &[&str], there: &[&str]) {
    let empty = release(name, []);
    // Creates the namespace of the inventories, as the run itself does.
    apply(client, &empty).await;
    let meant: Vec<ObjectRef> = meant.iter().map(|name| map(name)).collect();
    let data = json!({"data": {"objects": serde_json::to_string(&meant).unwrap(), "digest": ""}});
    let inventory = inventory(name);
    api(client, &inventory)
        .patch(&inventory.name, &PatchParams::default(), &Patch::Merge(&data))
        .await
        .unwrap();
    for name in there {
        let params = PatchParams::apply(release::FIELD_MANAGER).force();
        api(client, &map(name)).patch(name, &params, &Patch::Apply(&settings(name, "1"))).await.unwrap();
    }
}
