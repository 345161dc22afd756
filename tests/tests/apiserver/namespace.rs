//! A namespace of a cluster with an operator, and the calls of tests in it.

use std::fmt::Debug;

use devplat_api::{
    DevServer, DevServerFlavor,
    condition::{ConditionType, Reason},
};
use devplat_tests::waiting::until;
use k8s_openapi::{
    NamespaceResourceScope,
    api::core::v1::{Namespace as Object, Pod},
    apimachinery::pkg::apis::meta::v1::Condition,
};
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ListParams, Patch, PatchParams, PostParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::cluster::{PATIENCE, platform};

/// A namespace. Its objects are deleted with its cluster.
pub(crate) struct Namespace {
    pub(crate) client: Client,
    pub(crate) name: String,
}

impl Namespace {
    /// Creates a namespace on the shared platform.
    pub(crate) async fn new(name: &str) -> Self {
        Self::on(platform().await.plane.client().await.unwrap(), name).await
    }

    /// Creates a namespace.
    pub(crate) async fn on(client: Client, name: &str) -> Self {
        make::<Object>(&Api::all(client.clone()), json!({"metadata": {"name": name}})).await;
        // The API server rejects pods without it.
        let account = async || {
            let accounts: Api<k8s_openapi::api::core::v1::ServiceAccount> =
                Api::namespaced(client.clone(), name);
            accounts.get("default").await
        };
        until("the namespace's ServiceAccount", PATIENCE, account).await.unwrap();
        Self { client, name: name.to_owned() }
    }

    pub(crate) fn api<K: Local>(&self) -> Api<K> {
        Api::namespaced(self.client.clone(), &self.name)
    }

    /// Creates `object`.
    pub(crate) async fn make<K: Local>(&self, object: Value) -> K {
        make(&self.api(), object).await
    }

    /// Reads the object `name`.
    pub(crate) async fn get<K: Local>(&self, name: &str) -> K {
        self.api().get(name).await.unwrap()
    }

    /// Patches an object.
    pub(crate) async fn change<K: Local>(&self, name: &str, patch: Value) -> K {
        self.api().patch(name, &PatchParams::default(), &Patch::Merge(patch)).await.unwrap()
    }

    /// Requests the deletion of the object.
    pub(crate) async fn delete<K: Local>(&self, name: &str) {
        self.api::<K>().delete(name, &DeleteParams::default()).await.unwrap();
    }

    /// Waits until the object is gone.
    pub(crate) async fn gone<K: Local>(&self, name: &str) {
        gone(&self.api::<K>(), name).await;
    }

    /// Waits until `wanted` accepts the object, and returns it.
    pub(crate) async fn becomes<K: Local>(&self, name: &str, what: &str, wanted: impl Fn(&K) -> bool) -> K {
        becomes(&self.api(), name, what, wanted).await
    }

    /// Returns the names of all objects of a kind.
    pub(crate) async fn names<K: Local>(&self) -> Vec<String> {
        let list = self.api::<K>().list(&ListParams::default()).await.unwrap();
        list.items.iter().map(ResourceExt::name_any).collect()
    }

    /// Creates a dev server.
    pub(crate) async fn server(&self, name: &str, spec: Value) -> DevServer {
        self.make(json!({"metadata": {"name": name}, "spec": spec})).await
    }

    /// Waits until the dev server is ready with its current spec.
    pub(crate) async fn ready(&self, name: &str) -> DevServer {
        self.becomes(name, "to be ready", |server: &DevServer| {
            let status = server.status.clone().unwrap_or_default();
            status.ready && status.observed_generation == server.metadata.generation
        })
        .await
    }

    /// Waits until the dev server has this condition, and returns its message.
    pub(crate) async fn says(&self, name: &str, kind: ConditionType, status: &str, reason: Reason) -> String {
        let wanted = |server: &DevServer| said(server, kind, status, reason).is_some();
        let server = self.becomes(name, &format!("to report {kind}={status} {reason}"), wanted).await;
        said(&server, kind, status, reason).unwrap()
    }

