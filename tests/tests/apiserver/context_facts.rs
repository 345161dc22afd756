//! Facts of a cluster: its identity, its platforms, its capabilities, and the registry that it announces.

use std::{sync::Arc, time::SystemTime};

use devplat_kubernetes::{
    ObjectRef,
    capabilities::{self, PodSecurityLevel, Storage},
    connect::{NoPlugins, ProxyRules},
    context::{self, Context},
    hosting::{self, Announced, Hosting},
    identity,
    recognition::Distribution,
};
use devplat_tests::{
    control_plane::{ControlPlane, STORAGE_CLASS},
    waiting::until,
};
use k8s_openapi::{
    api::{
        core::v1::{ConfigMap, Namespace, ResourceQuota, Service},
        storage::v1::StorageClass,
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, Patch, PatchParams},
};
use serde_json::json;

use super::{
    cluster::{PATIENCE, platform, quiet},
    namespace::{self, make},
};

/// Returns the current context of the administrator, and a client for it.
async fn connected(plane: &ControlPlane) -> (Client, Context) {
    let kubeconfig = plane.kubeconfig();
    let context = context::find(&kubeconfig, None).unwrap().unwrap();
    let (proxies, clock) = (ProxyRules::default(), Arc::new(SystemTime::now));
    let client = context::client(&kubeconfig, &context.name, &proxies, Arc::new(NoPlugins), clock);
    let client = client.await.unwrap();
    (client, context)
}

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
    let (client, context) = connected(&platform().await.plane).await;
    // A trial of pods needs the ServiceAccount of the namespace.
    namespace::Namespace::new("capable").await;
    let found = until("a level of Pod Security", PATIENCE, async || {
        let found = capabilities::ask(&client, &context).await.unwrap();
        if found.pod_security.is_some() { Ok(found) } else { Err("none") }
    })
    .await
    .unwrap();
    assert!(found.version.starts_with("v1."), "{found:?}");
    assert_eq!(found.recognition.distribution, Distribution::Other);
    assert_eq!(found.storage.unwrap().for_claims(), Storage::Default(STORAGE_CLASS.to_owned()));
    assert_eq!(found.load_balancer.unwrap(), None);
    assert!(!found.metrics.unwrap());
    found.nodes.unwrap();
    found.quotas.unwrap();
    found.registry_hosting.unwrap();
    // This API server runs without `--allow-privileged`.
    assert_eq!(found.pod_security, Some(PodSecurityLevel::Baseline));
}

/// On the cluster of one test at a time, because claims of other tests would get the second default class.
#[tokio::test]
async fn quotas_default_classes_addresses_and_metrics_are_found() {
    const SECOND: &str = "second";
    const METRICS: &str = "trials.metrics.k8s.io";
    let quiet = quiet().await;
    let (client, context) = connected(quiet.plane).await;
    let limited = namespace::Namespace::on(client.clone(), "limited").await;
    limited
        .make::<ResourceQuota>(json!({"metadata": {"name": "pods"}, "spec": {"hard": {"pods": "5"}}}))
        .await;
    let balanced =
        json!({"metadata": {"name": "web"}, "spec": {"type": "LoadBalancer", "ports": [{"port": 22}]}});
    limited.make::<Service>(balanced).await;
    // No controller assigns an address here.
    let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}});
    let services = limited.api::<Service>();
    services.patch_status("web", &PatchParams::default(), &Patch::Merge(&status)).await.unwrap();
    let classes: Api<StorageClass> = Api::all(client.clone());
    let annotations = json!({"storageclass.kubernetes.io/is-default-class": "true"});
    make(&classes, json!({"metadata": {"name": SECOND, "annotations": annotations}, "provisioner": "x"}))
        .await;
    // A CRD in the group of pod metrics takes the place of metrics-server.
    let crds: Api<CustomResourceDefinition> = Api::all(client.clone());
    let approval = json!({"api-approved.kubernetes.io": "unapproved, only a test"});
    let schema = json!({"openAPIV3Schema": {"type": "object"}});
    let served = json!({
        "metadata": {"name": METRICS, "annotations": approval},
        "spec": {
            "group": "metrics.k8s.io", "scope": "Cluster", "names": {"plural": "trials", "kind": "Trial"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": schema}],
        },
    });
    make(&crds, served).await;
    let found = until("metrics", PATIENCE, async || {
        let found = capabilities::ask(&client, &context).await.unwrap();
        if found.metrics.as_ref().is_ok_and(|served| *served) { Ok(found) } else { Err("not served") }
    })
    .await
    .unwrap();
    classes.delete(SECOND, &DeleteParams::default()).await.unwrap();
    crds.delete(METRICS, &DeleteParams::default()).await.unwrap();
    let object = |kind: &str, name: &str| ObjectRef {
        api_version: "v1".to_owned(),
        kind: kind.to_owned(),
        namespace: Some("limited".to_owned()),
        name: name.to_owned(),
    };
    assert!(found.quotas.unwrap().contains(&object("ResourceQuota", "pods")));
    assert_eq!(found.load_balancer.unwrap(), Some(object("Service", "web")));
    let defaults = [STORAGE_CLASS, SECOND].map(str::to_owned).to_vec();
    assert_eq!(found.storage.unwrap().for_claims(), Storage::SeveralDefaults(defaults));
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
