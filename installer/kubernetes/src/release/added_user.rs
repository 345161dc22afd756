//! The users that `devplat users add` has added. A release takes one over if the profile names it as well.

use kube::{ResourceExt, api::DynamicObject};

use super::PLATFORM_LABEL;

/// The field manager of the users that `devplat users add` adds. A release has another one, and does not prune them.
pub const ADDED_USERS: &str = "devplat-users";

/// Returns whether `object` is a DevUser that `devplat users add` has added and that stays.
pub(super) fn is_added_user(object: &DynamicObject) -> bool {
    let is_user = object.types.as_ref().is_some_and(|types| types.kind == "DevUser");
    let added = |manager: Option<&String>| manager.is_some_and(|manager| manager == ADDED_USERS);
    is_user
        && !object.labels().contains_key(PLATFORM_LABEL)
        && object.metadata.deletion_timestamp.is_none()
        && object.managed_fields().iter().any(|fields| added(fields.manager.as_ref()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(kind: &str, manager: &str, labels: &serde_json::Value) -> DynamicObject {
        serde_json::from_value(json!({
            "apiVersion": "apps.devservers.io/v1",
            "kind": kind,
            "metadata": {"name": "demo", "labels": labels, "managedFields": [{"manager": manager}]},
        }))
        .unwrap()
    }

    #[test]
    fn only_a_user_of_users_add_is_taken_over() {
        let added = object("DevUser", ADDED_USERS, &json!({}));
        assert!(is_added_user(&added));
        assert!(!is_added_user(&object("DevUser", "kubectl", &json!({}))));
        assert!(!is_added_user(&object("DevServer", ADDED_USERS, &json!({}))));
        assert!(!is_added_user(&object("DevUser", ADDED_USERS, &json!({(PLATFORM_LABEL): "other"}))));
        let mut leaving = serde_json::to_value(added).unwrap();
        leaving["metadata"]["deletionTimestamp"] = json!("2026-11-24T10:00:00Z");
        assert!(!is_added_user(&serde_json::from_value(leaving).unwrap()));
    }
}
