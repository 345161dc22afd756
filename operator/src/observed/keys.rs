//! What is kept of a ConfigMap with a user's public keys.

use std::collections::BTreeMap;

use devplat_api::name;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Resource, api::ObjectMeta};
use serde::Deserialize;

use super::{Observed, meta};
use crate::digest::hash;

/// A ConfigMap as it is read.
#[derive(Resource, Deserialize, Clone, Debug)]
#[resource(inherit = "ConfigMap")]
pub(crate) struct RawKeys {
    #[serde(deserialize_with = "meta::slim")]
    metadata: ObjectMeta,
    #[serde(default)]
    data: BTreeMap<String, String>,
}

/// What is kept of a ConfigMap with a user's public keys.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct KeysFacts {
    /// Slug of the user it belongs to.
    pub(crate) user: Option<String>,
    /// Hash of the keys.
    pub(crate) hash: Option<String>,
}

impl Observed for KeysFacts {
    type Raw = RawKeys;

    fn from_raw(raw: RawKeys) -> Self {
        Self {
            user: meta::label(&raw.metadata, name::USER_LABEL),
            hash: raw.data.get(name::AUTHORIZED_KEYS).map(hash),
        }
    }
}
