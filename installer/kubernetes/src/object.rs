//! References to objects of any kind.

use std::fmt;

use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, DynamicObject, TypeMeta},
    core::GroupVersionKind,
};
use serde::{Deserialize, Serialize};

/// A reference to an object; with an empty name, to all objects of the kind in the namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ObjectRef {
    /// Group and version, as in manifests.
    pub api_version: String,
    pub kind: String,
    /// The namespace, if the object has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    pub name: String,
}

impl ObjectRef {
    pub(crate) fn new(api_version: &str, kind: &str, namespace: Option<&str>, name: &str) -> Self {
        Self {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
        }
    }

    /// Returns a reference to all objects of a kind.
    pub(crate) fn all(api_version: &str, kind: &str, namespace: Option<&str>) -> Self {
        Self::new(api_version, kind, namespace, "")
    }

    pub(crate) fn config_map(namespace: &str, name: &str) -> Self {
        Self::new("v1", "ConfigMap", Some(namespace), name)
    }

    pub(crate) fn namespace(name: &str) -> Self {
        Self::new("v1", "Namespace", None, name)
    }

    /// Returns the reference to `object`, which comes from a manifest and therefore has a kind.
    pub fn of(object: &DynamicObject) -> Self {
        let TypeMeta { api_version, kind } = object.types.clone().unwrap_or_default();
        Self { api_version, kind, namespace: object.namespace(), name: object.name_any() }
    }

    /// Returns the API for objects of this kind in this namespace.
    pub(crate) fn api(&self, client: &Client) -> Api<DynamicObject> {
        let resource = self.resource();
        match &self.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
            None => Api::all_with(client.clone(), &resource),
        }
    }

    /// Returns the group, which is empty for the core group, and the version.
    pub(crate) fn group_version(&self) -> (&str, &str) {
        self.api_version.split_once('/').unwrap_or(("", &self.api_version))
    }

    pub(crate) fn resource(&self) -> ApiResource {
        let (group, version) = self.group_version();
        ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, &self.kind))
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { api_version: _, kind, namespace, name } = self;
        match namespace {
            Some(namespace) if name.is_empty() => write!(f, "{kind} objects in namespace {namespace}"),
            None if name.is_empty() => write!(f, "{kind} objects"),
            Some(namespace) => write!(f, "{kind} {namespace}/{name}"),
            None => write!(f, "{kind} {name}"),
        }
    }
}
