//! What is kept of a PersistentVolumeClaim.

use std::collections::BTreeMap;

use devplat_api::{Amount, name};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use kube::{Resource, api::ObjectMeta};
use serde::Deserialize;

use super::{Observed, meta};

/// A PersistentVolumeClaim as it is read.
#[derive(Resource, Deserialize, Clone, Debug)]
#[resource(inherit = "PersistentVolumeClaim")]
pub(crate) struct RawClaim {
    #[serde(deserialize_with = "meta::slim")]
    metadata: ObjectMeta,
    spec: Option<RawSpec>,
    #[serde(default)]
    status: RawStatus,
}

#[derive(Deserialize, Clone, Debug, Default)]
#[serde(rename_all = "camelCase")]
struct RawSpec {
    storage_class_name: Option<String>,
    #[serde(default)]
    resources: RawResources,
}

#[derive(Deserialize, Clone, Debug, Default)]
struct RawResources {
    #[serde(default)]
    requests: BTreeMap<String, Amount>,
}

#[derive(Deserialize, Clone, Debug, Default)]
struct RawStatus {
    phase: Option<String>,
}

/// How far a claim is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum ClaimPhase {
    /// No volume yet.
    #[default]
    Pending,
    /// It has its volume.
    Bound,
    /// Its volume is gone.
    Lost,
}

/// What is kept of a PersistentVolumeClaim.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ClaimFacts {
    /// The server whose home it is, by label.
    pub(crate) server: Option<String>,
    /// Size asked for.
    pub(crate) size: Option<Amount>,
    /// Its StorageClass.
    pub(crate) storage_class: Option<String>,
    /// How far it is.
    pub(crate) phase: ClaimPhase,
    /// Whether its deletion was asked for.
    pub(crate) deleting: bool,
}

impl Observed for ClaimFacts {
    type Raw = RawClaim;

    fn from_raw(raw: RawClaim) -> Self {
        let RawClaim { metadata, spec, status } = raw;
        let RawSpec { storage_class_name, mut resources } = spec.unwrap_or_default();
        Self {
            server: meta::label(&metadata, name::SERVER_LABEL),
            size: resources.requests.remove("storage"),
            storage_class: storage_class_name,
            phase: match status.phase.as_deref() {
                Some("Bound") => ClaimPhase::Bound,
                Some("Lost") => ClaimPhase::Lost,
                _ => ClaimPhase::Pending,
            },
            deleting: metadata.deletion_timestamp.is_some(),
        }
    }
}
