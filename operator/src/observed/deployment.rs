//! What is kept of a Deployment.

use devplat_api::name;
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Resource, api::ObjectMeta};
use serde::Deserialize;

use super::{Observed, meta};

/// A Deployment as it is read.
#[derive(Resource, Deserialize, Clone, Debug)]
#[resource(inherit = "Deployment")]
pub(crate) struct RawDeployment {
    #[serde(deserialize_with = "meta::slim")]
    metadata: ObjectMeta,
    #[serde(default)]
    status: RawStatus,
}

#[derive(Deserialize, Clone, Debug, Default)]
struct RawStatus {
    #[serde(default)]
    conditions: Vec<RawCondition>,
}

#[derive(Deserialize, Clone, Debug)]
struct RawCondition {
    r#type: String,
    status: String,
    message: Option<String>,
}

/// What is kept of a Deployment.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct DeploymentFacts {
    /// UID of the server it belongs to.
    pub(crate) owner: Option<String>,
    /// Hash of what the user decided when the template was last written.
    pub(crate) choice: Option<String>,
    /// Hash of the template.
    pub(crate) template: Option<String>,
    /// Changes with its spec.
    pub(crate) generation: Option<i64>,
    /// Whether its deletion was asked for.
    pub(crate) deleting: bool,
    /// Why no pod can be made, in the cluster's words.
    pub(crate) failure: Option<String>,
}

impl Observed for DeploymentFacts {
    type Raw = RawDeployment;

    fn from_raw(raw: RawDeployment) -> Self {
        let RawDeployment { metadata, status } = raw;
        let failure =
            |condition: &RawCondition| condition.r#type == "ReplicaFailure" && condition.status == "True";
        Self {
            owner: meta::controller(&metadata).map(|owner| owner.uid.clone()),
            choice: meta::annotation(&metadata, name::CHOICE_ANNOTATION),
            template: meta::annotation(&metadata, name::TEMPLATE_ANNOTATION),
            generation: metadata.generation,
            deleting: metadata.deletion_timestamp.is_some(),
            failure: status.conditions.into_iter().find(failure).and_then(|condition| condition.message),
        }
    }
}
