//! Who owns the fields of an object that this operator made by a create. Those would stay when an apply no longer says
//! them, since a create and an apply are two owners to the API server, of whatever name. So before its first apply, such
//! an object is marked as if it had been applied all along.

use devplat_api::name;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry;
use serde_json::{Value, json};

/// The JSON patch with which what a create owns becomes an apply's; `None` where there is no such thing, or an apply
/// was before.
pub(crate) fn adoption(owners: &[ManagedFieldsEntry]) -> Option<Value> {
    let ours = |entry: &ManagedFieldsEntry, operation: &str| {
        let whole = entry.subresource.as_deref().unwrap_or_default().is_empty();
        entry.manager.as_deref() == Some(name::OPERATOR)
            && entry.operation.as_deref() == Some(operation)
            && whole
    };
    if owners.iter().any(|entry| ours(entry, "Apply")) {
        return None;
    }
    let index = owners.iter().position(|entry| ours(entry, "Update"))?;
    let entry = format!("/metadata/managedFields/{index}");
    let operation = format!("{entry}/operation");
    Some(json!([
        // The entries may have changed places meanwhile.
        {"op": "test", "path": format!("{entry}/manager"), "value": name::OPERATOR},
        {"op": "test", "path": operation, "value": "Update"},
        {"op": "replace", "path": operation, "value": "Apply"},
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(manager: &str, operation: &str, subresource: &str) -> ManagedFieldsEntry {
        let (manager, operation) = (Some(manager.to_owned()), Some(operation.to_owned()));
        let subresource = Some(subresource.to_owned()).filter(|name| !name.is_empty());
        ManagedFieldsEntry { manager, operation, subresource, ..ManagedFieldsEntry::default() }
    }

    #[test]
    fn what_a_create_owns_becomes_an_applys() {
        let owners =
            [owner("kube-controller-manager", "Update", "status"), owner(name::OPERATOR, "Update", "")];
        let patch = adoption(&owners).unwrap();
        let operation = "/metadata/managedFields/1/operation";
        assert_eq!(patch[2], json!({"op": "replace", "path": operation, "value": "Apply"}));
    }

    #[test]
    fn what_was_applied_stays_as_it_is() {
        assert_eq!(adoption(&[owner(name::OPERATOR, "Apply", "")]), None);
        let both = [owner(name::OPERATOR, "Update", ""), owner(name::OPERATOR, "Apply", "")];
        assert_eq!(adoption(&both), None);
    }

    #[test]
    fn what_others_own_stays_theirs() {
        assert_eq!(adoption(&[]), None);
        assert_eq!(adoption(&[owner("kubectl-edit", "Update", ""), owner("helm", "Apply", "")]), None);
        assert_eq!(adoption(&[owner(name::OPERATOR, "Update", "status")]), None);
    }
}
