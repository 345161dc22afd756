//! What belongs to a release, written down in the cluster: before anything is applied, all that there was and all
//! that there will be; afterwards, what there is.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, Client, ResourceExt,
    api::{ObjectMeta, Patch, PatchParams},
};

use super::{FIELD_MANAGER, PLATFORM_LABEL};
use crate::{
    Error, ObjectRef,
    call::{if_there, retried},
};

/// Where inventories lie.
pub const NAMESPACE: &str = "devplat-system";

/// What an inventory says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Inventory {
    /// Everything that may be there.
    pub(crate) objects: Vec<ObjectRef>,
    /// The digest of the release that was applied last; empty while one is being applied.
    pub(crate) digest: String,
}

pub(crate) fn name(release: &str) -> String {
    format!("devplat-release-{release}")
}

pub(crate) async fn read(client: &Client, release: &str) -> Result<Option<Inventory>, Error> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let name = name(release);
    let found =
        retried(|| format!("read ConfigMap {NAMESPACE}/{name}"), || async { if_there(api.get(&name).await) })
            .await?;
    Ok(found.map(|map| {
        let data = map.data.unwrap_or_default();
        let text = |key: &str| data.get(key).cloned().unwrap_or_default();
        // One that does not parse says nothing: labels still tell what is ours.
        Inventory {
            objects: serde_json::from_str(&text("objects")).unwrap_or_default(),
            digest: text("digest"),
        }
    }))
}

pub(crate) async fn write(
    client: &Client,
    platform: &str,
    release: &str,
    inventory: &Inventory,
) -> Result<(), Error> {
    ensure_namespace(client, platform).await?;
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let Inventory { objects, digest } = inventory;
    let map = ConfigMap {
        metadata: ObjectMeta {
            name: Some(name(release)),
            labels: Some(labels(platform)),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([
            ("objects".to_owned(), serde_json::to_string(objects).expect("references are JSON")),
            ("digest".to_owned(), digest.clone()),
        ])),
        ..ConfigMap::default()
    };
    retried(
        || format!("write ConfigMap {NAMESPACE}/{}", map.name_any()),
        || async { api.patch(&map.name_any(), &apply_params(), &Patch::Apply(&map)).await.map(|_| ()) },
    )
    .await
}

pub(crate) async fn delete(client: &Client, release: &str) -> Result<(), Error> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let name = name(release);
    retried(
        || format!("delete ConfigMap {NAMESPACE}/{name}"),
        || async { if_there(api.delete(&name, &kube::api::DeleteParams::default()).await).map(|_| ()) },
    )
    .await
}

pub(crate) fn labels(platform: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("app.kubernetes.io/managed-by".to_owned(), "devplat".to_owned()),
        ("app.kubernetes.io/part-of".to_owned(), "devplat".to_owned()),
        (PLATFORM_LABEL.to_owned(), platform.to_owned()),
    ])
}

/// Forced: what carries our label is ours, and a field that somebody else changed is drift to be mended.
pub(crate) fn apply_params() -> PatchParams {
    PatchParams::apply(FIELD_MANAGER).force()
}

async fn ensure_namespace(client: &Client, platform: &str) -> Result<(), Error> {
    let api: Api<Namespace> = Api::all(client.clone());
    let there = retried(
        || format!("read Namespace {NAMESPACE}"),
        || async { if_there(api.get(NAMESPACE).await).map(|found| found.is_some()) },
    )
    .await?;
    if there {
        return Ok(());
    }
    let namespace = Namespace {
        metadata: ObjectMeta {
            name: Some(NAMESPACE.to_owned()),
            labels: Some(labels(platform)),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    retried(
        || format!("create Namespace {NAMESPACE}"),
        || async { api.patch(NAMESPACE, &apply_params(), &Patch::Apply(&namespace)).await.map(|_| ()) },
    )
    .await
}
