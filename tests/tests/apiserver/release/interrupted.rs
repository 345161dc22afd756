//! What a run leaves that was interrupted, and how the next one goes on from there.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use devplat_kubernetes::Waiting;
use devplat_kubernetes::release::State;
use kube::ResourceExt;
use kube::api::Patch;
use kube::api::PatchParams;
use serde_json::json;

use super::{
    api, apply, as_wanted, create, delete, get, inventory, killed, map, release, remove, settings, start,
};

#[tokio::test]
async fn killed_half_way_goes_on() {
    let (_turn, client) = start().await;
    // What a run leaves that is killed after its first object, on the way from {a, old} to {a, b}.
    let wanted = release("killed", [settings("killed-a", "1"), settings("killed-b", "1")]);
    killed(&client, "killed", &["killed-a", "killed-b", "killed-old"], &["killed-a", "killed-old"]).await;
    let State::Present { missing, surplus, recorded, .. } = release::observe(&client, &wanted).await.unwrap()
    else {
        panic!()
    };
    assert_eq!((missing, surplus, recorded), (vec![map("killed-b")], vec![map("killed-old")], false));
    apply(&client, &wanted).await;
    assert_eq!(release::observe(&client, &wanted).await.unwrap(), as_wanted());
    assert!(get(&client, &map("killed-old")).await.is_none());
    remove(&client, "killed").await;
}

#[tokio::test]
async fn killed_half_way_is_taken_away_whole() {
    let (_turn, client) = start().await;
    killed(&client, "undone", &["undone-a", "undone-b", "undone-old"], &["undone-a", "undone-old"]).await;
    remove(&client, "undone").await;
    for name in ["undone-a", "undone-b", "undone-old"] {
        assert!(get(&client, &map(name)).await.is_none(), "{name}");
    }
    assert!(get(&client, &inventory("undone")).await.is_none());
}

#[tokio::test]
async fn killed_before_its_record_is_only_recorded() {
    let (_turn, client) = start().await;
    let wanted = release("record", [settings("record-a", "1")]);
    killed(&client, "record", &["record-a"], &["record-a"]).await;
    let before = get(&client, &map("record-a")).await.unwrap();
    apply(&client, &wanted).await;
    assert_eq!(release::observe(&client, &wanted).await.unwrap(), as_wanted());
    assert_eq!(get(&client, &map("record-a")).await.unwrap(), before);
    remove(&client, "record").await;
}

#[tokio::test]
async fn broken_inventory_is_written_anew() {
    let (_turn, client) = start().await;
    let wanted = release("broken", [settings("broken-a", "1")]);
    apply(&client, &wanted).await;
    let cut = json!({"data": {"objects": "[{\"kind\""}});
    let name = "devplat-release-broken";
    api(&client, &inventory("broken"))
        .patch(name, &PatchParams::default(), &Patch::Merge(&cut))
        .await
        .unwrap();
    let State::Present { recorded, .. } = release::observe(&client, &wanted).await.unwrap() else { panic!() };
    assert!(!recorded);
    apply(&client, &wanted).await;
    assert_eq!(release::observe(&client, &wanted).await.unwrap(), as_wanted());
    remove(&client, "broken").await;
    assert!(get(&client, &map("broken-a")).await.is_none());
}

#[tokio::test]
async fn object_on_its_way_out_is_waited_for_and_made_again() {
    let (_turn, client) = start().await;
    let mut held = settings("leaving-a", "1");
    held.metadata.finalizers = Some(vec!["devplat.dev/test".to_owned()]);
    create(&client, &held).await;
    delete(&client, &map("leaving-a")).await;
    let old = get(&client, &map("leaving-a")).await.unwrap();
    let wanted = release("leaving", [settings("leaving-a", "1")]);
    let told = Arc::new(Mutex::new(Vec::new()));
    let free = async {
        while told.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let patch = json!({"metadata": {"finalizers": null}});
        api(&client, &map("leaving-a"))
            .patch("leaving-a", &PatchParams::default(), &Patch::Merge(&patch))
            .await
            .unwrap();
    };
    let tell = |waiting: &Waiting| told.lock().unwrap().push(waiting.to_string());
    let (applied, ()) = tokio::join!(release::apply(&client, &wanted, &tell), free);
    applied.unwrap();
    assert_eq!(
        told.lock().unwrap()[0],
        "waiting for ConfigMap default/leaving-a: being deleted: held by devplat.dev/test"
    );
    let new = get(&client, &map("leaving-a")).await.unwrap();
    assert_ne!(new.uid(), old.uid());
    assert_eq!(release::observe(&client, &wanted).await.unwrap(), as_wanted());
    remove(&client, "leaving").await;
}
