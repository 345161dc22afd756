//! Objects that stay: neither they nor their namespace are being deleted.

use kube::api::{DynamicObject, PartialObjectMeta};

use crate::{Error, ObjectRef, call::ApiServer};

/// Returns the uid of an object, which changes when it is deleted and created again; `None` if it is absent, or is being
/// deleted, by itself or with its namespace.
pub(crate) async fn uid(server: ApiServer<'_>, object: &ObjectRef) -> Result<Option<String>, Error> {
    let stays = |live: PartialObjectMeta<DynamicObject>| {
        live.metadata.deletion_timestamp.is_none().then_some(live.metadata.uid).flatten()
    };
    let Some(namespace) = object.namespace.as_deref().map(ObjectRef::namespace) else {
        return Ok(server.metadata(object).await?.and_then(stays));
    };
    let (live, namespace) = futures::try_join!(server.metadata(object), server.metadata(&namespace))?;
    Ok(namespace.and_then(stays).and(live.and_then(stays)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::{call::tests::client, pace::Steady};

    async fn uid_of(map: Value, namespace: Value) -> Option<String> {
        let client = client(move |request| match request.uri().path() {
            "/api/v1/namespaces/n" => (200, json!({"metadata": namespace})),
            _ => (200, json!({"metadata": map})),
        });
        let server = ApiServer { client: &client, pace: &Steady };
        uid(server, &ObjectRef::config_map("n", "a")).await.unwrap()
    }

    #[tokio::test]
    async fn object_stays_only_in_a_namespace_that_stays() {
        let stays = |name: &str| json!({"name": name, "uid": format!("of {name}")});
        let leaves =
            |name: &str| json!({"name": name, "uid": "x", "deletionTimestamp": "2001-02-03T12:00:00Z"});
        assert_eq!(uid_of(stays("a"), stays("n")).await.as_deref(), Some("of a"));
        assert_eq!(uid_of(leaves("a"), stays("n")).await, None);
        assert_eq!(uid_of(stays("a"), leaves("n")).await, None);
    }
}
