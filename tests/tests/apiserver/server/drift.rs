//! Manual changes of children are reverted.

use devplat_api::DevServer;
use k8s_openapi::{
    api::{apps::v1::Deployment, core::v1::Service},
    apimachinery::pkg::util::intstr::IntOrString,
};
use kube::{
    ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

use super::super::namespace::Namespace;

#[tokio::test]
async fn manually_scaled_deployment_is_scaled_back() {
    let space = ready("drift-scale").await;
    space.change::<Deployment>("mydev", json!({"spec": {"replicas": 0}})).await;
    let one = |deployment: &Deployment| deployment.spec.as_ref().unwrap().replicas == Some(1);
    space.becomes("mydev", "to have one replica", one).await;
    space.ready("mydev").await;
}

#[tokio::test]
async fn manually_changed_deployment_is_restored() {
    let space = ready("drift-machine").await;
    let before: Deployment = space.get("mydev").await;
    let other = json!({"spec": {"template": {"spec": {"nodeSelector": {"no": "such"}}}}});
    space.change::<Deployment>("mydev", other).await;
    let right = |deployment: &Deployment| {
        deployment.metadata.generation > Some(2)
            && deployment.spec.as_ref().unwrap().template == before.spec.as_ref().unwrap().template
    };
    space.becomes("mydev", "to be as before", right).await;
    space.ready("mydev").await;
}

#[tokio::test]
async fn manually_deleted_deployment_is_recreated() {
    let space = ready("drift-machine-gone").await;
    let before = space.get::<Deployment>("mydev").await;
    space.delete::<Deployment>("mydev").await;
    space.becomes("mydev", "to be another", |now: &Deployment| now.uid() != before.uid()).await;
    space
        .becomes("mydev", "to be ready again", |server: &DevServer| {
            server.status.as_ref().is_some_and(|status| status.ready)
        })
        .await;
}

#[tokio::test]
async fn manually_changed_service_is_restored() {
    let space = ready("drift-service").await;
    let other =
        json!({"spec": {"ports": [{"name": "ssh", "port": 22, "protocol": "TCP", "targetPort": 8080}]}});
    space.change::<Service>("mydev-ssh", other).await;
    let right = |service: &Service| {
        let ports = service.spec.as_ref().unwrap().ports.as_ref().unwrap();
        ports[0].target_port == Some(IntOrString::Int(2222))
    };
    space.becomes("mydev-ssh", "to lead to the agent", right).await;
}

#[tokio::test]
async fn manually_deleted_service_is_recreated() {
    let space = ready("drift-service-gone").await;
    let before = space.get::<Service>("mydev-ssh").await;
    space.delete::<Service>("mydev-ssh").await;
    space.becomes("mydev-ssh", "to be another", |now: &Service| now.uid() != before.uid()).await;
}

#[tokio::test]
async fn manually_cleared_status_is_written_again() {
    let space = ready("drift-status").await;
    let wipe = Patch::Merge(json!({"status": null}));
    space.api::<DevServer>().patch_status("mydev", &PatchParams::default(), &wipe).await.unwrap();
    space.ready("mydev").await;
}

async fn ready(name: &str) -> Namespace {
    let space = Namespace::new(name).await;
    space.server("mydev", json!({})).await;
    space.ready("mydev").await;
    space
}
