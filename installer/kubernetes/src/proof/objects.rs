//! The objects of the proof.

use devplat_api::Slug;

use crate::ObjectRef;

/// Name of the proof's user and of its dev server.
pub const NAME: &str = "devplat-proof";

/// The objects of the proof that carry the platform's label.
pub(crate) fn objects() -> [ObjectRef; 2] {
    [user_ref(), server_ref()]
}

pub(super) fn user_ref() -> ObjectRef {
    ObjectRef::new("apps.devservers.io/v1", "DevUser", None, NAME)
}

pub(super) fn server_ref() -> ObjectRef {
    let namespace = Slug::of(NAME).namespace();
    ObjectRef::new("apps.devservers.io/v1", "DevServer", Some(&namespace), NAME)
}