    /// Waits for a scheduled pod of the dev server that is not being deleted.
    pub(crate) async fn pod(&self, server: &str) -> Pod {
        let pods: Api<Pod> = self.api();
        let params = ListParams::default().labels(&format!("devserver={server}"));
        until(format!("a pod of {server}"), PATIENCE, async || {
            let list = pods.list(&params).await.map_err(|error| error.to_string())?;
            let there = |pod: &&Pod| {
                let placed = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
                placed && pod.metadata.deletion_timestamp.is_none()
            };
            list.items
                .iter()
                .find(there)
                .cloned()
                .ok_or_else(|| list.items.iter().map(shown).collect::<Vec<_>>().join("\n"))
        })
        .await
        .unwrap()
    }

    /// Acts as the kubelet: reports the status of a pod.
    pub(crate) async fn report(&self, pod: &str, status: Value) {
        let patch = Patch::Strategic(json!({"status": status}));
        self.api::<Pod>().patch_status(pod, &PatchParams::default(), &patch).await.unwrap();
    }

    /// Acts as the kubelet: ends a pod.
    pub(crate) async fn end(&self, pod: &str) {
        self.api::<Pod>().delete(pod, &DeleteParams::default().grace_period(0)).await.unwrap();
    }
}

/// The traits of all objects that tests use.
pub(crate) trait Kind:
    Resource<DynamicType = ()> + DeserializeOwned + Serialize + Clone + Debug
{
}

impl<K: Resource<DynamicType = ()> + DeserializeOwned + Serialize + Clone + Debug> Kind for K {}

/// The traits of objects in namespaces.
pub(crate) trait Local: Kind + Resource<Scope = NamespaceResourceScope> {}

impl<K: Kind + Resource<Scope = NamespaceResourceScope>> Local for K {}

/// Creates an object.
pub(crate) async fn make<K: Kind>(api: &Api<K>, object: Value) -> K {
    api.create(&PostParams::default(), &serde_json::from_value(object).unwrap()).await.unwrap()
}

/// Waits until `wanted` accepts an object, and returns it.
pub(crate) async fn becomes<K: Kind>(api: &Api<K>, name: &str, what: &str, wanted: impl Fn(&K) -> bool) -> K {
    until(format!("{name} {what}"), PATIENCE, async || match api.get_opt(name).await {
        Ok(Some(object)) if wanted(&object) => Ok(object),
        Ok(Some(object)) => Err(shown(&object)),
        Ok(None) => Err("no object of that name".to_owned()),
        Err(error) => Err(error.to_string()),
    })
    .await
    .unwrap()
}

/// Waits until an object is gone.
pub(crate) async fn gone<K: Kind>(api: &Api<K>, name: &str) {
    until(format!("the end of {name}"), PATIENCE, async || match api.get_opt(name).await {
        Ok(None) => Ok(()),
        Ok(Some(object)) => Err(shown(&object)),
        Err(error) => Err(error.to_string()),
    })
    .await
    .unwrap();
}

/// Returns the message of a condition if it has this status and reason for the current spec.
pub(crate) fn said(server: &DevServer, kind: ConditionType, status: &str, reason: Reason) -> Option<String> {
    let conditions = &server.status.as_ref()?.conditions;
    message(conditions, server.metadata.generation, kind, status, reason)
}

/// Returns the message of a condition in a list if it has this status and reason for `generation`.
pub(crate) fn message(
    conditions: &[Condition],
    generation: Option<i64>,
    kind: ConditionType,
    status: &str,
    reason: Reason,
) -> Option<String> {
    let found = conditions.iter().find(|condition| condition.type_ == kind.as_str())?;
    let so = found.status == status && found.reason == reason.as_str();
    (so && found.observed_generation == generation).then(|| found.message.clone())
}

/// Creates a flavor with small requests, with `more` in its spec.
pub(crate) async fn flavor(client: &Client, name: &str, more: Value) -> DevServerFlavor {
    let mut spec = json!({"resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}}});
    spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    make(&Api::all(client.clone()), json!({"metadata": {"name": name}, "spec": spec})).await
}

/// Returns an object as text, without fields that do not help in messages.
fn shown(object: &impl Serialize) -> String {
    let mut value = serde_json::to_value(object).unwrap();
    if let Some(metadata) = value["metadata"].as_object_mut() {
        metadata.remove("managedFields");
    }
    serde_json::to_string_pretty(&value).unwrap()
}
