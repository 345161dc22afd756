//! The one place with a client of the API server. Each function is one request; nothing is discovered beforehand.

mod access;
mod trouble;
mod unreachable;

pub(crate) use trouble::Trouble;

use std::{
    future::Future,
    sync::Arc,
    time::{Duration, SystemTime},
};

use devplat_api::{
    DevServer, DevServerFlavor,
    name::{SERVER_FINALIZER, ServerName},
};
use devplat_connect::Setup;
use futures::{AsyncBufRead, Stream, StreamExt};
use k8s_openapi::api::{
    authentication::v1::SelfSubjectReview,
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
    core::v1::{Event, PersistentVolumeClaim, Pod},
};
use kube::{
    Api, Client,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, LogParams, Patch, PatchParams, PostParams},
    runtime::watcher,
};
use serde_json::{Value, json};

use crate::{object::HOME_LABELS, place::Place};
use access::Access;

/// Writes what devctl writes.
const MANAGER: &str = "devctl";
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(20);
/// How many events are read: more than a namespace has in an hour.
const EVENTS: u32 = 500;

/// A way to ask.
#[derive(Clone)]
pub(crate) struct Cluster {
    client: Client,
    /// URL of the API server.
    pub(crate) server: String,
    /// The user's namespace.
    pub(crate) namespace: String,
}

impl Cluster {
    /// Makes the client. If the kubeconfig has a credential plugin, this runs it. Nothing is sent yet.
    pub(crate) async fn open(place: &Place) -> Result<Self, Trouble> {
        let Access { entry, proxies, plugins } = match place {
            Place::Bastion(bastion) => access::of_bastion(bastion),
            Place::Laptop(settings) => access::of_kubeconfig(settings)?,
        };
        let server = entry.cluster.server.as_deref().unwrap_or_default().trim_end_matches('/').to_owned();
        // devctl itself repeats no request, so the client does.
        let setup = Setup { proxies: &proxies, plugins, clock: Arc::new(SystemTime::now), retries: true };
        let client = Box::pin(devplat_connect::client(entry, setup, None)).await;
        let client = client.map_err(|error| match place {
            Place::Bastion(_) => Trouble::Bastion(error),
            Place::Laptop(_) => Trouble::of_connect(error, &server),
        })?;
        let namespace = client.default_namespace().to_owned();
        Ok(Self { client, server, namespace })
    }

    /// All dev servers.
    pub(crate) async fn servers(&self) -> Result<Vec<DynamicObject>, Trouble> {
        let (api, everything) = (self.dev_servers(), ListParams::default());
        Ok(self.answer(api.list(&everything)).await?.items)
    }

    /// One of them.
    pub(crate) async fn server(&self, name: &ServerName) -> Result<DynamicObject, Trouble> {
        self.answer(self.dev_servers().get(name.as_str())).await
    }

    /// Makes one.
    pub(crate) async fn create(&self, name: &ServerName, spec: Value) -> Result<DynamicObject, Trouble> {
        let mut server = DynamicObject::new(name.as_str(), &server_resource()).data(json!({"spec": spec}));
        // From the creating call on: deleted before the operator saw it, what the operator makes would be left behind.
        server.metadata.finalizers = Some(vec![SERVER_FINALIZER.to_owned()]);
        let params = PostParams { field_manager: Some(MANAGER.to_owned()), ..PostParams::default() };
        self.answer(self.dev_servers().create(&params, &server)).await
    }

    /// Changes one as `patch` says.
    pub(crate) async fn change(&self, name: &ServerName, patch: Value) -> Result<DynamicObject, Trouble> {
        let params = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        self.answer(self.dev_servers().patch(name.as_str(), &params, &Patch::Merge(patch))).await
    }

    /// Asks for the end of one.
    pub(crate) async fn delete(&self, name: &ServerName) -> Result<(), Trouble> {
        let (api, params) = (self.dev_servers(), DeleteParams::default());
        self.answer(api.delete(name.as_str(), &params)).await.map(|_| ())
    }

