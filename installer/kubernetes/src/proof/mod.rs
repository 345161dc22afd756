//! The proof that a platform works: a dev server made as a user would make one, a command run in it, and the
//! server taken away again with its home. What a killed proof left is taken away by the next.

mod exec;

use std::time::{Duration, Instant};

use devplat_api::{DevServer, server::HomeRetention};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::{
    Api, Client, ResourceExt,
    api::{DeleteParams, ListParams, ObjectMeta, Patch},
};

use crate::{
    Error, ObjectRef, Waiting,
    call::{if_there, retried},
    release::{NAMESPACE, PLATFORM_LABEL},
    waiting::Tell,
};

/// Name of the dev server that proves it.
pub const NAME: &str = "devplat-proof";

/// What runs in the dev server: writes to the home and reads it back.
const SCRIPT: &str =
    "set -e; cd \"$HOME\"; echo devplat > .devplat-proof; cat .devplat-proof; rm .devplat-proof; uname -s";
const EXPECTED: &str = "devplat\nLinux\n";

/// How long a dev server may take to be gone.
const GONE_PATIENCE: Duration = Duration::from_mins(1);

/// Why the platform is not proved to work.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// A dev server of that name is there and is not devplat's.
    #[error("DevServer {NAMESPACE}/{NAME} is not devplat's")]
    Foreign,
    /// It was not ready in time.
    #[error("dev server was not ready after {} s: {last}", .after.as_secs())]
    NotReady {
        /// How long it was waited for.
        after: Duration,
        /// What was waited for last.
        last: Waiting,
    },
    /// The command in it did not do what it should.
    #[error("command in the dev server failed: {0}")]
    Command(String),
    /// It was not gone in time.
    #[error("dev server was not gone after {} s: {last}", .after.as_secs())]
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

/// Makes a dev server of `flavor`, runs a command in it, and takes it away; `patience` is for its becoming ready.
pub async fn prove(
    client: &Client,
    platform: &str,
    flavor: &str,
    patience: Duration,
    tell: Tell<'_>,
) -> Result<(), ProofError> {
    let proof = Proof { client, platform, tell };
    proof.remove().await?;
    proof.create(flavor).await?;
    let outcome = async {
        let pod = proof.ready(patience).await?;
        exec::run(client, &pod, SCRIPT, EXPECTED).await
    }
    .await;
    // Taken away whatever came of it: a failed proof leaves nothing that costs.
    let removed = proof.remove().await;
    outcome.and(removed)
}

/// Takes away what a killed proof left, if there is anything; for a destroy, while the operator still runs.
pub async fn clear(client: &Client, platform: &str, tell: Tell<'_>) -> Result<(), ProofError> {
    let proof = Proof { client, platform, tell };
    match proof.remove().await {
        // Not ours to take away.
        Err(ProofError::Foreign) => Ok(()),
        outcome => outcome,
    }
}

struct Proof<'a> {
    client: &'a Client,
    platform: &'a str,
    tell: Tell<'a>,
}

