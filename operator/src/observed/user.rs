//! What is kept of a DevUser.

use devplat_api::{DevUser, DevUserSpec, user::DevUserStatus};
use k8s_openapi::jiff::Timestamp;
use kube::{Resource, api::ObjectMeta};
use serde::Deserialize;

use super::{Observed, meta};

/// A DevUser as it is read.
#[derive(Resource, Deserialize, Clone, Debug)]
#[resource(inherit = "DevUser")]
pub(crate) struct RawUser {
    #[serde(deserialize_with = "meta::slim")]
    metadata: ObjectMeta,
    spec: DevUserSpec,
    status: Option<DevUserStatus>,
}

/// What is kept of a DevUser; groups are the bastion's business.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct UserFacts {
    /// Its name.
    pub(crate) name: String,
    /// Its identity.
    pub(crate) uid: String,
    /// Changes with its spec.
    pub(crate) generation: Option<i64>,
    /// Whether its deletion was asked for.
    pub(crate) deleting: bool,
    /// When it was asked for.
    pub(crate) deleting_since: Option<Timestamp>,
    /// All its finalizers, ours or not.
    pub(crate) finalizers: Vec<String>,
    /// Public keys, a line each.
    pub(crate) keys: String,
    /// Whether it asks for limits.
    pub(crate) limited: bool,
    /// What the operator last said.
    pub(crate) status: Option<DevUserStatus>,
}

impl Observed for UserFacts {
    type Raw = RawUser;

    fn from_raw(raw: RawUser) -> Self {
        let RawUser { metadata, spec, status } = raw;
        Self {
            name: metadata.name.unwrap_or_default(),
            uid: metadata.uid.unwrap_or_default(),
            generation: metadata.generation,
            deleting: metadata.deletion_timestamp.is_some(),
            deleting_since: metadata.deletion_timestamp.map(|time| time.0),
            finalizers: metadata.finalizers.unwrap_or_default(),
            keys: spec.ssh_keys.iter().flat_map(|key| [key.trim(), "\n"]).collect(),
            limited: spec.limits.is_some(),
            status,
        }
    }
}
