//! What somebody else made is never touched, even where it has the name that a dev server needs.

use devplat_api::{
    DevServer,
    condition::{ConditionType, Reason},
};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{PersistentVolumeClaim, Service},
};
use serde_json::json;

use super::super::namespace::Namespace;

#[tokio::test]
async fn foreign_deployment_of_the_name_is_left_alone() {
    let space = Namespace::new("foreign-deployment").await;
    make_their_deployment(&space).await;
    space.server("mydev", json!({})).await;
    says_taken(&space, r#"Deployment "mydev""#).await;
    let after: Deployment = space.get("mydev").await;
    assert_eq!(after.metadata.generation, Some(1));
    assert_eq!(after.metadata.labels, None);
    assert_eq!(space.names::<PersistentVolumeClaim>().await, [""; 0]);

    // Nor is it taken down with the server.
    space.delete::<DevServer>("mydev").await;
    space.gone::<DevServer>("mydev").await;
    let after: Deployment = space.get("mydev").await;
    assert_eq!(after.metadata.deletion_timestamp, None);
}

#[tokio::test]
async fn server_goes_on_when_a_foreign_deployment_has_gone() {
    let space = Namespace::new("foreign-gone").await;
    make_their_deployment(&space).await;
    space.server("mydev", json!({})).await;
    says_taken(&space, r#"Deployment "mydev""#).await;
    space.delete::<Deployment>("mydev").await;
    space.ready("mydev").await;
}

#[tokio::test]
async fn foreign_service_of_the_name_is_left_alone() {
    let space = Namespace::new("foreign-service").await;
    let theirs = json!({"metadata": {"name": "mydev-ssh"}, "spec": {"ports": [{"port": 80}]}});
    let before: Service = space.make(theirs).await;
    space.server("mydev", json!({})).await;
    says_taken(&space, r#"Service "mydev-ssh""#).await;
    assert_eq!(space.get::<Service>("mydev-ssh").await, before);
    assert_eq!(space.names::<Deployment>().await, [""; 0]);
    // Without SSH it needs no Service, and so nothing is in its way.
    space.change::<DevServer>("mydev", json!({"spec": {"enableSSH": false}})).await;
    space.ready("mydev").await;
    assert_eq!(space.get::<Service>("mydev-ssh").await, before);
}

#[tokio::test]
async fn foreign_claim_of_the_name_is_left_alone() {
    let space = Namespace::new("foreign-claim").await;
    let theirs = json!({
        "metadata": {"name": "mydev-home"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            // Of no class, so that nothing but the operator could change it.
            "storageClassName": ""
        }
    });
    space.make::<PersistentVolumeClaim>(theirs).await;
    space.server("mydev", json!({"homeRetention": "Delete"})).await;
    says_taken(&space, r#"PersistentVolumeClaim "mydev-home""#).await;
    // No pod ever sees what is in it.
    assert_eq!(space.names::<Deployment>().await, [""; 0]);
    let before: PersistentVolumeClaim = space.get("mydev-home").await;
    space.delete::<DevServer>("mydev").await;
    space.gone::<DevServer>("mydev").await;
    assert_eq!(space.get::<PersistentVolumeClaim>("mydev-home").await, before);
}

/// One of somebody else's, with the name of the server's.
async fn make_their_deployment(space: &Namespace) {
    let theirs = json!({
        "metadata": {"name": "mydev"},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"their": "own"}},
            "template": {
                "metadata": {"labels": {"their": "own"}},
                "spec": {"containers": [{"name": "theirs", "image": "theirs"}]}
            }
        }
    });
    space.make::<Deployment>(theirs).await;
}

async fn says_taken(space: &Namespace, what: &str) {
    for kind in [ConditionType::Accepted, ConditionType::Ready] {
        let said = space.says("mydev", kind, "False", Reason::NameTaken).await;
        assert_eq!(
            said,
            format!(
                "{what} exists and is not this server's; it is left alone: remove it, or choose another name for \
                 the server"
            )
        );
    }
}
