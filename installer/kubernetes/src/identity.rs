//! The identity of a cluster, and the platforms in it.

use std::{collections::BTreeSet, fmt, time::Duration};

use k8s_openapi::{
    api::core::v1::Namespace, apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, ResourceExt,
    api::{ListParams, PartialObjectMeta},
};
use serde::{Deserialize, Serialize};

use crate::{
    CallError, ObjectRef,
    call::{Call, CallVerb, Class, bounded},
    release::{ACCOUNT_ANNOTATION, NAMESPACE, PLATFORM_LABEL},
};

/// How long a call may take.
const PATIENCE: Duration = devplat_connect::SILENCE;

/// The identity of a cluster: the UID of its namespace `kube-system`, which exists as long as the cluster.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Uid(String);

impl Uid {
    /// The UID as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Reads the identity of the cluster.
pub async fn cluster_uid(client: &Client) -> Result<Uid, CallError> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let call = Call::new(CallVerb::Read, &ObjectRef::namespace("kube-system"));
    let namespace = bounded(&call, PATIENCE, namespaces.get_metadata("kube-system")).await?;
    let uid = namespace
        .metadata
        .uid
        .ok_or_else(|| call.error(Class::Other("the API server gave no UID".to_owned().into())))?;
    Ok(Uid(uid))
}

/// Returns the names of the platforms that have namespaces or CRDs in the cluster, sorted.
pub async fn platforms(client: &Client) -> Result<Vec<String>, CallError> {
    let (namespaces, crds): (Api<Namespace>, Api<CustomResourceDefinition>) =
        (Api::all(client.clone()), Api::all(client.clone()));
    let ours = ListParams::default().labels(PLATFORM_LABEL);
    let namespace_call = Call::new(CallVerb::List, &ObjectRef::all("v1", "Namespace", None));
    let crd_call = Call::new(
        CallVerb::List,
        &ObjectRef::all("apiextensions.k8s.io/v1", "CustomResourceDefinition", None),
    );
    let (namespaces, crds) = futures::try_join!(
        bounded(&namespace_call, PATIENCE, namespaces.list_metadata(&ours)),
        bounded(&crd_call, PATIENCE, crds.list_metadata(&ours)),
    )?;
    let names: BTreeSet<String> =
        namespaces.items.iter().filter_map(name).chain(crds.items.iter().filter_map(name)).collect();
    Ok(names.into_iter().collect())
}

/// Returns the account that installed `platform`, such as `1000:ada`; `None` if the platform is not in the cluster, or an
/// older devplat installed it.
pub async fn account(client: &Client, platform: &str) -> Result<Option<String>, CallError> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let call = Call::new(CallVerb::Read, &ObjectRef::namespace(NAMESPACE));
    let found = bounded(&call, PATIENCE, namespaces.get_metadata_opt(NAMESPACE)).await?;
    let ours = found.filter(|namespace| name(namespace).is_some_and(|owner| owner == platform));
    Ok(ours.and_then(|namespace| namespace.annotations().get(ACCOUNT_ANNOTATION).cloned()))
}

fn name<K>(object: &PartialObjectMeta<K>) -> Option<String>
where
    PartialObjectMeta<K>: ResourceExt,
{
    object.labels().get(PLATFORM_LABEL).cloned()
}
