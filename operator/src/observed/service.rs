//! What is kept of a Service.

use std::collections::BTreeMap;

use devplat_api::name;
use k8s_openapi::{api::core::v1::Service, apimachinery::pkg::util::intstr::IntOrString};
use kube::{Resource, api::ObjectMeta};
use serde::Deserialize;

use super::{Observed, meta};

/// A Service as it is read.
#[derive(Resource, Deserialize, Clone, Debug)]
#[resource(inherit = "Service")]
pub(crate) struct RawService {
    #[serde(deserialize_with = "meta::slim")]
    metadata: ObjectMeta,
    spec: Option<RawSpec>,
}

#[derive(Deserialize, Clone, Debug, Default)]
struct RawSpec {
    #[serde(default)]
    selector: BTreeMap<String, String>,
    #[serde(default)]
    ports: Vec<RawPort>,
}

#[derive(Deserialize, Clone, Debug)]
#[serde(rename_all = "camelCase")]
struct RawPort {
    port: i32,
    target_port: Option<IntOrString>,
}

/// What is kept of a Service.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ServiceFacts {
    /// UID of the server it belongs to.
    pub(crate) owner: Option<String>,
    /// The server whose pods it sends to.
    pub(crate) selects: Option<String>,
    /// Whether port 22 leads to the agent, and no other port is open.
    pub(crate) leads_to_agent: bool,
    /// Whether its deletion was asked for.
    pub(crate) deleting: bool,
}

impl Observed for ServiceFacts {
    type Raw = RawService;

    fn from_raw(raw: RawService) -> Self {
        let RawService { metadata, spec } = raw;
        let RawSpec { mut selector, ports } = spec.unwrap_or_default();
        let target = IntOrString::Int(name::SSH_TARGET_PORT.into());
        let leads_to_agent = match ports.as_slice() {
            [only] => only.port == i32::from(name::SSH_PORT) && only.target_port.as_ref() == Some(&target),
            _ => false,
        };
        Self {
            owner: meta::controller(&metadata).map(|owner| owner.uid.clone()),
            selects: selector.remove(name::SERVER_LABEL),
            leads_to_agent,
            deleting: metadata.deletion_timestamp.is_some(),
        }
    }
}
