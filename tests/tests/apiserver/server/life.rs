//! The life of a dev server and of its home.

use devplat_api::{
    DevServer,
    condition::{ConditionType, Reason},
    name,
    server::Phase,
};
use k8s_openapi::api::{
    apps::v1::{Deployment, ReplicaSet},
    core::v1::{Namespace as Object, PersistentVolumeClaim, Pod, Secret, Service},
    networking::v1::NetworkPolicy,
};
use kube::{Api, ResourceExt, api::DeleteParams};
use serde_json::json;

use super::super::namespace::{Namespace, gone, said};

#[tokio::test]
async fn new_server_becomes_ready_with_deployment_home_and_service() {
    let space = Namespace::new("life-ready").await;
    space.server("mydev", json!({})).await;
    let server = space.ready("mydev").await;

    let pod = space.pod("mydev").await;
    let status = server.status.clone().unwrap();
    assert_eq!(status.phase, Phase::Running);
    assert_eq!(status.pod_names, [pod.name_any()]);
    assert_eq!(status.flavor.as_deref(), Some("cpu-small"));
    assert_eq!(status.image.as_deref(), Some("devplat.local/base"));
    assert_eq!(status.ssh_endpoint.as_deref(), Some("mydev-ssh.life-ready.svc:22"));
    assert_eq!(status.service_name.as_deref(), Some("mydev-ssh"));
    assert!(status.start_time.is_some());
    assert!(status.pod_ip.is_some());
    assert_eq!(status.pod_ip, pod.status.as_ref().and_then(|status| status.pod_ip.clone()));
    for (kind, reason) in [
        (ConditionType::Accepted, Reason::Valid),
        (ConditionType::FlavorResolved, Reason::Found),
        (ConditionType::StorageReady, Reason::Bound),
        (ConditionType::PodScheduled, Reason::Found),
        (ConditionType::Ready, Reason::PodReady),
    ] {
        assert!(said(&server, kind, "True", reason).is_some(), "{kind}: {:?}", status.conditions);
    }

    let owned = |owners: &[k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference]| {
        owners.iter().any(|owner| Some(&owner.uid) == server.metadata.uid.as_ref())
    };
    assert!(owned(space.get::<Deployment>("mydev").await.owner_references()));
    assert!(owned(space.get::<Service>("mydev-ssh").await.owner_references()));
    let home: PersistentVolumeClaim = space.get("mydev-home").await;
    assert_eq!(home.owner_references(), []);
    let requests = home.spec.unwrap().resources.unwrap().requests.unwrap();
    assert_eq!(requests["storage"].0, "10Gi");
}

#[tokio::test]
async fn network_policy_exists_while_a_namespace_has_servers() {
    let space = Namespace::new("life-network").await;
    let policy = name::NETWORK_POLICY;
    for server in ["mydev", "other"] {
        space.server(server, json!({})).await;
        space.ready(server).await;
    }
    let closed: NetworkPolicy = space.get(policy).await;
    let spec = json!(closed.spec);
    let from = |number: usize| spec["ingress"][number].clone();
    let pods = |namespace: &str, name: &str| {
        json!([{
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
            "podSelector": {"matchLabels": {"app.kubernetes.io/name": name}},
        }])
    };
    assert_eq!(from(0)["from"], pods("devserver-bastion", "bastion"));
    assert_eq!(from(0)["ports"], json!([{"protocol": "TCP", "port": 2222}]));
    assert_eq!(from(1)["from"], pods("devserver-operator-system", "devserver-operator"));
    assert_eq!(from(1)["ports"], json!([{"protocol": "TCP", "port": 2223}]));

    let open: NetworkPolicy = space.change(policy, json!({"spec": {"ingress": [{}]}})).await;
    assert_ne!(open.spec, closed.spec);
    space.becomes(policy, "to be closed again", |now: &NetworkPolicy| now.spec == closed.spec).await;
    space.delete::<DevServer>("mydev").await;
    space.gone::<DevServer>("mydev").await;
    space
        .becomes(policy, "to be there for the other one", |now: &NetworkPolicy| now.spec == closed.spec)
        .await;
    space.delete::<DevServer>("other").await;
    space.gone::<NetworkPolicy>(policy).await;
}

#[tokio::test]
async fn deletion_leaves_only_the_home() {
    let space = Namespace::new("life-end").await;
    space.server("mydev", json!({})).await;
    space.ready("mydev").await;
    space.delete::<DevServer>("mydev").await;
    space.gone::<DevServer>("mydev").await;
    nothing_but_homes(&space).await;
    let home: PersistentVolumeClaim = space.get("mydev-home").await;
    assert_eq!(home.metadata.deletion_timestamp, None);
    assert_eq!(home.status.unwrap().phase.as_deref(), Some("Bound"));
}

