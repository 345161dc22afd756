//! Foreign objects are never changed.

use devplat_kubernetes::{
    Steady,
    release::{DataLoss, Release, ReleaseError, ReleaseState},
};
use kube::api::Patch;
use kube::api::PatchParams;
use serde_json::json;

use super::{PATIENCE, api, apply, create, delete, get, inventory, map, release, remove, settings, start};

#[tokio::test]
async fn foreign_object_is_reported_before_any_write() {
    let (_turn, client) = start().await;
    let mut theirs = settings("foreign-b", "theirs");
    theirs.metadata.labels = None;
    create(&client, &theirs).await;
    let before = get(&client, &map("foreign-b")).await.unwrap();
    let wanted = release("foreign", [settings("foreign-a", "1"), settings("foreign-b", "1")]);
    let expected = vec![map("foreign-b")];
    assert_eq!(
        release::observe(&client, &wanted, &Steady).await.unwrap(),
        ReleaseState::Foreign { objects: expected.clone(), platform: None }
    );
    let error = release::apply(&client, &wanted, &Steady).await.unwrap_err();
    assert_eq!(error.to_string(), "objects of these names are not devplat's: ConfigMap default/foreign-b");
    assert!(matches!(error, ReleaseError::Foreign(foreign) if foreign == expected));
    assert!(get(&client, &map("foreign-a")).await.is_none());
    assert_eq!(get(&client, &map("foreign-b")).await.unwrap(), before);
    delete(&client, &map("foreign-b")).await;
}

#[tokio::test]
async fn object_without_our_label_is_not_deleted() {
    let (_turn, client) = start().await;
    let wanted = release("lost", [settings("lost-a", "1")]);
    apply(&client, &wanted).await;
    let unlabel = json!({"metadata": {"labels": {(release::PLATFORM_LABEL): null}}});
    api(&client, &map("lost-a"))
        .patch("lost-a", &PatchParams::default(), &Patch::Merge(&unlabel))
        .await
        .unwrap();
    remove(&client, "lost").await;
    assert!(get(&client, &map("lost-a")).await.is_some());
    delete(&client, &map("lost-a")).await;
}

#[tokio::test]
async fn release_of_another_platform_is_not_changed() {
    let (_turn, client) = start().await;
    let ours = release("shared", [settings("shared-a", "1")]);
    apply(&client, &ours).await;
    let before = get(&client, &inventory("shared")).await.unwrap();
    release::remove(&client, "somebody-else", "shared", DataLoss::Allowed, PATIENCE, &Steady).await.unwrap();
    assert_eq!(get(&client, &inventory("shared")).await.unwrap(), before);
    assert!(get(&client, &map("shared-a")).await.is_some());
    let theirs = Release { platform: "somebody-else".to_owned(), objects: Vec::new(), ..ours };
    let error = release::apply(&client, &theirs, &Steady).await.unwrap_err();
    assert_eq!(error.to_string(), "objects of these names are not devplat's: Namespace devplat-system");
    remove(&client, "shared").await;
}
