//! The metadata of the objects that hold what the authorities make.

use devplat_api::name;
use serde_json::{Value, json};

/// The metadata of the object `own` in `namespace`.
pub(super) fn metadata(own: &str, namespace: &str) -> Value {
    let labels = json!({(name::MANAGED_BY): name::OPERATOR, (name::PART_OF): "devplat"});
    json!({"name": own, "namespace": namespace, "labels": labels})
}
