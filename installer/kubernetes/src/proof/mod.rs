//! The proof that a platform works: a user who signs in over SSH, a dev server of theirs with a command run in it over
//! SSH, and all of it taken away again with the home. It comes in two halves, since the first needs no bastion: while
//! the one starts, so does the other. What a killed proof left is taken away by the next.

mod session;

use std::time::{Duration, Instant};

use devplat_api::{DevServer, DevUser, DevUserSpec, Slug, name, server::HomeRetention};
use devplat_keys::UserKey;
use kube::{
    Api, Client, Resource, ResourceExt,
    api::{DeleteParams, ObjectMeta, Patch, PostParams, Request},
    core::request::Error as RequestError,
};

use crate::{
    Error, ObjectRef, Waiting,
    call::{New, if_there, retried, retried_with},
    door::{Door, ssh::SshError},
    release::PLATFORM_LABEL,
    waiting::Tell,
};

/// Name of the user who proves it, and of their dev server.
pub const NAME: &str = "devplat-proof";

/// How often is looked.
const PERIOD: Duration = Duration::from_millis(200);

/// How long something may take to be gone.
const GONE_PATIENCE: Duration = Duration::from_mins(1);

/// Why the platform is not proved to work.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// Something of that name is there and is not devplat's.
    #[error("{0} is not devplat's")]
    Foreign(ObjectRef),
    /// It was not ready in time.
    #[error("it was not ready after {} s: {last}", .after.as_secs())]
    NotReady {
        /// How long it was waited for.
        after: Duration,
        /// What was waited for last.
        last: Waiting,
    },
    /// The operator has made no host authority.
    #[error(
        "the platform's host authority is not there: ConfigMap {}/{}",
        devplat_api::name::BASTION_NAMESPACE,
        devplat_api::name::AUTHORITIES_CONFIG_MAP
    )]
    NoAuthority,
    /// This machine has no random numbers.
    #[error("no random numbers for a key: {0}")]
    Random(getrandom::Error),
    /// A command over SSH did not do what it should.
    #[error("`{command}` as {user} failed: {why}")]
    Command {
        /// Which.
        command: String,
        /// Signed in as.
        user: String,
        /// What it said instead.
        why: String,
    },
    /// A command over SSH was not run to its end.
    #[error("cannot run a command over SSH as {user}")]
    Ssh {
        /// Signed in as.
        user: String,
        /// Why not.
        source: SshError,
    },
    /// It was not gone in time.
    #[error("it was not gone after {} s: {last}", .after.as_secs())]
    NotGone {
        /// How long it was waited for.
        after: Duration,
        /// What was waited for last.
        last: Waiting,
    },
    /// A call failed.
    #[error(transparent)]
    Call(#[from] Error),
}

/// The first half: makes a user and a dev server of `flavor` of theirs, waits until it is ready, and gives the user's
/// key. The operator may still be starting.
pub async fn begin(
    client: &Client,
    platform: &str,
    flavor: &str,
    patience: Patience,
    tell: Tell<'_>,
) -> Result<UserKey, ProofError> {
    let proof = Proof { client, platform, namespace: Slug::of(NAME).namespace(), tell };
    proof.remove().await?;
    proof.gone().await?;
    let outcome = async {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(ProofError::Random)?;
        let key = UserKey::from_seed(seed, NAME);
        proof.create_user(&key).await?;
        proof.ready(&user_ref(), patience).await?;
        proof.create_server(flavor).await?;
        proof.ready(&proof.server_ref(), patience).await?;
        Ok(key)
    }
    .await;
    match outcome {
        Ok(key) => Ok(key),
        Err(error) => {
            // A failed proof leaves nothing that costs; why it failed counts more than what went wrong after that.
            let _ = proof.remove().await;
            Err(error)
        }
    }
}

