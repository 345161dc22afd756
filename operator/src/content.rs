//! What a namespace has of a kind, whosever it is: the data that the deletion of a user must not lose.

use kube::{Resource, api::ListParams, core::Request};
use serde_json::Value;

use crate::{
    cluster::{CallFailed, Cluster},
    observed::Key,
};

/// How many objects of a namespace are looked at.
const LOOKED_AT: u32 = 100;

/// What a namespace has of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content {
    /// No object.
    Nothing,
    /// Only objects that are being deleted.
    Leaves,
    /// An object that is not being deleted.
    Stays,
}

impl Cluster {
    /// Returns what of a kind is in the namespace, whosever it is. Reads the first [`LOOKED_AT`] objects, and only
    /// their metadata.
    pub(crate) async fn content<K: Resource<DynamicType = ()>>(
        &self,
        namespace: &str,
    ) -> Result<Content, CallFailed> {
        let key = Key::new(namespace, "");
        let list = ListParams::default().limit(LOOKED_AT);
        let request = Request::new(K::url_path(&(), Some(namespace))).list_metadata(&list);
        // A namespace that does not exist has an empty list. 404 means that the API server does not serve the kind, as
        // after the deletion of its CRD, and then there is no object of it.
        let list: Value = match self.send_named("list", K::kind(&()).as_ref(), &key, request).await {
            Err(failed) if failed.code() == Some(404) => return Ok(Content::Nothing),
            answer => answer?,
        };
        let items = list["items"].as_array().map(Vec::as_slice).unwrap_or_default();
        let more = list["metadata"]["continue"].as_str().is_some_and(|token| !token.is_empty());
        let stays = |item: &Value| item["metadata"]["deletionTimestamp"].is_null();
        Ok(if more || items.iter().any(stays) {
            Content::Stays
        } else if items.is_empty() {
            Content::Nothing
        } else {
            Content::Leaves
        })
    }
}
