//! The releases of `devplat up`, all of them, and their end.

use std::collections::BTreeSet;

use devplat_kubernetes::ObjectRef;
use devplat_kubernetes::release::DataLoss;
use devplat_kubernetes::release::RemoveError;
use devplat_kubernetes::release::State;
use serde_json::json;

use super::super::releases;
use super::{
    PATIENCE, PLATFORM, apply, create, delete, get, inventory, ours, reference, release, remove, shown, start,
};

#[tokio::test]
async fn what_users_have_goes_only_when_allowed() {
    let (_turn, client) = start().await;
    let crds = release("crds", devplat_api::crds().iter().map(|crd| ours(json!(crd))));
    apply(&client, &crds).await;
    let server = ours(json!({
        "apiVersion": "apps.devservers.io/v1", "kind": "DevServer",
        "metadata": {"name": "mine", "namespace": "default"}, "spec": {}
    }));
    let mut server = server;
    server.metadata.labels = None;
    create(&client, &server).await;
    let error =
        release::remove(&client, PLATFORM, "crds", DataLoss::Refused, PATIENCE, &|_| {}).await.unwrap_err();
    assert_eq!(error.to_string(), "users still have 1 dev server (default/mine)");
    assert!(matches!(error, RemoveError::Data(_)));
    assert!(get(&client, &ObjectRef::of(&server)).await.is_some());
    release::remove_custom_resources(&client, PATIENCE, &|_| {}).await.unwrap();
    assert!(get(&client, &ObjectRef::of(&server)).await.is_none());
    assert_eq!(release::data(&client, PLATFORM).await.unwrap(), release::Data::default());
    release::remove(&client, PLATFORM, "crds", DataLoss::Refused, PATIENCE, &|_| {}).await.unwrap();
    assert_eq!(release::observe(&client, &crds).await.unwrap(), State::Absent);
}

#[tokio::test]
async fn every_rendered_object_is_found_by_its_label_and_goes() {
    let (_turn, client) = start().await;
    let releases = releases::rendered(PLATFORM);
    for wanted in &releases {
        apply(&client, wanted).await;
    }
    let found: BTreeSet<String> = shown(&release::leftovers(&client, PLATFORM).await.unwrap());
    let inventories = releases.iter().map(|release| inventory(&release.name));
    let objects = releases.iter().flat_map(|release| release.objects.iter().map(ObjectRef::of));
    let namespace = reference("Namespace", None, release::NAMESPACE);
    let all: Vec<ObjectRef> = objects.chain(inventories).chain([namespace]).collect();
    assert_eq!(found, shown(&all));
    for wanted in releases.iter().rev() {
        remove(&client, &wanted.name).await;
    }
    release::remove_namespace(&client, PLATFORM, PATIENCE, &|_| {}).await.unwrap();
    assert_eq!(release::leftovers(&client, PLATFORM).await.unwrap(), []);
}

#[tokio::test]
async fn everything_goes_when_the_inventories_are_lost() {
    let (_turn, client) = start().await;
    for wanted in releases::rendered(PLATFORM) {
        apply(&client, &wanted).await;
        delete(&client, &inventory(&wanted.name)).await;
    }
    release::remove_leftovers(&client, PLATFORM, DataLoss::Refused, PATIENCE, &|_| {}).await.unwrap();
    assert_eq!(release::leftovers(&client, PLATFORM).await.unwrap(), []);
}