    /// What becomes of one from now on: nothing where there is none.
    pub(crate) fn watch(
        &self,
        name: &ServerName,
    ) -> impl Stream<Item = Result<Option<DynamicObject>, Trouble>> + use<> {
        let server = self.server.clone();
        let changes = watcher::watch_object(self.dev_servers(), name.as_str());
        changes.map(move |change| change.map_err(|error| Trouble::of_watch(error, &server)))
    }

    /// All flavors.
    pub(crate) async fn flavors(&self) -> Result<Vec<DynamicObject>, Trouble> {
        let resource = ApiResource::erase::<DevServerFlavor>(&());
        let (api, everything) = (Api::all_with(self.client.clone(), &resource), ListParams::default());
        Ok(self.answer(api.list(&everything)).await?.items)
    }

    /// The claims of all homes.
    pub(crate) async fn homes(&self) -> Result<Vec<PersistentVolumeClaim>, Trouble> {
        let (api, homes) = (self.api::<PersistentVolumeClaim>(), ListParams::default().labels(HOME_LABELS));
        Ok(self.answer(api.list(&homes)).await?.items)
    }

    /// What Kubernetes said of late about anything here.
    pub(crate) async fn events(&self) -> Result<Vec<Event>, Trouble> {
        let (api, latest) = (self.api::<Event>(), ListParams::default().limit(EVENTS));
        Ok(self.answer(api.list(&latest)).await?.items)
    }

    /// The pods of a dev server.
    pub(crate) async fn pods(&self, server: &ServerName) -> Result<Vec<Pod>, Trouble> {
        use devplat_api::name::{APP, APP_LABEL, SERVER_LABEL};
        let labels = format!("{APP_LABEL}={APP},{SERVER_LABEL}={}", server.as_str());
        let (api, of_server) = (self.api::<Pod>(), ListParams::default().labels(&labels));
        Ok(self.answer(api.list(&of_server)).await?.items)
    }

    /// What a container of a pod wrote.
    pub(crate) async fn log(
        &self,
        pod: &str,
        params: &LogParams,
    ) -> Result<impl AsyncBufRead + use<>, Trouble> {
        self.answer(self.api::<Pod>().log_stream(pod, params)).await
    }

    /// Kubernetes' version.
    pub(crate) async fn version(&self) -> Result<String, Trouble> {
        Ok(self.answer(self.client.apiserver_version()).await?.git_version)
    }

    /// Who the API server takes the user for.
    pub(crate) async fn known_as(&self) -> Result<Option<String>, Trouble> {
        let (api, params) = (Api::all(self.client.clone()), PostParams::default());
        let review = SelfSubjectReview::default();
        let answer: SelfSubjectReview = self.answer(api.create(&params, &review)).await?;
        Ok(answer.status.and_then(|status| status.user_info?.username))
    }

    /// Whether the user may do that. `resource` is `pods` or `pods/log`.
    pub(crate) async fn may(&self, verb: &str, group: &str, resource: &str) -> Result<bool, Trouble> {
        let (resource, subresource) = match resource.split_once('/') {
            Some((resource, subresource)) => (resource, Some(subresource.to_owned())),
            None => (resource, None),
        };
        let attributes = ResourceAttributes {
            namespace: Some(self.namespace.clone()),
            verb: Some(verb.to_owned()),
            group: Some(group.to_owned()),
            resource: Some(resource.to_owned()),
            subresource,
            ..ResourceAttributes::default()
        };
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(attributes),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let (api, params) = (Api::all(self.client.clone()), PostParams::default());
        let answer: SelfSubjectAccessReview = self.answer(api.create(&params, &review)).await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }

    fn dev_servers(&self) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), &self.namespace, &server_resource())
    }

    fn api<K>(&self) -> Api<K>
    where
        K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(self.client.clone(), &self.namespace)
    }

    /// The answer, which has to come in time.
    async fn answer<T>(&self, request: impl Future<Output = kube::Result<T>>) -> Result<T, Trouble> {
        match tokio::time::timeout(ANSWER, request).await {
            Ok(answer) => answer.map_err(|error| Trouble::of(error, &self.server)),
            Err(_) => Err(Trouble::Slow { server: self.server.clone(), seconds: ANSWER.as_secs() }),
        }
    }
}

fn server_resource() -> ApiResource {
    ApiResource::erase::<DevServer>(&())
}