/// The second half: signs in with the key that [`begin`] gave, runs a command in the dev server, and takes all of it
/// away, whatever came of it.
pub async fn finish(
    client: &Client,
    platform: &str,
    way: Way<'_>,
    key: &UserKey,
    tell: Tell<'_>,
) -> Result<(), ProofError> {
    let proof = Proof { client, platform, namespace: Slug::of(NAME).namespace(), tell };
    let outcome = session::prove(client, way, key, tell).await;
    let removed = proof.remove().await;
    outcome.and(removed)
}

/// How long is waited for an object to be ready.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until the operator says anything of it.
    pub seen: Duration,
    /// In all; pulling an image takes minutes.
    pub ready: Duration,
}

/// Takes away what a killed proof left, if there is anything; for a destroy, while the operator still runs.
pub async fn clear(client: &Client, platform: &str, tell: Tell<'_>) -> Result<(), ProofError> {
    let proof = Proof { client, platform, namespace: Slug::of(NAME).namespace(), tell };
    match proof.remove().await {
        Ok(()) => proof.gone().await,
        // Not ours to take away.
        Err(ProofError::Foreign(_)) => Ok(()),
        outcome => outcome,
    }
}

/// The way in from here.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    /// How the bastion is reached.
    pub door: &'a Door,
    /// The name that its host certificate has to be for.
    pub host: &'a str,
}

struct Proof<'a> {
    client: &'a Client,
    platform: &'a str,
    namespace: String,
    tell: Tell<'a>,
}

