//! What belongs to a release, written down in the cluster: before anything is applied, all that there was and all
//! that there will be; afterwards, what there is.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, ObjectMeta, Patch, PatchParams},
};

use super::{FIELD_MANAGER, PLATFORM_LABEL};
use crate::{
    Error, ObjectRef,
    call::{New, if_there, retried, retried_with},
};

/// Where inventories lie.
pub const NAMESPACE: &str = "devplat-system";
/// What the names of inventories begin with.
const PREFIX: &str = "devplat-release-";

/// What is at a place where something of ours should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place<T> {
    /// Nothing.
    Free,
    /// Something of somebody else's, or of another platform's.
    Foreign,
    /// Something of ours that is being deleted.
    Leaving(T),
    /// Ours.
    Ours(T),
}

impl<T> Place<T> {
    /// What is there, if it is ours and stays.
    pub(crate) fn ours(self) -> Option<T> {
        match self {
            Self::Ours(value) => Some(value),
            Self::Free | Self::Foreign | Self::Leaving(_) => None,
        }
    }

    /// What is there, if it is ours, on its way out or not.
    pub(crate) fn known(self) -> Option<T> {
        match self {
            Self::Ours(value) | Self::Leaving(value) => Some(value),
            Self::Free | Self::Foreign => None,
        }
    }

    fn of(metadata: &ObjectMeta, platform: &str, value: impl FnOnce() -> T) -> Self {
        let owner = metadata.labels.as_ref().and_then(|labels| labels.get(PLATFORM_LABEL));
        if owner.is_none_or(|owner| owner != platform) {
            Self::Foreign
        } else if metadata.deletion_timestamp.is_some() {
            Self::Leaving(value())
        } else {
            Self::Ours(value())
        }
    }
}

/// What an inventory says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Inventory {
    /// Everything that may be there.
    pub(crate) objects: Vec<ObjectRef>,
    /// The digest of the release that was applied last; empty while one is being applied.
    pub(crate) digest: String,
}

pub(crate) fn name(release: &str) -> String {
    format!("{PREFIX}{release}")
}

/// The ConfigMap that holds the inventory of `release`.
pub(crate) fn reference(release: &str) -> ObjectRef {
    ObjectRef {
        api_version: "v1".to_owned(),
        kind: "ConfigMap".to_owned(),
        namespace: Some(NAMESPACE.to_owned()),
        name: name(release),
    }
}

/// The namespace of all inventories.
pub(crate) fn namespace_reference() -> ObjectRef {
    ObjectRef {
        api_version: "v1".to_owned(),
        kind: "Namespace".to_owned(),
        namespace: None,
        name: NAMESPACE.to_owned(),
    }
}

pub(crate) async fn read(client: &Client, platform: &str, release: &str) -> Result<Place<Inventory>, Error> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let name = name(release);
    let found =
        retried(|| format!("read ConfigMap {NAMESPACE}/{name}"), || async { if_there(api.get(&name).await) })
            .await?;
    Ok(found.map_or(Place::Free, |ConfigMap { metadata, data, .. }| {
        Place::of(&metadata, platform, || parse(&data.unwrap_or_default()))
    }))
}

/// One that does not parse says nothing, and is written anew by the next apply: labels still tell what is ours.
fn parse(data: &BTreeMap<String, String>) -> Inventory {
    let text = |key: &str| data.get(key).map(String::as_str).unwrap_or_default();
    serde_json::from_str(text("objects"))
        .map(|objects| Inventory { objects, digest: text("digest").to_owned() })
        .unwrap_or_default()
}

/// What is where the namespace of all inventories should be.
pub(crate) async fn read_namespace(client: &Client, platform: &str) -> Result<Place<()>, Error> {
    let api: Api<Namespace> = Api::all(client.clone());
    let found =
        retried(|| format!("read Namespace {NAMESPACE}"), || async { if_there(api.get(NAMESPACE).await) })
            .await?;
    Ok(found.map_or(Place::Free, |Namespace { metadata, .. }| Place::of(&metadata, platform, || ())))
}

/// Makes the namespace of all inventories.
pub(crate) async fn create_namespace(client: &Client, platform: &str) -> Result<(), Error> {
    let api: Api<Namespace> = Api::all(client.clone());
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

/// Every release of `platform` that has an inventory.
pub(crate) async fn all(client: &Client, platform: &str) -> Result<Vec<String>, Error> {
    let api: Api<ConfigMap> = Api::namespaced(client.clone(), NAMESPACE);
    let selector = ListParams::default().labels(&format!("{PLATFORM_LABEL}={platform}"));
    let maps = retried(
        || format!("list ConfigMaps in {NAMESPACE}"),
        || async { api.list_metadata(&selector).await },
    )
    .await?;
    let names = maps.items.iter().map(ResourceExt::name_any);
    Ok(names.filter_map(|name| name.strip_prefix(PREFIX).map(str::to_owned)).collect())
}

pub(crate) async fn write(
    client: &Client,
    platform: &str,
    release: &str,
    inventory: &Inventory,
) -> Result<(), Error> {
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
    retried_with(
        New::Kind,
        || format!("write ConfigMap {NAMESPACE}/{}", map.name_any()),
        || async { api.patch(&map.name_any(), &apply_params(), &Patch::Apply(&map)).await.map(|_| ()) },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_inventory_is_not_taken_for_a_finished_release() {
        let data = |objects: &str| {
            parse(&BTreeMap::from([
                ("objects".to_owned(), objects.to_owned()),
                ("digest".to_owned(), "abc".to_owned()),
            ]))
        };
        assert_eq!(data("[]").digest, "abc");
        assert_eq!(data("[{\"kind\""), Inventory::default());
    }

    #[test]
    fn inventory_of_another_platform_is_foreign() {
        let metadata = ObjectMeta { labels: Some(labels("one")), ..ObjectMeta::default() };
        assert_eq!(Place::of(&metadata, "one", || 7), Place::Ours(7));
        assert_eq!(Place::of(&metadata, "two", || 7), Place::Foreign);
        assert_eq!(Place::of(&ObjectMeta::default(), "one", || 7), Place::Foreign);
    }
}
