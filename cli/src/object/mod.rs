//! What devctl knows of objects in the cluster. They are read leniently, so that a server that is newer, with words
//! that this devctl never heard, still shows.

mod event;
mod flavor;
mod home;
mod server;

pub(crate) use event::{Event, of_server};
pub(crate) use flavor::{Flavor, nearest};
pub(crate) use home::{Home, LABELS as HOME_LABELS};
pub(crate) use server::{Seen, Server, State};

use k8s_openapi::jiff::Timestamp;
use kube::api::ObjectMeta;
use serde_json::Value;

/// When an object was made.
fn created(metadata: &ObjectMeta) -> Option<Timestamp> {
    metadata.creation_timestamp.as_ref().map(|time| time.0)
}

/// An object as its user wants it printed: without what only the API server reads.
pub(crate) fn printed(object: &impl serde::Serialize) -> Value {
    let mut value = serde_json::to_value(object).unwrap_or_default();
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    value
}

#[cfg(test)]
pub(crate) mod tests {
    //! Objects for tests of what is made from them.

    pub(crate) use super::{flavor::tests as flavor, home::tests as home, server::tests as server};
}
