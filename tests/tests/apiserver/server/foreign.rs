//! Foreign objects with the name of a child are never changed.

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
async fn foreign_deployment_is_not_changed() {
    let space = Namespace::new("foreign-deployment").await;
    make_their_deployment(&space).await;
    space.server("mydev", json!({})).await;
    says_taken(&space, r#"Deployment "mydev""#).await;
    let after: Deployment = space.get("mydev").await;
    assert_eq!(after.metadata.generation, Some(1));
    assert_eq!(after.metadata.labels, None);
    assert_eq!(space.names::<PersistentVolumeClaim>().await, [""; 0]);

    // It also stays when the server is deleted.
    space.delete::<DevServer>("mydev").await;
    space.gone::<DevServer>("mydev").await;
    let after: Deployment = space.get("mydev").await;
    assert_eq!(after.metadata.deletion_timestamp, None);
}

#[tokio::test]
async fn server_continues_once_a_foreign_deployment_is_gone() {
    let space = Namespace::new("foreign-gone").await;
    make_their_deployment(&space).await;
    space.server("mydev", json!({})).await;
    says_taken(&space, r#"Deployment "mydev""#).await;
    space.delete::<Deployment>("mydev").await;
    space.ready("mydev").await;
}

#[tokio::test]
async fn foreign_service_is_not_changed() {
    let space = Namespace::new("foreign-service").await;
    let theirs = json!({"metadata": {"name": "mydev-ssh"}, "spec": {"ports": [{"port": 80}]}});
    let before: Service = space.make(theirs).await;
    space.server("mydev", json!({})).await;
    says_taken(&space, r#"Service "mydev-ssh""#).await;
    assert_eq!(space.get::<Service>("mydev-ssh").await, before);
    assert_eq!(space.names::<Deployment>().await, [""; 0]);
    // Without SSH the server needs no Service, so the foreign one does not block it.
    space.change::<DevServer>("mydev", json!({"spec": {"enableSSH": false}})).await;
    space.ready("mydev").await;
    assert_eq!(space.get::<Service>("mydev-ssh").await, before);
}

#[tokio::test]
async fn foreign_claim_is_not_changed() {
    let space = Namespace::new("foreign-claim").await;
    let theirs = json!({
        "metadata": {"name": "mydev-home"},
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": {"requests": {"storage": "1Gi"}},
            // Without a class, so that only the operator could change it.
            "storageClassName": ""
        }
    });
    space.make::<PersistentVolumeClaim>(theirs).await;
    space.server("mydev", json!({"homeRetention": "Delete"})).await;
    says_taken(&space, r#"PersistentVolumeClaim "mydev-home""#).await;
    // No pod ever mounts it.
    assert_eq!(space.names::<Deployment>().await, [""; 0]);
    let before: PersistentVolumeClaim = space.get("mydev-home").await;
    space.delete::<DevServer>("mydev").await;
    space.gone::<DevServer>("mydev").await;
    assert_eq!(space.get::<PersistentVolumeClaim>("mydev-home").await, before);
}

/// Creates a foreign Deployment with the name of the server's.
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
