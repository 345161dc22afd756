//! Creates, awaits and deletes many objects concurrently.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use devplat_api::{DevServer, name::SERVER_FINALIZER};
use futures::{StreamExt, TryStreamExt, pin_mut, stream};
use k8s_openapi::api::{
    apps::v1::Deployment,
    core::v1::{Pod, Service},
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams, PostParams},
    runtime::{
        WatchStreamExt,
        watcher::{self, watcher},
    },
};
use serde::de::DeserializeOwned;
use serde_json::json;

use super::constants::{LONG, NAMESPACE};

/// The number of concurrent calls of the plain client.
const AT_ONCE: usize = 32;

pub(super) fn name(number: usize) -> String {
    format!("server-{number}")
}

/// Creates dev servers as `devctl create` does, with the finalizer set in the creating call.
pub(super) async fn create_servers(client: &Client, count: usize) -> Result<()> {
    let servers: Api<DevServer> = Api::namespaced(client.clone(), NAMESPACE);
    each(count, |number| {
        let servers = servers.clone();
        async move {
            let server: DevServer = serde_json::from_value(json!({
                "apiVersion": "apps.devservers.io/v1", "kind": "DevServer",
                "metadata": {"name": name(number), "finalizers": [SERVER_FINALIZER]},
                "spec": {"flavor": "cpu-small"},
            }))?;
            servers.create(&PostParams::default(), &server).await?;
            Ok(())
        }
    })
    .await
}

pub(super) async fn delete_servers(client: &Client, count: usize) -> Result<()> {
    let servers: Api<DevServer> = Api::namespaced(client.clone(), NAMESPACE);
    each(count, |number| {
        let servers = servers.clone();
        async move {
            servers.delete(&name(number), &DeleteParams::default()).await?;
            Ok(())
        }
    })
    .await?;
    none_left::<DevServer>(client).await?;
    none_left::<Deployment>(client).await?;
    none_left::<Pod>(client).await?;
    // The API server's own ConfigMap stays.
    let services: Api<Service> = Api::namespaced(client.clone(), NAMESPACE);
    until_listed(&services, 1).await
}

pub(super) async fn each<F: Future<Output = Result<()>>>(
    count: usize,
    work: impl Fn(usize) -> F,
) -> Result<()> {
    stream::iter(0..count).map(work).buffer_unordered(AT_ONCE).try_for_each(|()| async { Ok(()) }).await
}

async fn none_left<K>(client: &Client) -> Result<()>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug,
{
    until_listed(&Api::<K>::namespaced(client.clone(), NAMESPACE), 0).await
}

async fn until_listed<K>(api: &Api<K>, count: usize) -> Result<()>
where
    K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
{
    let begun = Instant::now();
    loop {
        let left = api.list_metadata(&ListParams::default().match_any()).await?.items.len();
        if left <= count {
            return Ok(());
        }
        ensure!(begun.elapsed() < LONG, "{left} are left");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

pub(super) fn pod_is_ready(pod: &Pod) -> bool {
    let conditions = pod.status.as_ref().and_then(|status| status.conditions.as_ref());
    conditions.is_some_and(|all| all.iter().any(|one| one.type_ == "Ready" && one.status == "True"))
}

/// Watches until `count` objects are ready.
pub(super) async fn wait_ready<K>(client: &Client, count: usize, is_ready: impl Fn(&K) -> bool) -> Result<()>
where
    K: Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()>
        + Clone
        + DeserializeOwned
        + std::fmt::Debug
        + Send
        + 'static,
{
    let api = Api::<K>::namespaced(client.clone(), NAMESPACE);
    let seen = watcher(api, watcher::Config::default()).applied_objects();
    pin_mut!(seen);
    let mut ready = BTreeSet::new();
    while ready.len() < count {
        let object =
            tokio::time::timeout(LONG, seen.try_next()).await.context("no event within the limit")??;
        let object = object.context("the watch ended")?;
        let name = object.name_any();
        if is_ready(&object) {
            ready.insert(name);
        } else {
            ready.remove(&name);
        }
    }
    Ok(())
}
