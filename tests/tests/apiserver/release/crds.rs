//! CRDs that are being deleted, and the objects that hold them.

use std::time::{Duration, Instant};

use devplat_api::name;
use devplat_kubernetes::{
    ObjectRef, Steady,
    release::{Holder, OperatorState, ReleaseError, ReleaseState},
};
use kube::api::{DynamicObject, Patch, PatchParams};
use serde_json::json;

use super::{
    super::cluster::command_lines, api, apply, as_wanted, create, delete, ours, release, remove, start,
};

#[tokio::test]
async fn apply_ends_early_if_only_an_absent_operator_releases_a_crd() {
    let (_turn, client) = start().await;
    let crds = release("crds", devplat_api::crds().iter().map(|crd| ours(json!(crd))));
    apply(&client, &crds).await;
    let user: DynamicObject = serde_json::from_value(json!({
        "apiVersion": "apps.devservers.io/v1", "kind": "DevUser",
        "metadata": {"name": "held", "finalizers": [name::USER_FINALIZER]}, "spec": {}
    }))
    .unwrap();
    create(&client, &user).await;
    let crd = ObjectRef {
        api_version: "apiextensions.k8s.io/v1".to_owned(),
        kind: "CustomResourceDefinition".to_owned(),
        namespace: None,
        name: "devusers.apps.devservers.io".to_owned(),
    };
    delete(&client, &crd).await;

    let held = "being deleted: held by DevUser held (devserver.io/user); the operator, which releases it, does not \
                exist";
    let ReleaseState::Present { leaving, missing, .. } =
        release::observe(&client, &crds, &Steady).await.unwrap()
    else {
        panic!()
    };
    let texts: Vec<String> = leaving.iter().map(ToString::to_string).collect();
    assert_eq!(texts, [format!("waiting for {crd}: {held}")]);
    assert_eq!(missing, []);

    let begun = Instant::now();
    let error = release::apply(&client, &crds, &Steady).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert!(error.to_string().ends_with(held), "{error}");
    let hints = error.hints(&command_lines());
    assert_eq!(hints.len(), 2, "{hints:?}");
    let ReleaseError::NotReady(not_ready) = error else { panic!("{error:?}") };
    let holder = Holder::Operator { object: ObjectRef::of(&user), state: OperatorState::Absent };
    assert_eq!(not_ready.holder.as_deref(), Some(&holder));

    // As the operator does.
    let none = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    api(&client, &ObjectRef::of(&user)).patch("held", &PatchParams::default(), &none).await.unwrap();
    apply(&client, &crds).await;
    assert_eq!(release::observe(&client, &crds, &Steady).await.unwrap(), as_wanted());
    remove(&client, "crds").await;
}
