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
    call::{Call, Class, Verb, bounded, if_there},
    release::PLATFORM_LABEL,
};

/// The namespace of the announcement, which every user may read.
const NAMESPACE: &str = "kube-public";
const NAME: &str = "local-registry-hosting";
/// The versions of the announcement that are known, the newest first.
const KEYS: [&str; 1] = ["localRegistryHosting.v1"];
/// How long a cluster has to answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// A registry that a cluster announces. It may be gone: nothing keeps the announcement up to date.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Hosting {
    /// The address to push to from this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The address in pod specs; where it is absent, `host` serves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_from_container_runtime: Option<String>,
    /// The address to push to from pods; absent where that is not possible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_from_cluster_network: Option<String>,
    /// Where to read on when a push fails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Hosting {
    /// The address that pod specs use.
    pub fn pull_address(&self) -> Option<&str> {
        self.host_from_container_runtime.as_deref().or(self.host.as_deref())
    }
}

/// What became of an announcement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// It was written.
    Created,
    /// There is one already; it is left as it is.
    Kept,
}

/// An announcement that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// What it says; `None` where it says nothing that is understood.
    pub hosting: Option<Hosting>,
    /// The platform that wrote it, where it was one.
    pub platform: Option<String>,
}

/// The registry that the cluster announces, or `None`.
pub async fn read(client: &Client) -> Result<Option<Hosting>, CallError> {
    let call = Call::new(Verb::Read, &reference());
    let live = bounded(&call, PATIENCE, async { if_there(maps(client).get(NAME).await) }).await?;
    let Some((key, text)) = live.as_ref().and_then(text) else { return Ok(None) };
    parse(text).map(Some).ok_or_else(|| {
        call.failed(Class::Other(format!("its {key} is not an announcement of a registry").into()))
    })
}

/// The announcement that is there, and whose it is.
pub async fn look(client: &Client) -> Result<Option<Announcement>, CallError> {
    let call = Call::new(Verb::Read, &reference());
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

/// Announces `hosting` as the registry of `platform`, unless there is an announcement.
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
    let call = Call::new(Verb::Create, &reference());
    // Created and not applied, as ctlptl and k3d do: an announcement of another program stays.
    match bounded(&call, PATIENCE, maps(client).create(&PostParams::default(), &map)).await {
        Ok(_) => Ok(Announced::Created),
        Err(error) if matches!(*error.class, Class::Conflict(_)) => Ok(Announced::Kept),
        Err(error) => Err(error),
    }
}

/// Removes the announcement of `platform`; those of others stay.
pub async fn withdraw(client: &Client, platform: &str) -> Result<(), CallError> {
    let object = ObjectRef::config_map(NAMESPACE, NAME);
    let read = Call::new(Verb::Read, &object);
    let live = bounded(&read, PATIENCE, async { if_there(maps(client).get_metadata(NAME).await) }).await?;
    let ours =
        |labels: &BTreeMap<String, String>| labels.get(PLATFORM_LABEL).is_some_and(|one| one == platform);
    let Some(live) = live.filter(|live| ours(live.labels())) else { return Ok(()) };
    let same = DeleteParams {
        preconditions: Some(Preconditions { uid: live.uid(), resource_version: None }),
        ..DeleteParams::default()
    };
    let delete = Call::new(Verb::Delete, &object);
    bounded(&delete, PATIENCE, async { if_there(maps(client).delete(NAME, &same).await) }).await.map(drop)
}

/// The ConfigMap of the announcement.
pub(crate) fn reference() -> ObjectRef {
    ObjectRef::config_map(NAMESPACE, NAME)
}

fn maps(client: &Client) -> Api<ConfigMap> {
    Api::namespaced(client.clone(), NAMESPACE)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
