//! The objects of the proof.

use std::collections::BTreeMap;

use devplat_api::{Slug, name};

use crate::ObjectRef;

/// Name of the proof's user and of its dev server.
pub const NAME: &str = "devplat-proof";

/// The objects of the proof that carry the platform's label.
pub(crate) fn objects() -> [ObjectRef; 2] {
    [user_ref(), server_ref()]
}

/// Returns whether the operator created the namespace with these labels for the proof's user.
pub(super) fn is_of_proof(labels: &BTreeMap<String, String>) -> bool {
    labels.get(name::USER_LABEL).is_some_and(|user| user == Slug::of(NAME).as_str())
}

pub(super) fn user_ref() -> ObjectRef {
    ObjectRef::new("apps.devservers.io/v1", "DevUser", None, NAME)
}

pub(super) fn server_ref() -> ObjectRef {
    let namespace = Slug::of(NAME).namespace();
    ObjectRef::new("apps.devservers.io/v1", "DevServer", Some(&namespace), NAME)
}