impl Proof<'_> {
    fn servers(&self) -> Api<DevServer> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    fn pods(&self) -> Api<Pod> {
        Api::namespaced(self.client.clone(), NAMESPACE)
    }

    async fn create(&self, flavor: &str) -> Result<(), ProofError> {
        let mut server = DevServer::new(NAME, devplat_api::DevServerSpec::default());
        server.spec.flavor = Some(flavor.to_owned());
        server.spec.home_retention = HomeRetention::Delete;
        server.spec.enable_ssh = true;
        server.metadata = ObjectMeta {
            name: Some(NAME.to_owned()),
            labels: Some(crate::release::labels(self.platform)),
            ..ObjectMeta::default()
        };
        let api = self.servers();
        retried(
            || format!("create DevServer {NAMESPACE}/{NAME}"),
            || async {
                api.patch(NAME, &crate::release::apply_params(), &Patch::Apply(&server)).await.map(|_| ())
            },
        )
        .await?;
        Ok(())
    }

    /// Waits until the server says that it is ready, and gives its pod's name.
    async fn ready(&self, patience: Duration) -> Result<String, ProofError> {
        let start = Instant::now();
        let mut told = None;
        loop {
            let api = self.servers();
            let server =
                retried(|| format!("read DevServer {NAMESPACE}/{NAME}"), || async { api.get(NAME).await })
                    .await?;
            let conditions = server.status.map(|status| status.conditions).unwrap_or_default();
            let ready = conditions.iter().find(|condition| condition.type_ == "Ready");
            if ready.is_some_and(|ready| ready.status == "True")
                && let Some(pod) = self.running_pod().await?
            {
                return Ok(pod);
            }
            let waiting = Waiting {
                object: server_ref(),
                progress: ready
                    .map_or("not seen by the operator yet".to_owned(), |ready| ready.reason.clone()),
                reason: ready.map(|ready| ready.message.clone()).filter(|message| !message.is_empty()),
            };
            if start.elapsed() > patience {
                return Err(ProofError::NotReady { after: start.elapsed(), last: waiting });
            }
            if told.as_ref() != Some(&waiting) {
                (self.tell)(&waiting);
                told = Some(waiting);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn running_pod(&self) -> Result<Option<String>, ProofError> {
        let pods = self.all_pods().await?;
        let stays = |pod: &&Pod| pod.metadata.deletion_timestamp.is_none();
        Ok(pods.iter().find(stays).map(ResourceExt::name_any))
    }

    async fn all_pods(&self) -> Result<Vec<Pod>, ProofError> {
        let api = self.pods();
        let selector = ListParams::default().labels(&format!("{}={NAME}", devplat_api::name::SERVER_LABEL));
        let pods = retried(
            || format!("list pods of DevServer {NAMESPACE}/{NAME}"),
            || async { api.list(&selector).await },
        )
        .await?;
        Ok(pods.items)
    }

    /// Deletes the server with its home, if it is there, and waits until all of it is gone.
    async fn remove(&self) -> Result<(), ProofError> {
        let api = self.servers();
        let what = || format!("delete DevServer {NAMESPACE}/{NAME}");
        let Some(live) = retried(what, || async { if_there(api.get(NAME).await) }).await? else {
            return Ok(());
        };
        if live.labels().get(PLATFORM_LABEL).is_none_or(|value| value != self.platform) {
            return Err(ProofError::Foreign);
        }
        retried(what, || async { if_there(api.delete(NAME, &DeleteParams::default()).await).map(|_| ()) })
            .await?;
        let start = Instant::now();
        let mut told = None;
        while let Some(waiting) = self.left().await? {
            if start.elapsed() > GONE_PATIENCE {
                return Err(ProofError::NotGone { after: start.elapsed(), last: waiting });
            }
            if told.as_ref() != Some(&waiting) {
                (self.tell)(&waiting);
                told = Some(waiting);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        Ok(())
    }

    /// The first of its objects that is still there.
    async fn left(&self) -> Result<Option<Waiting>, ProofError> {
        let servers = self.servers();
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(self.client.clone(), NAMESPACE);
        let claim = format!("{NAME}-home");
        let what = || format!("look for what is left of DevServer {NAMESPACE}/{NAME}");
        let server = retried(what, || async { if_there(servers.get_metadata(NAME).await) }).await?;
        let claimed =
            retried(what, || async { if_there(claims.get_metadata(&claim).await) }).await?.is_some();
        let pod = self.all_pods().await?.first().map(ResourceExt::name_any);
        let core = |kind: &str, name: String| ObjectRef {
            api_version: "v1".to_owned(),
            kind: kind.to_owned(),
            name,
            ..server_ref()
        };
        if let Some(server) = server {
            return Ok(Some(crate::release::leaving(server_ref(), server.finalizers())));
        }
        let object = match (pod, claimed) {
            (Some(pod), _) => core("Pod", pod),
            (None, true) => core("PersistentVolumeClaim", claim),
            (None, false) => return Ok(None),
        };
        Ok(Some(Waiting { object, progress: "being deleted".to_owned(), reason: None }))
    }
}

fn server_ref() -> ObjectRef {
    ObjectRef {
        api_version: "apps.devservers.io/v1".to_owned(),
        kind: "DevServer".to_owned(),
        namespace: Some(NAMESPACE.to_owned()),
        name: NAME.to_owned(),
    }
}