#[tokio::test]
async fn home_is_deleted_with_its_server_on_request() {
    let space = Namespace::new("life-home-end").await;
    space.server("mydev", json!({"homeRetention": "Delete"})).await;
    space.ready("mydev").await;
    space.delete::<DevServer>("mydev").await;
    space.gone::<DevServer>("mydev").await;
    nothing_but_homes(&space).await;
    assert_eq!(space.names::<PersistentVolumeClaim>().await, [""; 0]);
}

#[tokio::test]
async fn new_server_of_the_same_name_gets_the_old_home() {
    let space = Namespace::new("life-again").await;
    space.server("mydev", json!({})).await;
    space.ready("mydev").await;
    let before: PersistentVolumeClaim = space.get("mydev-home").await;
    space.delete::<DevServer>("mydev").await;
    space.gone::<DevServer>("mydev").await;

    space.server("mydev", json!({})).await;
    space.ready("mydev").await;
    let after: PersistentVolumeClaim = space.get("mydev-home").await;
    assert_eq!(after.uid(), before.uid());
    assert_eq!(after.spec.unwrap().volume_name, before.spec.unwrap().volume_name);
}

#[tokio::test]
async fn server_deleted_right_after_its_creation_leaves_no_deployment() {
    let space = Namespace::new("life-short").await;
    space.server("mydev", json!({})).await;
    space.delete::<DevServer>("mydev").await;
    space.gone::<DevServer>("mydev").await;
    nothing_but_homes(&space).await;
}

#[tokio::test]
async fn servers_of_the_same_name_in_two_namespaces_are_separate() {
    let (one, two) = tokio::join!(Namespace::new("life-one"), Namespace::new("life-two"));
    one.server("mydev", json!({})).await;
    two.server("mydev", json!({})).await;
    let (first, second) = tokio::join!(one.ready("mydev"), two.ready("mydev"));
    assert_ne!(first.status.unwrap().pod_names, second.status.unwrap().pod_names);
    one.delete::<DevServer>("mydev").await;
    one.gone::<DevServer>("mydev").await;
    assert!(two.ready("mydev").await.status.unwrap().ready);
    assert_eq!(two.names::<Pod>().await.len(), 1);
}

#[tokio::test]
async fn server_exists_until_its_pod_has_ended() {
    let space = Namespace::new("life-slow").await;
    space.server("mydev", json!({"flavor": super::silent_flavor(&space).await})).await;
    let pod = space.pod("mydev").await.name_any();
    super::run(&space, &pod).await;
    space.ready("mydev").await;
    space.delete::<DevServer>("mydev").await;
    // No kubelet ends the pod on that node, so it stays in deletion.
    space.becomes(&pod, "to be in deletion", |pod: &Pod| pod.metadata.deletion_timestamp.is_some()).await;
    space.gone::<Deployment>("mydev").await;
    let server: DevServer = space.get("mydev").await;
    assert_eq!(server.finalizers(), [name::SERVER_FINALIZER]);
    space.end(&pod).await;
    space.gone::<DevServer>("mydev").await;
    nothing_but_homes(&space).await;
}

#[tokio::test]
async fn deleted_pod_is_replaced() {
    let space = Namespace::new("life-pod").await;
    space.server("mydev", json!({})).await;
    let before = space.ready("mydev").await.status.unwrap().pod_names;
    space.delete::<Pod>(&before[0]).await;
    space
        .becomes("mydev", "to be ready with another pod", |server: &DevServer| {
            let status = server.status.clone().unwrap_or_default();
            status.ready && status.pod_names != before
        })
        .await;
}

#[tokio::test]
async fn servers_are_deleted_with_their_namespace() {
    let space = Namespace::new("life-space").await;
    space.server("mydev", json!({})).await;
    space.ready("mydev").await;
    let spaces = Api::<Object>::all(space.client.clone());
    spaces.delete("life-space", &DeleteParams::default()).await.unwrap();
    gone(&spaces, "life-space").await;
}

#[tokio::test]
async fn server_with_a_foreign_finalizer_loses_its_deployment() {
    let space = Namespace::new("life-held").await;
    space.server("mydev", json!({})).await;
    space.ready("mydev").await;
    let both = json!({"metadata": {"finalizers": [name::SERVER_FINALIZER, "example.com/held"]}});
    space.change::<DevServer>("mydev", both).await;
    space.delete::<DevServer>("mydev").await;
    let held = |server: &DevServer| server.finalizers() == ["example.com/held"];
    space.becomes("mydev", "to have only the foreign finalizer", held).await;
    nothing_but_homes(&space).await;
    space.change::<DevServer>("mydev", json!({"metadata": {"finalizers": []}})).await;
    space.gone::<DevServer>("mydev").await;
    nothing_but_homes(&space).await;
}

async fn nothing_but_homes(space: &Namespace) {
    assert_eq!(space.names::<Pod>().await, [""; 0]);
    assert_eq!(space.names::<Service>().await, [""; 0]);
    assert_eq!(space.names::<Deployment>().await, [""; 0]);
    assert_eq!(space.names::<ReplicaSet>().await, [""; 0]);
    assert_eq!(space.names::<Secret>().await, [""; 0]);
}
