//! Objects of any kind, by kind and name.

use std::fmt;

use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, TypeMeta},
    core::GroupVersionKind,
};
use serde::{Deserialize, Serialize};

/// Which object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// Group and version, as in manifests.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its namespace, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
}

impl ObjectRef {
    /// The reference to `object`, which comes from a manifest and so has its kind.
    pub fn of(object: &DynamicObject) -> Self {
        let TypeMeta { api_version, kind } = object.types.clone().unwrap_or_default();
        Self { api_version, kind, namespace: object.namespace(), name: object.name_any() }
    }

    /// The calls for objects of this kind, in this namespace.
    pub(crate) fn api(&self, client: &Client) -> Api<DynamicObject> {
        let (group, version) = self.api_version.split_once('/').unwrap_or(("", &self.api_version));
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &self.kind));
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind, self.name),
            None => write!(f, "{} {}", self.kind, self.name),
        }
    }
}
