//! Kubernetes objects as devplat applies them: with its labels, in order of their dependencies, with a digest.

use std::fmt::Write as _;

use devplat_profile::PlatformName;
use kube::{ResourceExt, api::DynamicObject};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::Error;

/// The label with the name of the platform that an object belongs to.
pub const PLATFORM_LABEL: &str = "devplat.dev/platform";

/// Adds the labels of `platform`. The creating call sets them, so no object is ever without its owner.
pub(crate) fn own(object: &mut DynamicObject, platform: &PlatformName) {
    let labels = object.labels_mut();
    for (key, value) in [
        (devplat_api::name::MANAGED_BY, "devplat"),
        (devplat_api::name::PART_OF, "devplat"),
        (PLATFORM_LABEL, platform.as_str()),
    ] {
        labels.insert(key.to_owned(), value.to_owned());
    }
}

/// Returns the place of an object in the order of applying: dependencies first.
pub(crate) fn rank(object: &DynamicObject) -> usize {
    const ORDER: [&str; 8] = [
        "Namespace",
        "CustomResourceDefinition",
        "ServiceAccount",
        "ClusterRole",
        "Role",
        "ClusterRoleBinding",
        "RoleBinding",
        "Service",
    ];
    let kind = object.types.as_ref().map_or("", |types| &types.kind);
    ORDER.iter().position(|known| *known == kind).unwrap_or(ORDER.len())
}

pub(crate) fn from_typed(object: impl Serialize) -> DynamicObject {
    let value = serde_json::to_value(object).expect("a Kubernetes object is JSON");
    serde_json::from_value(value).expect("a Kubernetes object has kind and metadata")
}

/// Reads the objects in a rendered template.
pub(crate) fn parse(template: &str, text: &str) -> Result<Vec<DynamicObject>, Error> {
    let wrong = |what: String| Error::NoObject { template: template.to_owned(), what };
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(|error| wrong(error.to_string()))?;
    documents
        .into_iter()
        .filter(|document| !document.is_null())
        .map(|document| {
            let object: DynamicObject =
                serde_json::from_value(document).map_err(|error| wrong(error.to_string()))?;
            if object.types.is_none() || object.metadata.name.is_none() {
                return Err(wrong("apiVersion, kind or metadata.name is missing".to_owned()));
            }
            Ok(object)
        })
        .collect()
}

/// Returns a digest of the content of objects, which does not depend on the order of their keys.
pub fn digest(objects: &[DynamicObject]) -> String {
    let mut hasher = Sha256::new();
    for object in objects {
        // serde_json keeps the keys of a map sorted.
        let value = serde_json::to_value(object).expect("a Kubernetes object is JSON");
        hasher.update(value.to_string());
        hasher.update("\n");
    }
    let mut text = String::from("sha256:");
    for byte in hasher.finalize() {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
    }
    text
}

/// Returns objects as a stream of YAML documents.
pub fn to_yaml(objects: &[DynamicObject]) -> String {
    let mut text = String::new();
    for object in objects {
        let value = serde_json::to_value(object).expect("a Kubernetes object is JSON");
        let yaml = serde_saphyr::to_string(&value).expect("JSON is YAML");
        let _ = write!(text, "---\n{}\n", yaml.trim_end());
    }
    text
}
