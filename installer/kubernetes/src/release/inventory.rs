//! The inventory of a release, a ConfigMap in the cluster. Before the first object is applied, it lists all old and all
//! new objects; afterwards, the existing ones.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use kube::{
    Api, ResourceExt,
    api::{ListParams, ObjectMeta, Patch, PatchParams},
};

use super::{ACCOUNT_ANNOTATION, FIELD_MANAGER, PLATFORM_LABEL};
use crate::{
    Error, ObjectRef,
    call::{ApiServer, Call, CallVerb, Class, New, ObjectDamage, if_there},
};

/// The namespace of inventories.
pub const NAMESPACE: &str = "devplat-system";
/// The prefix of their names.
const PREFIX: &str = "devplat-release-";

/// The object that has a name that we need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NameHolder<T> {
    /// The name is free.
    Free,
    /// An object that is not devplat's, or another platform's.
    Foreign,
    /// Ours, and being deleted.
    Leaving(T),
    Ours(T),
}

impl<T> NameHolder<T> {
    /// Returns the value if the object is ours and not being deleted.
    pub(crate) fn ours(self) -> Option<T> {
        match self {
            Self::Ours(value) => Some(value),
            Self::Free | Self::Foreign | Self::Leaving(_) => None,
        }
    }

    /// Returns the value if the object is ours, being deleted or not.
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

/// The content of an inventory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Inventory {
    /// All objects that may exist.
    pub(crate) objects: Vec<ObjectRef>,
    /// The digest of the release that was applied last; empty while one is being applied.
    pub(crate) digest: String,
}

pub(crate) fn name(release: &str) -> String {
    format!("{PREFIX}{release}")
}

/// The ConfigMap that holds the inventory of `release`.
pub(crate) fn reference(release: &str) -> ObjectRef {
    ObjectRef::config_map(NAMESPACE, &name(release))
}

/// The namespace of all inventories.
pub(crate) fn namespace_reference() -> ObjectRef {
    ObjectRef::namespace(NAMESPACE)
}

/// Reads the inventory of `release`, or the damage of its content.
pub(crate) async fn read(
    server: ApiServer<'_>,
    platform: &str,
    release: &str,
) -> Result<NameHolder<Result<Inventory, ObjectDamage>>, Error> {
    let api: Api<ConfigMap> = Api::namespaced(server.client.clone(), NAMESPACE);
    let name = name(release);
    let found = server.call(&read_call(release), || async { if_there(api.get(&name).await) }).await?;
    Ok(found.map_or(NameHolder::Free, |ConfigMap { metadata, data, .. }| {
        NameHolder::of(&metadata, platform, || parse(&data.unwrap_or_default()))
    }))
}

/// Reads the inventory of `release`. Fails with [`Class::Damaged`] if it is damaged and not being deleted.
pub(crate) async fn read_whole(
    server: ApiServer<'_>,
    platform: &str,
    release: &str,
) -> Result<NameHolder<Inventory>, Error> {
    Ok(match read(server, platform, release).await? {
        NameHolder::Free => NameHolder::Free,
        NameHolder::Foreign => NameHolder::Foreign,
        // A content that will be gone does not matter.
        NameHolder::Leaving(inventory) => NameHolder::Leaving(inventory.unwrap_or_default()),
        NameHolder::Ours(inventory) => {
            NameHolder::Ours(inventory.map_err(|damage| read_call(release).error(Class::Damaged(damage)))?)
        }
    })
}

fn read_call(release: &str) -> Call {
    Call::new(CallVerb::Read, &reference(release))
}

fn parse(data: &BTreeMap<String, String>) -> Result<Inventory, ObjectDamage> {
    let text = |key: &str| data.get(key).map(String::as_str).unwrap_or_default();
    let objects = serde_json::from_str(text("objects")).map_err(ObjectDamage::Inventory)?;
    Ok(Inventory { objects, digest: text("digest").to_owned() })
}

/// Looks for the namespace of all inventories.
pub(crate) async fn read_namespace(server: ApiServer<'_>, platform: &str) -> Result<NameHolder<()>, Error> {
    let api: Api<Namespace> = Api::all(server.client.clone());
    let call = Call::new(CallVerb::Read, &namespace_reference());
    let found = server.call(&call, || async { if_there(api.get(NAMESPACE).await) }).await?;
    Ok(found
        .map_or(NameHolder::Free, |Namespace { metadata, .. }| NameHolder::of(&metadata, platform, || ())))
}

/// Creates the namespace of all inventories, with the mark of the account that installs the platform. Later applies keep
/// the mark.
pub(crate) async fn create_namespace(
    server: ApiServer<'_>,
    platform: &str,
    account: Option<&str>,
) -> Result<(), Error> {
    let api: Api<Namespace> = Api::all(server.client.clone());
    let namespace = marked_namespace(platform, account);
    let call = Call::new(CallVerb::Apply, &namespace_reference()).with_labels(namespace.labels());
    let attempt =
        || async { api.patch(NAMESPACE, &apply_params(), &Patch::Apply(&namespace)).await.map(|_| ()) };
    server.call(&call, attempt).await
}

