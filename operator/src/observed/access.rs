//! What is kept of the objects that give a user access.

use devplat_api::name;
use k8s_openapi::api::{
    core::v1::{Namespace, ServiceAccount},
    rbac::v1::{ClusterRoleBinding, RoleBinding, RoleRef, Subject},
};
use kube::{Resource, api::ObjectMeta};
use serde::Deserialize;

use super::{Observed, meta};

/// A Namespace as it is read.
#[derive(Resource, Deserialize, Clone, Debug)]
#[resource(inherit = "Namespace")]
pub(crate) struct RawNamespace {
    #[serde(deserialize_with = "meta::slim")]
    metadata: ObjectMeta,
}

/// What is kept of a Namespace.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct NamespaceFacts {
    /// Slug of the user it belongs to.
    pub(crate) user: Option<String>,
    /// Whether it outlived its user.
    pub(crate) kept: bool,
    /// Whether it has a label with a Pod Security level, whoever set it.
    pub(crate) pod_security: bool,
    /// Whether its deletion was asked for.
    pub(crate) deleting: bool,
}

impl Observed for NamespaceFacts {
    type Raw = RawNamespace;

    fn from_raw(raw: RawNamespace) -> Self {
        Self {
            user: meta::label(&raw.metadata, name::USER_LABEL),
            kept: meta::annotation(&raw.metadata, name::KEPT_ANNOTATION).is_some(),
            pod_security: meta::label(&raw.metadata, name::POD_SECURITY_LABEL).is_some(),
            deleting: raw.metadata.deletion_timestamp.is_some(),
        }
    }
}

/// A ServiceAccount as it is read.
#[derive(Resource, Deserialize, Clone, Debug)]
#[resource(inherit = "ServiceAccount")]
pub(crate) struct RawAccount {
    #[serde(deserialize_with = "meta::slim")]
    metadata: ObjectMeta,
}

/// What is kept of a ServiceAccount.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct AccountFacts {
    /// Slug of the user it belongs to.
    pub(crate) user: Option<String>,
    /// Whether its deletion was asked for.
    pub(crate) deleting: bool,
}

impl Observed for AccountFacts {
    type Raw = RawAccount;

    fn from_raw(raw: RawAccount) -> Self {
        Self {
            user: meta::label(&raw.metadata, name::USER_LABEL),
            deleting: raw.metadata.deletion_timestamp.is_some(),
        }
    }
}

/// A RoleBinding as it is read.
#[derive(Resource, Deserialize, Clone, Debug)]
#[resource(inherit = "RoleBinding")]
pub(crate) struct RawBinding {
    #[serde(deserialize_with = "meta::slim")]
    metadata: ObjectMeta,
    #[serde(rename = "roleRef")]
    role: RoleRef,
    #[serde(default)]
    subjects: Vec<Subject>,
}

/// A `ClusterRoleBinding` as it is read.
#[derive(Resource, Deserialize, Clone, Debug)]
#[resource(inherit = "ClusterRoleBinding")]
pub(crate) struct RawClusterBinding {
    #[serde(deserialize_with = "meta::slim")]
    metadata: ObjectMeta,
    #[serde(rename = "roleRef")]
    role: RoleRef,
    #[serde(default)]
    subjects: Vec<Subject>,
}

/// What is kept of a binding.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Bound {
    /// Slug of the user it belongs to.
    pub(crate) user: Option<String>,
    /// The role it gives.
    pub(crate) role: String,
    /// Whom it gives it to, as `namespace/name`.
    pub(crate) accounts: Vec<String>,
}

fn bound(metadata: &ObjectMeta, role: RoleRef, subjects: Vec<Subject>) -> Bound {
    let account = |subject: Subject| format!("{}/{}", subject.namespace.unwrap_or_default(), subject.name);
    Bound {
        user: meta::label(metadata, name::USER_LABEL),
        role: role.name,
        accounts: subjects.into_iter().map(account).collect(),
    }
}

/// What is kept of a RoleBinding.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct BindingFacts(pub(crate) Bound);

impl Observed for BindingFacts {
    type Raw = RawBinding;

    fn from_raw(raw: RawBinding) -> Self {
        Self(bound(&raw.metadata, raw.role, raw.subjects))
    }
}

/// What is kept of a `ClusterRoleBinding`.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct ClusterBindingFacts(pub(crate) Bound);

impl Observed for ClusterBindingFacts {
    type Raw = RawClusterBinding;

    fn from_raw(raw: RawClusterBinding) -> Self {
        Self(bound(&raw.metadata, raw.role, raw.subjects))
    }
}
