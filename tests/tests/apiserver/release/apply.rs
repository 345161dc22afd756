//! The writes of an apply.

use devplat_kubernetes::{Steady, release::ReleaseState};
use kube::ResourceExt;
use kube::api::Patch;
use kube::api::PatchParams;
use serde_json::json;

use super::{
    PLATFORM, api, apply, as_wanted, example_kind, example_object, get, map, reference, release, remove,
    role, settings, start, versions,
};

#[tokio::test]
async fn applied_objects_have_label_and_inventory() {
    let (_turn, client) = start().await;
    let wanted = release("applied", [settings("applied-a", "1"), settings("applied-b", "1")]);
    assert_eq!(release::observe(&client, &wanted, &Steady).await.unwrap(), ReleaseState::Absent);
    apply(&client, &wanted).await;
    assert_eq!(release::observe(&client, &wanted, &Steady).await.unwrap(), as_wanted());
    for name in ["applied-a", "applied-b", "devplat-release-applied"] {
        let namespace = if name.starts_with("applied") { "default" } else { release::NAMESPACE };
        let live = get(&client, &reference("ConfigMap", Some(namespace), name)).await.unwrap();
        assert_eq!(live.labels()[release::PLATFORM_LABEL], PLATFORM, "{name}");
        assert_eq!(live.labels()["app.kubernetes.io/managed-by"], "devplat", "{name}");
    }
    remove(&client, "applied").await;
}

#[tokio::test]
async fn second_apply_writes_nothing() {
    let (_turn, client) = start().await;
    let wanted = release("twice", [settings("twice-a", "1"), role("twice-b")]);
    apply(&client, &wanted).await;
    let before = versions(&client, &wanted).await;
    apply(&client, &wanted).await;
    assert_eq!(release::observe(&client, &wanted, &Steady).await.unwrap(), as_wanted());
    assert_eq!(versions(&client, &wanted).await, before);
    remove(&client, "twice").await;
}

#[tokio::test]
async fn only_objects_that_differ_are_written() {
    let (_turn, client) = start().await;
    let one = release("differs", [settings("differs-a", "1"), settings("differs-b", "1")]);
    apply(&client, &one).await;
    let before = versions(&client, &one).await;
    let two = release("differs", [settings("differs-a", "1"), settings("differs-b", "2")]);
    apply(&client, &two).await;
    let after = versions(&client, &two).await;
    assert_eq!(after[0], before[0]);
    assert_ne!(after[1], before[1]);
    assert_eq!(release::observe(&client, &two, &Steady).await.unwrap(), as_wanted());
    remove(&client, "differs").await;
}

#[tokio::test]
async fn object_that_is_no_longer_wanted_is_pruned() {
    let (_turn, client) = start().await;
    apply(&client, &release("prune", [settings("prune-a", "1"), settings("prune-b", "1")])).await;
    let less = release("prune", [settings("prune-a", "1")]);
    let ReleaseState::Present { surplus, .. } = release::observe(&client, &less, &Steady).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(surplus, [map("prune-b")]);
    apply(&client, &less).await;
    assert!(get(&client, &map("prune-a")).await.is_some());
    assert!(get(&client, &map("prune-b")).await.is_none());
    assert_eq!(release::observe(&client, &less, &Steady).await.unwrap(), as_wanted());
    remove(&client, "prune").await;
}

#[tokio::test]
async fn drift_is_found_by_field_and_repaired() {
    let (_turn, client) = start().await;
    let wanted = release("drift", [settings("drift-a", "1")]);
    apply(&client, &wanted).await;
    let other = json!({"data": {"value": "2", "more": "theirs"}});
    api(&client, &map("drift-a"))
        .patch("drift-a", &PatchParams::default(), &Patch::Merge(&other))
        .await
        .unwrap();
    let ReleaseState::Present { drifted, .. } = release::observe(&client, &wanted, &Steady).await.unwrap()
    else {
        panic!()
    };
    assert_eq!(drifted.len(), 1);
    assert_eq!(drifted[0].object, map("drift-a"));
    // A field that another client added and that devplat does not set stays.
    assert_eq!(drifted[0].fields, ["data.value"]);
    apply(&client, &wanted).await;
    assert_eq!(release::observe(&client, &wanted, &Steady).await.unwrap(), as_wanted());
    let live = get(&client, &map("drift-a")).await.unwrap();
    assert_eq!(live.data["data"], json!({"value": "1", "more": "theirs"}));
    remove(&client, "drift").await;
}

#[tokio::test]
async fn object_is_applied_together_with_its_crd() {
    let (_turn, client) = start().await;
    // Several times: right after a CRD is established, the API server may still answer 404 for a moment.
    for round in ["a", "b", "c"] {
        let wanted = release("kinds", [example_kind(round), example_object(round)]);
        apply(&client, &wanted).await;
        assert_eq!(release::observe(&client, &wanted, &Steady).await.unwrap(), as_wanted());
        remove(&client, "kinds").await;
        assert_eq!(release::observe(&client, &wanted, &Steady).await.unwrap(), ReleaseState::Absent);
    }
}