fn marked_namespace(platform: &str, account: Option<&str>) -> Namespace {
    let mark = account.map(|account| BTreeMap::from([(ACCOUNT_ANNOTATION.to_owned(), account.to_owned())]));
    Namespace {
        metadata: ObjectMeta {
            name: Some(NAMESPACE.to_owned()),
            labels: Some(labels(platform)),
            annotations: mark,
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    }
}

/// Returns every release of `platform` that has an inventory.
pub(crate) async fn all(server: ApiServer<'_>, platform: &str) -> Result<Vec<String>, Error> {
    let api: Api<ConfigMap> = Api::namespaced(server.client.clone(), NAMESPACE);
    let selector = ListParams::default().labels(&format!("{PLATFORM_LABEL}={platform}"));
    let call = Call::new(CallVerb::List, &ObjectRef::all("v1", "ConfigMap", Some(NAMESPACE)));
    let maps = server.call(&call, || async { api.list_metadata(&selector).await }).await?;
    let names = maps.items.iter().map(ResourceExt::name_any);
    Ok(names.filter_map(|name| name.strip_prefix(PREFIX).map(str::to_owned)).collect())
}

pub(crate) async fn write(
    server: ApiServer<'_>,
    platform: &str,
    release: &str,
    inventory: &Inventory,
) -> Result<(), Error> {
    let api: Api<ConfigMap> = Api::namespaced(server.client.clone(), NAMESPACE);
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
    let call = Call::new(CallVerb::Apply, &reference(release)).with_labels(map.labels());
    let attempt =
        || async { api.patch(&map.name_any(), &apply_params(), &Patch::Apply(&map)).await.map(|_| ()) };
    server.call_new(New::Kind, &call, attempt).await
}

pub(crate) fn labels(platform: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("app.kubernetes.io/managed-by".to_owned(), "devplat".to_owned()),
        ("app.kubernetes.io/part-of".to_owned(), "devplat".to_owned()),
        (PLATFORM_LABEL.to_owned(), platform.to_owned()),
    ])
}

/// Parameters of a forced apply: an object with our label is ours, and a field that another client changed is drift.
pub(crate) fn apply_params() -> PatchParams {
    PatchParams::apply(FIELD_MANAGER).force()
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use kube::Client;
    use serde_json::json;

    use super::{
        super::{DataLoss, remove},
        *,
    };
    use crate::{
        CommandLines, Steady,
        call::{chain, hints, tests::client},
        identity,
    };

    #[tokio::test]
    async fn account_of_the_first_apply_is_read_back() {
        let namespace = |account: Option<&str>| {
            let namespace = serde_json::to_value(marked_namespace("devplat", account)).unwrap();
            client(move |_| (200, namespace.clone()))
        };
        let marked = namespace(Some("1000:ada"));
        assert_eq!(identity::account(&marked, "devplat").await.unwrap().as_deref(), Some("1000:ada"));
        assert_eq!(identity::account(&marked, "team-b").await.unwrap(), None);
        assert_eq!(identity::account(&namespace(None), "devplat").await.unwrap(), None);
    }

    /// A cluster whose only object is the inventory of release `a` with these objects. The deletions are counted.
    fn cluster(objects: &str) -> (Client, Arc<Mutex<Vec<String>>>) {
        let deletions: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&deletions);
        let map = json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "devplat-release-a", "labels": labels("one")},
            "data": {"objects": objects, "digest": "abc"}});
        let client = client(move |request| {
            let (method, path) = (request.method().as_str(), request.uri().path());
            match (method, path.strip_prefix("/api/v1/namespaces/devplat-system/configmaps")) {
                ("DELETE", _) => {
                    seen.lock().unwrap().push(path.to_owned());
                    (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success", "code": 200}))
                }
                ("GET", Some("/devplat-release-a")) if seen.lock().unwrap().is_empty() => (200, map.clone()),
                ("GET", Some("")) => (200, json!({"metadata": {}, "items": []})),
                _ => (404, json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "none"})),
            }
        });
        (client, deletions)
    }

    #[tokio::test]
    async fn damaged_inventory_is_reported_with_its_name() {
        let read = async |objects: &str| {
            let (client, _) = cluster(objects);
            read_whole(ApiServer { client: &client, pace: &Steady }, "one", "a").await
        };
        let whole = Inventory { objects: Vec::new(), digest: "abc".to_owned() };
        assert_eq!(read("[]").await.unwrap(), NameHolder::Ours(whole));
        for objects in ["[{\"kind\"", "{}", ""] {
            let Err(Error::Call(error)) = read(objects).await else { panic!("{objects} is damaged") };
            let text = chain(&error);
            let why =
                "cannot read ConfigMap devplat-system/devplat-release-a: its list of objects is damaged: ";
            assert!(text.starts_with(why), "{text}");
            let hints = hints(&error, Some(&CommandLines::example()));
            let remedy = "delete ConfigMap devplat-system/devplat-release-a; the next run finds the objects of the release \
                          by their labels: `kubectl --context prod delete --namespace devplat-system configmap \
                          devplat-release-a`";
            assert_eq!(hints, [remedy]);
        }
    }

    #[tokio::test]
    async fn release_with_a_damaged_inventory_can_be_removed() {
        let (client, deletions) = cluster("[{");
        let (refused, patience) = (DataLoss::Refused, Duration::from_secs(1));
        let damage = remove(&client, "one", "a", refused, patience, &Steady).await.unwrap();
        assert!(matches!(damage, Some(ObjectDamage::Inventory(_))), "{damage:?}");
        let inventory = "/api/v1/namespaces/devplat-system/configmaps/devplat-release-a";
        assert_eq!(*deletions.lock().unwrap(), [inventory]);
    }

    #[test]
    fn inventory_of_another_platform_is_foreign() {
        let metadata = ObjectMeta { labels: Some(labels("one")), ..ObjectMeta::default() };
        assert_eq!(NameHolder::of(&metadata, "one", || 7), NameHolder::Ours(7));
        assert_eq!(NameHolder::of(&metadata, "two", || 7), NameHolder::Foreign);
        assert_eq!(NameHolder::of(&ObjectMeta::default(), "one", || 7), NameHolder::Foreign);
    }
}
