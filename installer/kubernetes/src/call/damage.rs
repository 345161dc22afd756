//! The damage of an object that devplat or the operator wrote.

use std::error::Error as StdError;

use devplat_api::name::OPERATOR_NAMESPACE;

use crate::{CommandLines, ObjectRef};

/// The damage of an object: content that neither devplat nor the operator writes.
#[derive(Debug, thiserror::Error)]
pub enum ObjectDamage {
    /// The inventory of a release does not parse.
    #[error("its list of objects is damaged")]
    Inventory(#[source] serde_json::Error),
    /// The public key of the host authority does not parse.
    #[error("its host authority is not a public key")]
    HostAuthority(#[source] Box<dyn StdError + Send + Sync>),
}

impl ObjectDamage {
    /// The remedy for `object`, which is damaged in this way. Without `lines`, it contains no command line.
    pub(super) fn hint(&self, object: &ObjectRef, lines: Option<&CommandLines>) -> String {
        let ObjectRef { api_version: _, kind, namespace, name } = object;
        match self {
            Self::Inventory(_) => {
                let place = namespace.as_ref().map(|one| format!("--namespace {one} ")).unwrap_or_default();
                CommandLines::by_kubectl(
                    lines,
                    &format!(
                        "delete {object}; the next run finds the objects of the release by their labels"
                    ),
                    &format!("delete {place}{} {name}", kind.to_lowercase()),
                )
            }
            Self::HostAuthority(_) => CommandLines::by_kubectl(
                lines,
                "run the same command again in a minute; if the operator has not written the key again by then, read its \
                 log",
                &format!("logs --namespace {OPERATOR_NAMESPACE} deployment/devserver-operator"),
            ),
        }
    }
}