impl Proof<'_> {
    fn users(&self) -> Api<DevUser> {
        Api::all(self.client.clone())
    }

    fn meta(&self) -> ObjectMeta {
        let labels = Some(crate::release::labels(self.platform));
        ObjectMeta { name: Some(NAME.to_owned()), labels, ..ObjectMeta::default() }
    }

    async fn create_user(&self, key: &UserKey) -> Result<(), ProofError> {
        let spec = DevUserSpec { ssh_keys: vec![key.public_text()], ..DevUserSpec::default() };
        let mut user = DevUser::new(NAME, spec);
        user.metadata = self.meta();
        let api = self.users();
        let what = || format!("create {}", user_ref());
        let apply = || async {
            api.patch(NAME, &crate::release::apply_params(), &Patch::Apply(&user)).await.map(|_| ())
        };
        Ok(retried(what, apply).await?)
    }

    async fn create_server(&self, flavor: &str) -> Result<(), ProofError> {
        let mut server = DevServer::new(NAME, devplat_api::DevServerSpec::default());
        server.spec.flavor = Some(flavor.to_owned());
        server.spec.home_retention = HomeRetention::Delete;
        server.spec.enable_ssh = true;
        server.metadata = self.meta();
        server.metadata.finalizers = Some(vec![name::SERVER_FINALIZER.to_owned()]);
        let what = || format!("create {} as {NAME}", self.server_ref());
        let body = serde_json::to_vec(&server)
            .map_err(|source| Error { what: what(), source: Box::new(kube::Error::SerdeError(source)) })?;
        let create = || async {
            let request = self.as_user(&body).map_err(kube::Error::BuildRequest)?;
            match self.client.request::<DevServer>(request).await.map(|_| ()) {
                // There was none before: an answer got lost.
                Err(kube::Error::Api(status)) if status.is_already_exists() => Ok(()),
                outcome => outcome,
            }
        };
        Ok(retried_with(New::Right, what, create).await?)
    }

    /// The request that creates a server, with the rights that its user has, and no others.
    fn as_user(&self, server: &[u8]) -> Result<http::Request<Vec<u8>>, RequestError> {
        let account = Slug::of(NAME).service_account();
        let namespace = &self.namespace;
        let path = DevServer::url_path(&(), Some(namespace));
        let mut request = Request::new(path).create(&PostParams::default(), server.to_vec())?;
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

    /// Waits until `object` says that it is ready.
    async fn ready(&self, object: &ObjectRef, patience: Patience) -> Result<(), ProofError> {
        let start = Instant::now();
        let mut told = None;
        let api = object.api(self.client);
        loop {
            let live = retried(|| format!("read {object}"), || async { api.get(NAME).await }).await?;
            let conditions = live.data["status"]["conditions"].as_array().cloned().unwrap_or_default();
            let ready = conditions.iter().find(|condition| condition["type"] == "Ready");
            if ready.is_some_and(|ready| ready["status"] == "True") {
                return Ok(());
            }
            let text = |key: &str| ready.and_then(|ready| ready[key].as_str()).map(str::to_owned);
            let waiting = Waiting {
                object: object.clone(),
                progress: text("reason").unwrap_or_else(|| "not seen by the operator yet".to_owned()),
                reason: text("message").filter(|message| !message.is_empty()),
            };
            let patience = if ready.is_some() { patience.ready } else { patience.seen };
            if start.elapsed() > patience {
                return Err(ProofError::NotReady { after: start.elapsed(), last: waiting });
            }
            if told.as_ref() != Some(&waiting) {
                (self.tell)(&waiting);
                told = Some(waiting);
            }
            tokio::time::sleep(PERIOD).await;
        }
    }

    /// Deletes the server with its home and waits until it is gone, then the user, whose namespace goes in its own time.
    async fn remove(&self) -> Result<(), ProofError> {
        for object in [self.server_ref(), user_ref()] {
            let api = object.api(self.client);
            let what = || format!("delete {object}");
            let live = retried(what, || async { if_there(api.get_metadata(NAME).await) }).await?;
            let Some(live) = live else { continue };
            if live.labels().get(PLATFORM_LABEL).is_none_or(|value| value != self.platform) {
                return Err(ProofError::Foreign(object));
            }
            let delete = || async { if_there(api.delete(NAME, &DeleteParams::default()).await).map(|_| ()) };
            retried(what, delete).await?;
            if object.kind == "DevServer" {
                self.wait_gone(&[object, self.claim_ref()]).await?;
            }
        }
        Ok(())
    }

    /// Waits until what was deleted is gone.
    async fn gone(&self) -> Result<(), ProofError> {
        self.wait_gone(&[user_ref(), self.namespace_ref()]).await
    }

    async fn wait_gone(&self, objects: &[ObjectRef]) -> Result<(), ProofError> {
        let start = Instant::now();
        for object in objects {
            let api = object.api(self.client);
            let mut told = None;
            loop {
                let what = || format!("look whether {object} is gone");
                let live = retried(what, || async { if_there(api.get_metadata(&object.name).await) }).await?;
                let Some(live) = live else { break };
                let waiting = crate::release::leaving(object.clone(), live.finalizers());
                if start.elapsed() > GONE_PATIENCE {
                    return Err(ProofError::NotGone { after: start.elapsed(), last: waiting });
                }
                if told.as_ref() != Some(&waiting) {
                    (self.tell)(&waiting);
                    told = Some(waiting);
                }
                tokio::time::sleep(PERIOD).await;
            }
        }
        Ok(())
    }

    fn server_ref(&self) -> ObjectRef {
        let namespace = Some(self.namespace.clone());
        ObjectRef { kind: "DevServer".to_owned(), namespace, ..user_ref() }
    }

    fn claim_ref(&self) -> ObjectRef {
        ObjectRef {
            api_version: "v1".to_owned(),
            kind: "PersistentVolumeClaim".to_owned(),
            namespace: Some(self.namespace.clone()),
            name: format!("{NAME}-home"),
        }
    }

    fn namespace_ref(&self) -> ObjectRef {
        ObjectRef {
            api_version: "v1".to_owned(),
            kind: "Namespace".to_owned(),
            namespace: None,
            name: self.namespace.clone(),
        }
    }
}

fn user_ref() -> ObjectRef {
    ObjectRef {
        api_version: "apps.devservers.io/v1".to_owned(),
        kind: "DevUser".to_owned(),
        namespace: None,
        name: NAME.to_owned(),
    }
}
