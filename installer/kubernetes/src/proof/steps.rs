//! Creates and deletes the objects of the proof.

use std::time::Duration;

use devplat_api::{DevServer, DevServerSpec, DevUser, DevUserSpec, Slug, name, server::HomeRetention};
use devplat_keys::UserKey;
use kube::{
    Api, Resource, ResourceExt,
    api::{DeleteParams, DynamicObject, ObjectMeta, PartialObjectMeta, Patch, Request},
    core::request::Error as RequestError,
};

use super::{
    NAME, ProofError,
    objects::{server_ref, user_ref},
};
use crate::{
    ObjectRef,
    call::{ApiServer, Call, CallVerb, New, if_there},
    release::{self, OperatorPresence, PLATFORM_LABEL},
};

/// How long deleted objects may take to be gone.
const GONE_PATIENCE: Duration = Duration::from_mins(3);

pub(super) struct ProofRun<'a> {
    pub(super) server: ApiServer<'a>,
    pub(super) platform: &'a str,
    pub(super) namespace: String,
}

impl ProofRun<'_> {
    fn meta(&self) -> ObjectMeta {
        let labels = Some(release::labels(self.platform));
        ObjectMeta { name: Some(NAME.to_owned()), labels, ..ObjectMeta::default() }
    }

    pub(super) async fn create_user(&self, key: &UserKey) -> Result<(), ProofError> {
        let spec = DevUserSpec { ssh_keys: vec![key.public_text()], ..DevUserSpec::default() };
        let mut user = DevUser::new(NAME, spec);
        user.metadata = self.meta();
        let api: Api<DevUser> = Api::all(self.server.client.clone());
        let attempt =
            || async { api.patch(NAME, &release::apply_params(), &Patch::Apply(&user)).await.map(|_| ()) };
        let call = Call::new(CallVerb::Apply, &user_ref()).with_labels(user.labels());
        Ok(self.server.call(&call, attempt).await?)
    }

    /// Creates the server by an apply, because the API server delays the first POST of a new kind by 2 s. An answer that
    /// was lost does not make the next attempt fail.
    pub(super) async fn create_server(&self, flavor: &str) -> Result<(), ProofError> {
        let mut server = DevServer::new(NAME, DevServerSpec::default());
        server.spec.flavor = Some(flavor.to_owned());
        server.spec.home_retention = HomeRetention::Delete;
        server.spec.enable_ssh = true;
        server.metadata = self.meta();
        server.metadata.finalizers = Some(vec![name::SERVER_FINALIZER.to_owned()]);
        let call = Call::new(CallVerb::Apply, &server_ref()).with_labels(server.labels());
        let call = Call { on_behalf: Some(NAME), ..call };
        let attempt = || async {
            let request = self.as_user(&server).map_err(kube::Error::BuildRequest)?;
            self.server.client.request::<DevServer>(request).await.map(|_| ())
        };
        Ok(self.server.call_new(New::Right, &call, attempt).await?)
    }

    /// Returns the request that applies a server with only the rights of its user.
    fn as_user(&self, server: &DevServer) -> Result<http::Request<Vec<u8>>, RequestError> {
        let account = Slug::of(NAME).service_account();
        let namespace = &self.namespace;
        let servers = Request::new(DevServer::url_path(&(), Some(namespace)));
        let mut request = servers.patch(NAME, &release::apply_params(), &Patch::Apply(server))?;
        let headers = [
            ("impersonate-user", format!("system:serviceaccount:{namespace}:{account}")),
            ("impersonate-group", "system:serviceaccounts".to_owned()),
            ("impersonate-group", format!("system:serviceaccounts:{namespace}")),
            ("impersonate-group", "system:authenticated".to_owned()),
        ];
        for (header, value) in headers {
            let value = value.parse().expect("names of Kubernetes make a header");
            request.headers_mut().append(header, value);
        }
        Ok(request)
    }

    /// Deletes the server with its home, and the user, whose namespace the operator deletes once the server is gone. Does
    /// not wait for that.
    pub(super) async fn remove(&self) -> Result<(), ProofError> {
        self.delete(server_ref()).await?;
        self.delete(user_ref()).await
    }

    /// Deletes both, and waits until all of them are gone. The server goes first, because an operator of an older version
    /// keeps the namespace of a user whose server still exists.
    pub(super) async fn clear(&self, operator: OperatorPresence) -> Result<(), ProofError> {
        self.delete(server_ref()).await?;
        self.wait_gone(&[server_ref(), self.claim_ref()], operator).await?;
        self.delete(user_ref()).await?;
        self.wait_gone(&[user_ref(), ObjectRef::namespace(&self.namespace)], operator).await
    }

    async fn delete(&self, object: ObjectRef) -> Result<(), ProofError> {
        let Some(live) = self.server.metadata(&object).await? else { return Ok(()) };
        if live.labels().get(PLATFORM_LABEL).is_none_or(|value| value != self.platform) {
            return Err(ProofError::Foreign(object));
        }
        let api = object.api(self.server.client);
        let attempt = || async { if_there(api.delete(NAME, &DeleteParams::default()).await).map(|_| ()) };
        Ok(self.server.call(&Call::new(CallVerb::Delete, &object), attempt).await?)
    }

    fn claim_ref(&self) -> ObjectRef {
        ObjectRef::new("v1", "PersistentVolumeClaim", Some(&self.namespace), &format!("{NAME}-home"))
    }

    /// Waits while the operator's namespace is being deleted: an operator that still runs there would make keys from a seed
    /// that is about to be gone.
    pub(super) async fn operator_stays(&self) -> Result<(), ProofError> {
        let namespace = [ObjectRef::namespace(name::OPERATOR_NAMESPACE)];
        let leaves = |live: &PartialObjectMeta<DynamicObject>| live.metadata.deletion_timestamp.is_some();
        let operator = OperatorPresence::MayStart;
        let outcome = release::wait_while(self.server, &namespace, leaves, operator, GONE_PATIENCE).await?;
        outcome.map_err(ProofError::NotGone)
    }

    async fn wait_gone(&self, objects: &[ObjectRef], operator: OperatorPresence) -> Result<(), ProofError> {
        let outcome = release::wait_while(self.server, objects, |_| true, operator, GONE_PATIENCE).await?;
        outcome.map_err(ProofError::NotGone)
    }
}
