//! What is kept of a DevServerFlavor.

use devplat_api::{DevServerFlavor, DevServerFlavorSpec, flavor::DevServerFlavorStatus, name};
use kube::{Resource, api::ObjectMeta};
use serde::Deserialize;

use super::{Observed, meta};

/// A DevServerFlavor as it is read.
#[derive(Resource, Deserialize, Clone, Debug)]
#[resource(inherit = "DevServerFlavor")]
pub(crate) struct RawFlavor {
    #[serde(deserialize_with = "meta::slim")]
    metadata: ObjectMeta,
    spec: DevServerFlavorSpec,
    status: Option<DevServerFlavorStatus>,
}

/// What is kept of a DevServerFlavor.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FlavorFacts {
    /// Its name.
    pub(crate) name: String,
    /// Changes with its spec.
    pub(crate) generation: Option<i64>,
    /// Whether its deletion was asked for.
    pub(crate) deleting: bool,
    /// Whether servers get it that name none.
    pub(crate) default: bool,
    /// All its finalizers, ours or not.
    pub(crate) finalizers: Vec<String>,
    /// What its servers get.
    pub(crate) spec: DevServerFlavorSpec,
    /// What the operator last said.
    pub(crate) status: Option<DevServerFlavorStatus>,
}

impl Observed for FlavorFacts {
    type Raw = RawFlavor;

    fn from_raw(raw: RawFlavor) -> Self {
        let RawFlavor { metadata, spec, status } = raw;
        Self {
            default: meta::label(&metadata, name::DEFAULT_FLAVOR_LABEL).as_deref() == Some("true"),
            name: metadata.name.unwrap_or_default(),
            generation: metadata.generation,
            deleting: metadata.deletion_timestamp.is_some(),
            finalizers: metadata.finalizers.unwrap_or_default(),
            spec,
            status,
        }
    }
}
