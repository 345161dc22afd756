//! A home as it is shown: a claim, and the dev server that uses it.

use devplat_api::name;
use k8s_openapi::{api::core::v1::PersistentVolumeClaim, jiff::Timestamp};
use kube::ResourceExt;

/// Selects the homes among all claims.
pub(crate) const LABELS: &str = "app=devserver,app.kubernetes.io/component=home";

/// What is shown of a home.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Home {
    /// The server that it is for.
    pub(crate) server: String,
    /// The claim.
    pub(crate) claim: String,
    /// What it has; what it asks for while it has nothing.
    pub(crate) size: Option<String>,
    /// What it asks for.
    pub(crate) asked: Option<String>,
    pub(crate) class: Option<String>,
    pub(crate) phase: String,
    /// Whether a server uses it; else it is kept for one of that name.
    pub(crate) used: bool,
    pub(crate) deleted: bool,
    pub(crate) created: Option<Timestamp>,
}

impl Home {
    /// What is known of `claim`; `servers` are the names of those there are.
    pub(crate) fn of(claim: &PersistentVolumeClaim, servers: &[String]) -> Self {
        let name = claim.name_any();
        let labelled = claim.labels().get(name::SERVER_LABEL).cloned();
        let server = labelled.unwrap_or_else(|| name.strip_suffix("-home").unwrap_or(&name).to_owned());
        let spec = claim.spec.as_ref();
        let asked = spec.and_then(|spec| spec.resources.as_ref()?.requests.as_ref()?.get("storage"));
        let status = claim.status.as_ref();
        let has = status.and_then(|status| status.capacity.as_ref()?.get("storage"));
        Self {
            used: servers.contains(&server),
            server,
            claim: name,
            size: has.or(asked).map(|size| size.0.clone()),
            asked: asked.map(|size| size.0.clone()),
            class: spec.and_then(|spec| spec.storage_class_name.clone()),
            phase: status.and_then(|status| status.phase.clone()).unwrap_or_else(|| "Pending".to_owned()),
            deleted: claim.metadata.deletion_timestamp.is_some(),
            created: super::created(&claim.metadata),
        }
    }

    /// Who uses it, in words.
    pub(crate) fn usage(&self) -> String {
        match (self.deleted, self.used) {
            (true, _) => "being deleted".to_owned(),
            (false, true) => format!("used by {}", self.server),
            (false, false) => "kept".to_owned(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// A home as the API server gives it.
    pub(crate) fn claim(server: &str, size: &str) -> PersistentVolumeClaim {
        serde_json::from_value(json!({
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {
                "name": format!("{server}-home"),
                "creationTimestamp": "2026-11-20T10:00:00Z",
                "labels": {(name::APP_LABEL): name::APP, (name::SERVER_LABEL): server},
            },
            "spec": {"storageClassName": "standard", "resources": {"requests": {"storage": size}}},
            "status": {"phase": "Bound", "capacity": {"storage": size}},
        }))
        .unwrap()
    }

    #[test]
    fn home_is_used_while_there_is_a_server_of_its_name_and_kept_afterwards() {
        let claim = claim("mydev", "10Gi");
        assert_eq!(Home::of(&claim, &["mydev".into()]).usage(), "used by mydev");
        assert_eq!(Home::of(&claim, &["other".into()]).usage(), "kept");
        assert_eq!(Home::of(&claim, &[]).size.as_deref(), Some("10Gi"));
    }

    #[test]
    fn labels_are_those_that_the_operator_gives() {
        assert_eq!(LABELS, format!("{}={},{}=home", name::APP_LABEL, name::APP, name::COMPONENT));
    }
}
