//! Dev servers and the life of their flavors.

use devplat_api::{
    DevServer, DevServerFlavor,
    condition::{ConditionType, Reason},
};
use k8s_openapi::api::{apps::v1::Deployment, core::v1::Pod};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;

use super::super::namespace::{self, Namespace, becomes, gone, message};

#[tokio::test]
async fn unknown_flavor_is_reported_until_it_exists() {
    let space = Namespace::new("flavor-unknown").await;
    space.server("mydev", json!({"flavor": "flavor-late"})).await;
    for kind in [ConditionType::FlavorResolved, ConditionType::Ready] {
        let said = space.says("mydev", kind, "False", Reason::FlavorNotFound).await;
        assert!(said.starts_with(r#"there is no flavor "flavor-late"; "#), "{said}");
        assert!(said.contains("cpu-large, cpu-medium, cpu-small"), "{said}");
    }
    assert_eq!(space.names::<Deployment>().await, [""; 0]);
    namespace::flavor(&space.client, "flavor-late", json!({})).await;
    let server = space.ready("mydev").await;
    assert_eq!(server.status.unwrap().flavor.as_deref(), Some("flavor-late"));
}

#[tokio::test]
async fn mistyped_flavor_is_reported_with_the_nearest() {
    let space = Namespace::new("flavor-typo").await;
    space.server("mydev", json!({"flavor": "cpu-smal"})).await;
    let said = space.says("mydev", ConditionType::FlavorResolved, "False", Reason::FlavorNotFound).await;
    assert!(
        said.starts_with(r#"there is no flavor "cpu-smal"; did you mean "cpu-small"? flavors: "#),
        "{said}"
    );
    space.change::<DevServer>("mydev", json!({"spec": {"flavor": "cpu-small"}})).await;
    space.ready("mydev").await;
}

#[tokio::test]
async fn flavor_in_use_stays_until_its_last_server_is_deleted() {
    let space = Namespace::new("flavor-used").await;
    let flavors: Api<DevServerFlavor> = Api::all(space.client.clone());
    namespace::flavor(&space.client, "flavor-used", json!({})).await;
    in_use(&flavors, "flavor-used", "False", Reason::Unused).await;
    space.server("mydev", json!({"flavor": "flavor-used"})).await;
    space.ready("mydev").await;
    in_use(&flavors, "flavor-used", "True", Reason::Used).await;

    flavors.delete("flavor-used", &DeleteParams::default()).await.unwrap();
    let said = in_use(&flavors, "flavor-used", "True", Reason::Kept).await;
    assert_eq!(said, "not deleted while dev servers use it: flavor-used/mydev");
    // The server that uses the flavor keeps it; a new server cannot use it.
    space.server("late", json!({"flavor": "flavor-used"})).await;
    let said = space.says("late", ConditionType::FlavorResolved, "False", Reason::FlavorDeleting).await;
    assert!(said.starts_with(r#"flavor "flavor-used" is being deleted; flavors: "#), "{said}");
    assert!(space.ready("mydev").await.status.unwrap().ready);

    space.delete::<DevServer>("late").await;
    space.delete::<DevServer>("mydev").await;
    gone(&flavors, "flavor-used").await;
}

#[tokio::test]
async fn unused_flavor_is_deleted_immediately() {
    let space = Namespace::new("flavor-unused").await;
    let flavors: Api<DevServerFlavor> = Api::all(space.client.clone());
    namespace::flavor(&space.client, "flavor-unused", json!({})).await;
    in_use(&flavors, "flavor-unused", "False", Reason::Unused).await;
    flavors.delete("flavor-unused", &DeleteParams::default()).await.unwrap();
    gone(&flavors, "flavor-unused").await;
}

#[tokio::test]
async fn changed_flavor_takes_effect_at_a_restart() {
    let space = Namespace::new("flavor-changed").await;
    let flavors: Api<DevServerFlavor> = Api::all(space.client.clone());
    namespace::flavor(&space.client, "flavor-changed", json!({})).await;
    space.server("mydev", json!({"flavor": "flavor-changed"})).await;
    space.ready("mydev").await;
    let before = space.pod("mydev").await;

    let more = json!({"spec": {"resources": {"limits": {"memory": "3Gi"}}}});
    flavors.patch("flavor-changed", &PatchParams::default(), &Patch::Merge(more)).await.unwrap();
    let said = space.says("mydev", ConditionType::RestartPending, "True", Reason::TemplateChanged).await;
    assert_eq!(said, "flavor, agent or template changed; the change takes effect at the next restart");
    assert_eq!(space.pod("mydev").await.uid(), before.uid());
    assert!(space.get::<DevServer>("mydev").await.status.unwrap().ready);

    let annotation = json!({"metadata": {"annotations": {(devplat_api::name::RESTART_ANNOTATION): "1"}}});
    space.change::<DevServer>("mydev", annotation).await;
    space.gone::<Pod>(&before.name_any()).await;
    let server = space.ready("mydev").await;
    let conditions = server.status.unwrap().conditions;
    assert!(conditions.iter().all(|condition| condition.type_ != "RestartPending"), "{conditions:?}");
    let limits = space.pod("mydev").await.spec.unwrap().containers[0].resources.clone().unwrap().limits;
    assert_eq!(limits.unwrap()["memory"].0, "3Gi");
}

async fn in_use(flavors: &Api<DevServerFlavor>, name: &str, status: &str, reason: Reason) -> String {
    let said = |flavor: &DevServerFlavor| {
        let conditions = flavor.status.clone().unwrap_or_default().conditions;
        message(&conditions, flavor.metadata.generation, ConditionType::InUse, status, reason)
    };
    let what = format!("to report InUse={status} {reason}");
    let flavor = becomes(flavors, name, &what, |flavor| said(flavor).is_some()).await;
    said(&flavor).unwrap()
}
