//! What is kept of a NetworkPolicy.

use devplat_api::name;
use k8s_openapi::api::networking::v1::NetworkPolicy;
use kube::{Resource, api::ObjectMeta};
use serde::Deserialize;
use serde_json::Value;

use super::{Observed, meta};
use crate::user;

/// A NetworkPolicy as it is read.
#[derive(Resource, Deserialize, Clone, Debug)]
#[resource(inherit = "NetworkPolicy")]
pub(crate) struct RawPolicy {
    #[serde(deserialize_with = "meta::slim")]
    metadata: ObjectMeta,
    spec: Option<Value>,
}

/// What is kept of a NetworkPolicy.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct PolicyFacts {
    /// Slug of the user it belongs to.
    pub(crate) user: Option<String>,
    /// The servers that it belongs to, where it is in a namespace of no user.
    pub(crate) servers: Vec<Owner>,
    /// Whether it says what it should.
    pub(crate) right: bool,
}

/// A server that an object goes with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Owner {
    /// In the object's own namespace.
    pub(crate) name: String,
    /// Which of those that had this name.
    pub(crate) uid: String,
}

impl Observed for PolicyFacts {
    type Raw = RawPolicy;

    fn from_raw(raw: RawPolicy) -> Self {
        Self {
            user: meta::label(&raw.metadata, name::USER_LABEL),
            servers: raw
                .metadata
                .owner_references
                .iter()
                .flatten()
                .map(|owner| Owner { name: owner.name.clone(), uid: owner.uid.clone() })
                .collect(),
            right: raw.spec == Some(user::network_policy()),
        }
    }
}
