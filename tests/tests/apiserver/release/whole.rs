//! All releases of `devplat up`, and their removal.

use std::collections::BTreeSet;

use devplat_api::DevUser;
use devplat_kubernetes::{
    Class, ObjectRef, Steady,
    call::call_error,
    release::{DataLoss, Release, ReleaseState, RemoveError},
};
use kube::{Api, api::ListParams};
use serde_json::json;

use super::super::releases;
use super::{
    PATIENCE, PLATFORM, alone, apply, create, delete, get, inventory, map, ours, reference, release, remove,
    settings, shown, start,
};

#[tokio::test]
async fn data_of_users_is_deleted_only_if_allowed() {
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
        release::remove(&client, PLATFORM, "crds", DataLoss::Refused, PATIENCE, &Steady).await.unwrap_err();
    assert_eq!(error.to_string(), "the cluster still has 1 dev server (default/mine)");
    assert!(matches!(error, RemoveError::Data(_)));
    assert!(get(&client, &ObjectRef::of(&server)).await.is_some());
    release::remove_custom_resources(&client, PATIENCE, &Steady).await.unwrap();
    assert!(get(&client, &ObjectRef::of(&server)).await.is_none());
    assert_eq!(release::data(&client, PLATFORM, &Steady).await.unwrap(), release::Data::default());
    release::remove(&client, PLATFORM, "crds", DataLoss::Refused, PATIENCE, &Steady).await.unwrap();
    assert_eq!(release::observe(&client, &crds, &Steady).await.unwrap(), ReleaseState::Absent);
}

#[tokio::test]
async fn every_rendered_object_is_found_by_its_label_and_deleted() {
    let (_turn, client) = alone().await;
    let releases = releases::rendered(PLATFORM);
    for wanted in &releases {
        apply(&client, wanted).await;
    }
    let found: BTreeSet<String> = shown(&release::leftovers(&client, PLATFORM, &Steady).await.unwrap());
    let inventories = releases.iter().map(|release| inventory(&release.name));
    let objects = releases.iter().flat_map(|release| release.objects.iter().map(ObjectRef::of));
    let namespace = reference("Namespace", None, release::NAMESPACE);
    let all: Vec<ObjectRef> = objects.chain(inventories).chain([namespace]).collect();
    assert_eq!(found, shown(&all));
    for wanted in releases.iter().rev() {
        remove(&client, &wanted.name).await;
    }
    // The namespace of the inventories is deleted with the last one.
    assert_eq!(release::leftovers(&client, PLATFORM, &Steady).await.unwrap(), []);
}

#[tokio::test]
async fn all_objects_are_deleted_without_inventories() {
    let (_turn, client) = alone().await;
    for wanted in releases::rendered(PLATFORM) {
        apply(&client, &wanted).await;
        delete(&client, &inventory(&wanted.name)).await;
    }
    release::remove_leftovers(&client, PLATFORM, DataLoss::Refused, PATIENCE, &Steady).await.unwrap();
    assert_eq!(release::leftovers(&client, PLATFORM, &Steady).await.unwrap(), []);
}

#[tokio::test]
async fn objects_of_a_lost_inventory_are_strays_unless_they_are_wanted() {
    let (_turn, client) = alone().await;
    let (kept, lost) =
        (release("kept", [settings("kept-a", "1")]), release("lost", [settings("lost-b", "1")]));
    for wanted in [&kept, &lost] {
        apply(&client, wanted).await;
    }
    let names = release::names(&client, PLATFORM, &Steady).await.unwrap();
    assert_eq!(names, ["kept", "lost"]);
    let strays =
        async |wanted: &[Release]| release::strays(&client, PLATFORM, wanted, &Steady).await.unwrap();
    assert_eq!(strays(&[]).await, []);
    delete(&client, &inventory("lost")).await;
    assert_eq!(strays(&[]).await, [map("lost-b")]);
    assert_eq!(strays(std::slice::from_ref(&lost)).await, []);
    release::remove_leftovers(&client, PLATFORM, DataLoss::Refused, PATIENCE, &Steady).await.unwrap();
}

#[tokio::test]
async fn cluster_without_a_platform_is_recognised_by_its_kinds() {
    let (_turn, client) = start().await;
    let users: Api<DevUser> = Api::all(client);
    let error = users.list(&ListParams::default()).await.unwrap_err();
    let error = call_error("list users", None, error);
    assert!(matches!(*error.class, Class::KindNotServed(_)), "{error:?}");
}
