//! What is kept of a DevServer.

use devplat_api::{DevServer, DevServerSpec, DevServerStatus, name};
use k8s_openapi::jiff::Timestamp;
use kube::{Resource, api::ObjectMeta};
use serde::Deserialize;

use super::{Key, Observed, meta};

/// A DevServer as it is read.
#[derive(Resource, Deserialize, Clone, Debug)]
#[resource(inherit = "DevServer")]
pub(crate) struct RawServer {
    #[serde(deserialize_with = "meta::slim")]
    metadata: ObjectMeta,
    spec: DevServerSpec,
    status: Option<DevServerStatus>,
}

/// What is kept of a DevServer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ServerFacts {
    /// Where it is.
    pub(crate) key: Key,
    /// Its identity.
    pub(crate) uid: String,
    /// Changes with its spec.
    pub(crate) generation: Option<i64>,
    /// When it was made.
    pub(crate) created: Option<Timestamp>,
    /// When its deletion was asked for.
    pub(crate) deleting: Option<Timestamp>,
    /// All its finalizers, ours or not.
    pub(crate) finalizers: Vec<String>,
    /// Value of the annotation that asks for a restart.
    pub(crate) restart: Option<String>,
    /// What its user wants.
    pub(crate) spec: DevServerSpec,
    /// What the operator last said.
    pub(crate) status: Option<DevServerStatus>,
}

impl Observed for ServerFacts {
    type Raw = RawServer;

    fn from_raw(raw: RawServer) -> Self {
        let RawServer { metadata, spec, status } = raw;
        Self {
            key: Key::of(&metadata),
            restart: meta::annotation(&metadata, name::RESTART_ANNOTATION),
            uid: metadata.uid.unwrap_or_default(),
            generation: metadata.generation,
            created: metadata.creation_timestamp.map(|time| time.0),
            deleting: metadata.deletion_timestamp.map(|time| time.0),
            finalizers: metadata.finalizers.unwrap_or_default(),
            spec,
            status,
        }
    }
}

impl ServerFacts {
    /// The flavor it has or, before it has one, the one it asks for.
    pub(crate) fn flavor(&self) -> Option<&str> {
        let remembered = self.status.as_ref().and_then(|status| status.flavor.as_deref());
        self.spec.flavor.as_deref().or(remembered)
    }
}
