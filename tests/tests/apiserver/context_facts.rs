//! Facts of a cluster: its identity, its platforms, its capabilities, and the registry that it announces.

use std::sync::Arc;

use devplat_kubernetes::{
    capabilities::{self, PodSecurityLevel, Storage},
    connect::{NoPlugins, ProxyRules},
    context,
    hosting::{self, Announced, Hosting},
    identity,
    recognition::Distribution,
};
use devplat_tests::control_plane::STORAGE_CLASS;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;

use super::{cluster::platform, namespace};

#[tokio::test]
async fn cluster_is_identified_and_lists_its_platforms() {
    let client = platform().await.plane.client().await.unwrap();
    let system = Api::<Namespace>::all(client.clone()).get("kube-system").await.unwrap();
    assert_eq!(identity::cluster_uid(&client).await.unwrap().as_str(), system.uid().unwrap());
    let platforms = identity::platforms(&client).await.unwrap();
    assert!(platforms.contains(&"test".to_owned()), "{platforms:?}");
}

#[tokio::test]
async fn capabilities_of_a_cluster_are_found() {
    let kubeconfig = platform().await.plane.kubeconfig();
    let context = context::find(&kubeconfig, None).unwrap().unwrap();
    let proxies = ProxyRules::default();
    let client = context::client(&kubeconfig, &context.name, &proxies, Arc::new(NoPlugins)).await.unwrap();
    // A trial of pods needs the ServiceAccount of the namespace.
    namespace::Namespace::new("capable").await;
    let found = devplat_tests::waiting::until("a level of Pod Security", namespace::PATIENCE, async || {
        let found = capabilities::ask(&client, &context).await.unwrap();
        if found.pod_security.is_some() { Ok(found) } else { Err("none") }
    })
    .await
    .unwrap();
    assert!(found.version.starts_with("v1."), "{found:?}");
    assert_eq!(found.recognition.distribution, Distribution::Other);
    assert_eq!(found.storage, Storage::Default(STORAGE_CLASS.to_owned()));
    assert_eq!(found.default_storage_classes, [STORAGE_CLASS]);
    assert_eq!(found.load_balancer, None);
    assert!(!found.metrics);
    // This API server runs without `--allow-privileged`.
    assert_eq!(found.pod_security, Some(PodSecurityLevel::Baseline));
}

#[tokio::test]
async fn announced_registry_is_read_and_only_ours_is_withdrawn() {
    let client = platform().await.plane.client().await.unwrap();
    assert_eq!(hosting::read(&client).await.unwrap(), None);
    let ours = Hosting { host: Some("localhost:5001".to_owned()), ..Hosting::default() };
    assert_eq!(hosting::announce(&client, "test", &ours).await.unwrap(), Announced::Created);
    assert_eq!(hosting::announce(&client, "test", &Hosting::default()).await.unwrap(), Announced::Kept);
    assert_eq!(hosting::read(&client).await.unwrap(), Some(ours));
    // An announcement of another platform stays, and so does one without our label.
    hosting::withdraw(&client, "other").await.unwrap();
    assert!(hosting::read(&client).await.unwrap().is_some());
    hosting::withdraw(&client, "test").await.unwrap();
    assert_eq!(hosting::read(&client).await.unwrap(), None);
    let maps: Api<ConfigMap> = Api::namespaced(client.clone(), "kube-public");
    let theirs = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "local-registry-hosting"},
        "data": {"localRegistryHosting.v1": "host: \"localhost:5000\"\n"},
    });
    maps.patch("local-registry-hosting", &PatchParams::apply("other"), &Patch::Apply(&theirs)).await.unwrap();
    hosting::withdraw(&client, "test").await.unwrap();
    let read = hosting::read(&client).await.unwrap().unwrap();
    assert_eq!(read.pull_address(), Some("localhost:5000"));
    maps.delete("local-registry-hosting", &DeleteParams::default()).await.unwrap();
}
