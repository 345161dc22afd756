//! The registry that a cluster announces (KEP-1755): ConfigMap `local-registry-hosting` in `kube-public`.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ObjectMeta, PostParams, Preconditions},
};
use serde::{Deserialize, Serialize};

use crate::{
    CallError, ObjectRef,
    call::{Call, CallVerb, Class, bounded, if_there},
    release::PLATFORM_LABEL,
};

/// The namespace of the announcement, which all users may read.
const NAMESPACE: &str = "kube-public";
const NAME: &str = "local-registry-hosting";
/// The known versions of the announcement, the newest first.
const KEYS: [&str; 1] = ["localRegistryHosting.v1"];
/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// A registry that a cluster announces. The registry may be gone, because no controller updates the announcement.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hosting {
    /// The address to push to from this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The address in pod specs; `host` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_from_container_runtime: Option<String>,
    /// The address to push to from pods; absent if pods cannot push.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_from_cluster_network: Option<String>,
    /// A page with help on the registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Hosting {
    /// Returns the address that pod specs use.
    pub fn pull_address(&self) -> Option<&str> {
        self.host_from_container_runtime.as_deref().or(self.host.as_deref())
    }
}

/// The result of [`announce`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// The announcement was created.
    Created,
    /// An announcement exists already and was not changed.
    Kept,
}

/// An existing announcement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// The announced registry; `None` if the content cannot be read.
    pub hosting: Option<Hosting>,
    /// The platform that created it, if one did.
    pub platform: Option<String>,
}

/// Reads the registry that the cluster announces, if any. Fails if there is an announcement that cannot be read.
pub async fn read(client: &Client) -> Result<Option<Hosting>, CallError> {
    let call = Call::new(CallVerb::Read, &reference());
    let live = bounded(&call, PATIENCE, async { if_there(maps(client).get(NAME).await) }).await?;
    let Some(live) = live else { return Ok(None) };
    let unreadable = |why: String| call.error(Class::Other(why.into()));
    let (key, text) = text(&live).ok_or_else(|| unreadable(format!("it has no {}", KEYS.join(" or "))))?;
    parse(text).map(Some).ok_or_else(|| unreadable(format!("its {key} is not an announcement of a registry")))
}

/// Reads the existing announcement and its owner.
pub async fn look(client: &Client) -> Result<Option<Announcement>, CallError> {
    let call = Call::new(CallVerb::Read, &reference());
    let live = bounded(&call, PATIENCE, async { if_there(maps(client).get(NAME).await) }).await?;
    Ok(live.map(|live| Announcement {
        hosting: text(&live).and_then(|(_, text)| parse(text)),
        platform: live.labels().get(PLATFORM_LABEL).cloned(),
    }))
}

fn text(map: &ConfigMap) -> Option<(&'static str, &str)> {
    let data = map.data.as_ref()?;
    KEYS.iter().find_map(|key| Some((*key, data.get(*key)?.as_str())))
}

fn parse(text: &str) -> Option<Hosting> {
    serde_saphyr::from_str(text).ok()
}

/// Announces `hosting` as the registry of `platform`, unless an announcement exists.
pub async fn announce(client: &Client, platform: &str, hosting: &Hosting) -> Result<Announced, CallError> {
    // JSON is YAML.
    let text = serde_json::to_string(hosting).expect("texts are JSON");
    let map = ConfigMap {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            labels: Some(crate::release::labels(platform)),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([(KEYS[0].to_owned(), text)])),
        ..ConfigMap::default()
    };
    let call = Call::new(CallVerb::Create, &reference());
    // Create instead of apply, as ctlptl and k3d do, so that an announcement of another program stays.
    match bounded(&call, PATIENCE, maps(client).create(&PostParams::default(), &map)).await {
        Ok(_) => Ok(Announced::Created),
        Err(error) if matches!(*error.class, Class::Conflict(_)) => Ok(Announced::Kept),
        Err(error) => Err(error),
    }
}

/// Deletes the announcement of `platform`; one of another owner stays.
pub async fn withdraw(client: &Client, platform: &str) -> Result<(), CallError> {
    let object = ObjectRef::config_map(NAMESPACE, NAME);
    let read = Call::new(CallVerb::Read, &object);
    let live = bounded(&read, PATIENCE, async { if_there(maps(client).get_metadata(NAME).await) }).await?;
    let ours =
        |labels: &BTreeMap<String, String>| labels.get(PLATFORM_LABEL).is_some_and(|one| one == platform);
    let Some(live) = live.filter(|live| ours(live.labels())) else { return Ok(()) };
    let same = DeleteParams {
        preconditions: Some(Preconditions { uid: live.uid(), resource_version: None }),
        ..DeleteParams::default()
    };
    let delete = Call::new(CallVerb::Delete, &object);
    bounded(&delete, PATIENCE, async { if_there(maps(client).delete(NAME, &same).await) }).await.map(drop)
}

/// Returns the reference of the announcement's ConfigMap.
pub(crate) fn reference() -> ObjectRef {
    ObjectRef::config_map(NAMESPACE, NAME)
}

fn maps(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), NAMESPACE)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::call::{chain, tests::client};

    #[test]
    fn announcements_of_kind_and_k3d_are_read() {
        let kind = parse("host: \"localhost:5001\"\nhelp: \"https://kind.sigs.k8s.io\"\n").unwrap();
        assert_eq!(kind.pull_address(), Some("localhost:5001"));
        let k3d = parse("host: localhost:5000\nhostFromContainerRuntime: registry:5000\n").unwrap();
        assert_eq!(
            (k3d.host.as_deref(), k3d.pull_address()),
            (Some("localhost:5000"), Some("registry:5000"))
        );
        assert_eq!(parse("[]"), None);
    }

    #[tokio::test]
    async fn announcement_that_cannot_be_read_is_not_an_absent_one() {
        for (data, why) in [
            (json!({"localRegistryHosting.v2": "host: a"}), "it has no localRegistryHosting.v1"),
            (json!({(KEYS[0]): "[]"}), "its localRegistryHosting.v1 is not an announcement of a registry"),
        ] {
            let map =
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME}, "data": data});
            let error = read(&client(move |_| (200, map.clone()))).await.unwrap_err();
            assert_eq!(chain(&error), format!("cannot read ConfigMap {NAMESPACE}/{NAME}: {why}"));
        }
    }
}
