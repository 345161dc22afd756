//! Interrupted runs, and how the next run continues.

use std::sync::Mutex;
use std::time::Duration;

use devplat_kubernetes::{
    Class, Error, Pace, Steady, Stopped, Waiting,
    call::ObjectDamage,
    release::{DataLoss, ReleaseState},
};
use futures::future::BoxFuture;
use kube::ResourceExt;
use kube::api::Patch;
use kube::api::PatchParams;
use serde_json::json;

use super::{
    PATIENCE, PLATFORM, api, apply, as_wanted, create, delete, get, inventory, killed, map, release, remove,
    settings, start,
};

#[tokio::test]
async fn killed_apply_is_continued() {
    let (_turn, client) = start().await;
    // The state after a kill between the first and the second object, during an apply from {a, old} to {a, b}.
    let wanted = release("killed", [settings("killed-a", "1"), settings("killed-b", "1")]);
    killed(&client, "killed", &["killed-a", "killed-b", "killed-old"], &["killed-a", "killed-old"]).await;
    let ReleaseState::Present { missing, surplus, recorded, .. } =
        release::observe(&client, &wanted, &Steady).await.unwrap()
    else {
        panic!()
    };
    assert_eq!((missing, surplus, recorded), (vec![map("killed-b")], vec![map("killed-old")], false));
    apply(&client, &wanted).await;
    assert_eq!(release::observe(&client, &wanted, &Steady).await.unwrap(), as_wanted());
    assert!(get(&client, &map("killed-old")).await.is_none());
    remove(&client, "killed").await;
}

#[tokio::test]
async fn killed_apply_is_removed_completely() {
    let (_turn, client) = start().await;
    killed(&client, "undone", &["undone-a", "undone-b", "undone-old"], &["undone-a", "undone-old"]).await;
    remove(&client, "undone").await;
    for name in ["undone-a", "undone-b", "undone-old"] {
        assert!(get(&client, &map(name)).await.is_none(), "{name}");
    }
    assert!(get(&client, &inventory("undone")).await.is_none());
}

#[tokio::test]
async fn apply_killed_before_its_record_only_writes_the_record() {
    let (_turn, client) = start().await;
    let wanted = release("record", [settings("record-a", "1")]);
    killed(&client, "record", &["record-a"], &["record-a"]).await;
    let before = get(&client, &map("record-a")).await.unwrap();
    apply(&client, &wanted).await;
    assert_eq!(release::observe(&client, &wanted, &Steady).await.unwrap(), as_wanted());
    assert_eq!(get(&client, &map("record-a")).await.unwrap(), before);
    remove(&client, "record").await;
}

#[tokio::test]
async fn objects_of_a_damaged_inventory_are_found_by_their_labels() {
    let (_turn, client) = start().await;
    let wanted = release("broken", [settings("broken-a", "1")]);
    apply(&client, &wanted).await;
    let cut = json!({"data": {"objects": "[{\"kind\""}});
    let name = "devplat-release-broken";
    api(&client, &inventory("broken"))
        .patch(name, &PatchParams::default(), &Patch::Merge(&cut))
        .await
        .unwrap();
    let Err(Error::Call(error)) = release::observe(&client, &wanted, &Steady).await else { panic!() };
    assert!(matches!(*error.class, Class::Damaged(ObjectDamage::Inventory(_))), "{error:?}");
    let strays = release::strays(&client, PLATFORM, &[], &Steady).await.unwrap();
    assert!(strays.contains(&map("broken-a")), "{strays:?}");
    let damage = release::remove(&client, PLATFORM, "broken", DataLoss::Refused, PATIENCE, &Steady).await;
    assert!(matches!(damage, Ok(Some(ObjectDamage::Inventory(_)))), "{damage:?}");
    assert!(get(&client, &inventory("broken")).await.is_none());
    assert!(get(&client, &map("broken-a")).await.is_some());
    apply(&client, &wanted).await;
    assert_eq!(release::observe(&client, &wanted, &Steady).await.unwrap(), as_wanted());
    remove(&client, "broken").await;
    assert!(get(&client, &map("broken-a")).await.is_none());
}

#[tokio::test]
async fn object_being_deleted_is_awaited_and_created_again() {
    let (_turn, client) = start().await;
    let mut held = settings("leaving-a", "1");
    held.metadata.finalizers = Some(vec!["devplat.dev/test".to_owned()]);
    create(&client, &held).await;
    delete(&client, &map("leaving-a")).await;
    let old = get(&client, &map("leaving-a")).await.unwrap();
    let wanted = release("leaving", [settings("leaving-a", "1")]);
    let ReleaseState::Leaving(waiting) = release::observe(&client, &wanted, &Steady).await.unwrap() else {
        panic!()
    };
    assert_eq!(waiting.iter().map(|one| &one.object).collect::<Vec<_>>(), [&map("leaving-a")]);
    let pace = Reports::default();
    let free = async {
        while pace.0.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let patch = json!({"metadata": {"finalizers": null}});
        api(&client, &map("leaving-a"))
            .patch("leaving-a", &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .unwrap();
    };
    let (applied, ()) = tokio::join!(release::apply(&client, &wanted, &pace), free);
    applied.unwrap();
    assert_eq!(
        pace.0.lock().unwrap()[0],
        "waiting for ConfigMap default/leaving-a: being deleted: held by devplat.dev/test"
    );
    let new = get(&client, &map("leaving-a")).await.unwrap();
    assert_ne!(new.uid(), old.uid());
    assert_eq!(release::observe(&client, &wanted, &Steady).await.unwrap(), as_wanted());
    remove(&client, "leaving").await;
}

/// Keeps the reports.
#[derive(Default)]
struct Reports(Mutex<Vec<String>>);

impl Pace for Reports {
    fn report(&self, waiting: &Waiting) {
        self.0.lock().unwrap().push(waiting.to_string());
    }

    fn pause(&self, period: Duration) -> BoxFuture<'_, Result<(), Stopped>> {
        Steady.pause(period)
    }
}
