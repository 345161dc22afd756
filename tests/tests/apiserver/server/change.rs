//! Changes of a dev server's spec.

use devplat_api::DevServer;
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{PersistentVolumeClaim, Pod, Service},
};
use kube::ResourceExt;
use serde_json::json;

use super::super::namespace::Namespace;

#[tokio::test]
async fn another_image_replaces_the_pod_and_keeps_the_home() {
    let space = ready("change-image").await;
    let (pod, home) = (space.pod("mydev").await, space.get::<PersistentVolumeClaim>("mydev-home").await);
    space.change::<DevServer>("mydev", json!({"spec": {"image": "example.com/other:1"}})).await;
    space.gone::<Pod>(&pod.name_any()).await;
    let server = space.ready("mydev").await;
    assert_eq!(server.status.unwrap().image.as_deref(), Some("example.com/other:1"));
    let after = space.pod("mydev").await;
    assert_eq!(after.spec.unwrap().containers[0].image.as_deref(), Some("example.com/other:1"));
    assert_eq!(space.get::<PersistentVolumeClaim>("mydev-home").await.uid(), home.uid());
}

#[tokio::test]
async fn removed_volume_and_command_leave_the_deployment() {
    let space = Namespace::new("change-less").await;
    let more = json!({"sharedVolumeClaimName": "datasets", "command": ["sleep", "infinity"]});
    space.server("mydev", more).await;
    let claims = |deployment: &Deployment| {
        let pod = deployment.spec.as_ref().unwrap().template.spec.clone().unwrap();
        let volumes = pod.volumes.unwrap_or_default();
        volumes
            .into_iter()
            .filter_map(|volume| Some(volume.persistent_volume_claim?.claim_name))
            .collect::<Vec<_>>()
    };
    let both: Vec<String> = vec!["mydev-home".into(), "datasets".into()];
    space.becomes("mydev", "to have both", |deployment| claims(deployment) == both).await;
    let less = json!({"spec": {"sharedVolumeClaimName": null, "command": null}});
    space.change::<DevServer>("mydev", less).await;
    space.becomes("mydev", "to have its home alone", |deployment| claims(deployment) == both[..1]).await;
    space.ready("mydev").await;
    let args = space.pod("mydev").await.spec.unwrap().containers[0].args.clone().unwrap_or_default();
    assert!(!args.contains(&"infinity".to_owned()), "{args:?}");
}

#[tokio::test]
async fn server_restarts_on_request() {
    let space = ready("change-restart").await;
    let before = space.pod("mydev").await;
    let annotation = json!({"metadata": {"annotations": {(devplat_api::name::RESTART_ANNOTATION): "now"}}});
    space.change::<DevServer>("mydev", annotation).await;
    space.gone::<Pod>(&before.name_any()).await;
    space.ready("mydev").await;
    assert_ne!(space.pod("mydev").await.uid(), before.uid());
}

#[tokio::test]
async fn service_is_created_when_ssh_is_enabled() {
    let space = ready("change-ssh").await;
    let pod = space.pod("mydev").await;
    space.change::<DevServer>("mydev", json!({"spec": {"enableSSH": false}})).await;
    space.gone::<Service>("mydev-ssh").await;
    let without = space.ready("mydev").await.status.unwrap();
    assert_eq!((without.service_name, without.ssh_endpoint), (None, None));
    space.change::<DevServer>("mydev", json!({"spec": {"enableSSH": true}})).await;
    space.becomes("mydev-ssh", "to be there", |_: &Service| true).await;
    // The agent reads at its start whether SSH is enabled.
    space.ready("mydev").await;
    assert_ne!(space.pod("mydev").await.uid(), pod.uid());
}

#[tokio::test]
async fn home_grows_without_a_new_pod() {
    let space = ready("change-home").await;
    let pod = space.pod("mydev").await;
    space.change::<DevServer>("mydev", json!({"spec": {"persistentHomeSize": "20Gi"}})).await;
    let grown = |claim: &PersistentVolumeClaim| {
        let resources = claim.spec.as_ref().unwrap().resources.as_ref().unwrap();
        resources.requests.as_ref().unwrap()["storage"].0 == "20Gi"
    };
    space.becomes("mydev-home", "to have grown", grown).await;
    assert_eq!(space.pod("mydev").await.uid(), pod.uid());
}

#[tokio::test]
async fn command_and_owner_are_set_in_the_deployment() {
    let space = Namespace::new("change-command").await;
    let spec = json!({"owner": "alice@example.com", "command": ["sh", "-c", "train"]});
    space.server("mydev", spec).await;
    space.ready("mydev").await;
    let container = space.pod("mydev").await.spec.unwrap().containers.remove(0);
    let command = container.command.unwrap();
    assert_eq!(command[..2], ["/devplat/devplat-agent", "init"]);
    assert!(command.ends_with(&["--", "sh", "-c", "train"].map(str::to_owned)), "{command:?}");
    let env = container.env.unwrap();
    let owner = env.iter().find(|variable| variable.name == "DEVSERVER_OWNER").unwrap();
    assert_eq!(owner.value.as_deref(), Some("alice@example.com"));
}

async fn ready(name: &str) -> Namespace {
    let space = Namespace::new(name).await;
    space.server("mydev", json!({})).await;
    space.ready("mydev").await;
    space
}
