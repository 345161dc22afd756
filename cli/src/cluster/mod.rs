//! The one place with a client of the API server. Each function is one request; nothing is discovered beforehand.

mod trouble;

pub(crate) use trouble::Trouble;

use std::{ffi::OsStr, future::Future, time::Duration};

use devplat_api::{
    DevServer, DevServerFlavor,
    name::{SERVER_FINALIZER, ServerName},
};
use futures::{AsyncBufRead, Stream, StreamExt};
use k8s_openapi::api::{
    authentication::v1::SelfSubjectReview,
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
    core::v1::{Event, PersistentVolumeClaim, Pod},
};
use kube::{
    Api, Client, Config,
    api::{ApiResource, DeleteParams, DynamicObject, ListParams, LogParams, Patch, PatchParams, PostParams},
    config::{AuthInfo, Context, KubeConfigOptions, Kubeconfig, NamedAuthInfo, NamedCluster, NamedContext},
    runtime::watcher,
};
use serde_json::{Value, json};

use crate::{
    object::HOME_LABELS,
    place::{Bastion, Place},
    settings::Settings,
};

/// Writes what devctl writes.
const MANAGER: &str = "devctl";
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
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
    /// Makes the client. Nothing is sent yet.
    pub(crate) async fn open(place: &Place) -> Result<Self, Trouble> {
        let mut config = match place {
            Place::Bastion(bastion) => of_bastion(bastion).await?,
            Place::Laptop(settings) => of_kubeconfig(settings).await?,
        };
        config.connect_timeout = Some(CONNECT);
        let server = config.cluster_url.to_string().trim_end_matches('/').to_owned();
        let namespace = config.default_namespace.clone();
        let client = Client::try_from(config).map_err(|error| Trouble::of(error, &server))?;
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

/// By way of a kubeconfig that no file has: kube then reads the certificates, and asks the system for none.
async fn of_bastion(bastion: &Bastion) -> Result<Config, Trouble> {
    let name = "bastion".to_owned();
    let cluster = kube::config::Cluster {
        server: Some(bastion.server.clone()),
        certificate_authority: bastion.authority.as_ref().map(|path| path.display().to_string()),
        ..kube::config::Cluster::default()
    };
    let user = AuthInfo { token: Some(bastion.token.0.clone().into()), ..AuthInfo::default() };
    let context = Context {
        cluster: name.clone(),
        user: Some(name.clone()),
        namespace: Some(bastion.namespace.clone()),
        ..Context::default()
    };
    let kubeconfig = Kubeconfig {
        clusters: vec![NamedCluster {
            name: name.clone(),
            cluster: Some(cluster),
            ..NamedCluster::default()
        }],
        auth_infos: vec![NamedAuthInfo {
            name: name.clone(),
            auth_info: Some(user),
            ..NamedAuthInfo::default()
        }],
        contexts: vec![NamedContext {
            name: name.clone(),
            context: Some(context),
            ..NamedContext::default()
        }],
        current_context: Some(name),
        ..Kubeconfig::default()
    };
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    config.map_err(Trouble::Bastion)
}

async fn of_kubeconfig(settings: &Settings) -> Result<Config, Trouble> {
    // With such a list, kube would read ~/.kube/config, and kubectl reads no file.
    if std::env::var_os("KUBECONFIG").is_some_and(|list| names_no_file(&list)) {
        return Err(Trouble::NoFile);
    }
    let options = KubeConfigOptions { context: settings.context.clone(), ..KubeConfigOptions::default() };
    let mut config = Config::from_kubeconfig(&options).await.map_err(Trouble::Unconfigured)?;
    if let Some(namespace) = &settings.namespace {
        config.default_namespace.clone_from(namespace);
    }
    Ok(config)
}

/// Returns whether a value of KUBECONFIG has only empty entries. An empty value counts as unset.
fn names_no_file(list: &OsStr) -> bool {
    !list.is_empty() && std::env::split_paths(list).all(|path| path.as_os_str().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn list_of_empty_entries_names_no_file() {
        for (list, none) in [(":", true), (":::", true), ("", false), ("a", false), (":a:", false)] {
            assert_eq!(names_no_file(OsStr::new(list)), none, "{list}");
        }
    }
}
