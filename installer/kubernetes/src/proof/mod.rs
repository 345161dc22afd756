//! The proof that a platform works: a user signs in over SSH, gets a dev server and runs a command in it over SSH; then
//! user, dev server and home are deleted. Creating the dev server is separate from the sign-in, because it does not need
//! the bastion and can run while it starts. The sign-in runs while the dev server becomes ready. The next proof deletes
//! the objects of a killed one.

mod developer;
mod enforcement;
mod error;
mod objects;
mod ready;
mod record;
mod steps;

use std::sync::OnceLock;

use devplat_api::Slug;
use devplat_keys::UserKey;
use kube::{
    Client, ResourceExt,
    api::{DynamicObject, PartialObjectMeta},
};
use tokio::time::Instant;

use crate::{
    Error, ObjectRef, Pace,
    call::ApiServer,
    release::{OperatorPresence, PLATFORM_LABEL},
};
pub use developer::BastionAddress;
pub use enforcement::Enforcement;
pub use error::ProofError;
pub use objects::NAME;
pub(crate) use objects::objects;
use objects::{is_of_proof, server_ref, user_ref};
pub use ready::Patience;
use ready::Stage;
pub use record::{ProofRecord, forget, identities, record, record_ref, recorded};
use steps::ProofRun;

/// Deletes the objects of an earlier proof and waits until they are gone: before a new proof, and in a destroy while
/// the operator is still running. Objects of these names that are not ours stay.
pub async fn clear(
    client: &Client,
    platform: &str,
    operator: OperatorPresence,
    pace: &dyn Pace,
) -> Result<(), ProofError> {
    unless_foreign(ProofRun::new(client, platform, pace).clear(operator)).await
}

/// Deletes the objects of an earlier proof as [`clear`] does, without a wait until they are gone.
pub async fn remove(client: &Client, platform: &str, pace: &dyn Pace) -> Result<(), ProofError> {
    unless_foreign(ProofRun::new(client, platform, pace).remove()).await
}

/// Returns the outcome of a deletion, which succeeds if the objects are not ours.
async fn unless_foreign(deletion: impl Future<Output = Result<(), ProofError>>) -> Result<(), ProofError> {
    match deletion.await {
        Err(ProofError::Foreign(_)) => Ok(()),
        outcome => outcome,
    }
}

/// The remains of an earlier proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProofRemains {
    /// None.
    Nothing,
    /// They are being deleted, which needs no further call.
    Leaving,
    /// A killed run left a user or a dev server.
    Left,
}

/// Finds the remains of an earlier proof.
pub async fn remains(client: &Client, platform: &str, pace: &dyn Pace) -> Result<ProofRemains, Error> {
    let server = ApiServer { client, pace };
    let [user, dev_server] = objects();
    let namespace = ObjectRef::namespace(&Slug::of(NAME).namespace());
    let (user, dev_server, namespace) = futures::try_join!(
        server.metadata(&user),
        server.metadata(&dev_server),
        server.metadata(&namespace)
    )?;
    let leaving = |live: &PartialObjectMeta<DynamicObject>| live.metadata.deletion_timestamp.is_some();
    let ours = [user, dev_server]
        .into_iter()
        .flatten()
        .filter(|live| live.labels().get(PLATFORM_LABEL).is_some_and(|value| value == platform));
    let of_ours = ours.map(|live| if leaving(&live) { ProofRemains::Leaving } else { ProofRemains::Left });
    let of_namespace =
        namespace.filter(|live| is_of_proof(live.labels()) && leaving(live)).map(|_| ProofRemains::Leaving);
    Ok(of_ours.chain(of_namespace).max().unwrap_or(ProofRemains::Nothing))
}

/// A proof whose dev server is created.
#[derive(Debug)]
pub struct Begun {
    /// The key that its user signs in with.
    key: UserKey,
    /// The time at which the dev server was created.
    created: Instant,
    /// How long the dev server may take from then.
    patience: Patience,
}

/// The first half of the proof: [`forget`] and [`clear`], then creates the user and, as soon as the operator has
/// granted its rights, a dev server of `flavor`. The operator may still be starting. [`wait_address`] follows.
pub async fn begin(
    client: &Client,
    platform: &str,
    flavor: &str,
    patience: Patience,
    pace: &dyn Pace,
) -> Result<Begun, ProofError> {
    let proof = ProofRun::new(client, platform, pace);
    // Without its record, the platform is not proved if this proof fails or is killed.
    forget(client, platform, pace).await?;
    proof.operator_stays().await?;
    proof.clear(OperatorPresence::MayStart).await?;
    let outcome = async {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(ProofError::Random)?;
        let key = UserKey::from_seed(seed, NAME);
        proof.create_user(&key).await?;
        proof.reached(&user_ref(), Stage::Ready, patience, Instant::now()).await?;
        proof.create_server(flavor).await?;
        Ok(Begun { key, created: Instant::now(), patience })
    }
    .await;
    proof.or_removed(outcome).await
}

/// Waits until the pod of the dev server has an address. Deletes the dev server if its pod does not get one. After a stop,
/// [`clear`] deletes it. [`finish`] follows, once the bastion is ready.
pub async fn wait_address(
    client: &Client,
    platform: &str,
    begun: &Begun,
    pace: &dyn Pace,
) -> Result<(), ProofError> {
    let Begun { key: _, created, patience } = begun;
    let proof = ProofRun::new(client, platform, pace);
    let outcome = proof.reached(&server_ref(), Stage::Address, *patience, *created).await;
    proof.or_removed(outcome).await
}

/// The second half: waits until the dev server is ready, meanwhile signs in with the key of the first half and runs a
/// command in the dev server, and deletes all objects of the proof, also after a failure. Does not wait until they are
/// gone. If the dev server does not become ready, the error has the reason that the operator reports, although the
/// sign-in fails as well. Returns whether the cluster enforces `NetworkPolicies`; `None` if that could not be tried.
pub async fn finish(
    client: &Client,
    platform: &str,
    bastion: BastionAddress<'_>,
    begun: &Begun,
    pace: &dyn Pace,
) -> Result<Option<Enforcement>, ProofError> {
    let Begun { key, created, patience } = begun;
    let proof = ProofRun::new(client, platform, pace);
    let ready_at = OnceLock::new();
    let watched = async {
        proof.reached(&server_ref(), Stage::Ready, *patience, *created).await?;
        ready_at.get_or_init(Instant::now);
        Ok::<_, ProofError>(())
    };
    let proved = async {
        developer::prove(client, bastion, key, &ready_at, pace).await?;
        // The connection needs an agent that is listening: a refused one would look like an enforced policy. The agent
        // opens the port before that of SSH.
        Ok::<_, ProofError>(Box::pin(enforcement::try_policies(client, pace)).await?)
    };
    let outcome = async {
        let ((), tried) = futures::try_join!(watched, proved)?;
        match tried {
            // The network may not have known the pod yet.
            Some(Enforcement::Ignored) => Ok(Box::pin(enforcement::try_policies(client, pace)).await?),
            Some(Enforcement::Enforced) | None => Ok::<_, ProofError>(tried),
        }
    };
    let outcome = outcome.await;
    let removed = proof.remove().await;
    let enforcement = outcome?;
    removed?;
    Ok(enforcement)
}

impl<'a> ProofRun<'a> {
    fn new(client: &'a Client, platform: &'a str, pace: &'a dyn Pace) -> Self {
        Self { server: ApiServer { client, pace }, platform, namespace: Slug::of(NAME).namespace() }
    }

    /// Returns the outcome. Deletes the objects of a failed proof first, because they use resources; the proof's own
    /// error is reported rather than an error of the deletion.
    async fn or_removed<T>(&self, outcome: Result<T, ProofError>) -> Result<T, ProofError> {
        match &outcome {
            Ok(_) | Err(ProofError::Stopped(_)) => {}
            Err(_) => drop(self.remove().await),
        }
        outcome
    }
}

#[cfg(test)]
mod finish_tests;

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        time::Duration,
    };

    use serde_json::json;

    use super::*;
    use crate::{Steady, call::tests::client, release};

    /// The operator has released neither the server nor the user, so a wait would not end.
    #[tokio::test]
    async fn removal_makes_the_calls_and_does_not_wait() {
        let calls: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&calls);
        let client = client(move |request| {
            let (method, path) = (request.method().as_str(), request.uri().path());
            seen.lock().unwrap().push(format!("{method} {path}"));
            match method {
                "GET" => {
                    let metadata = json!({"name": NAME, "labels": release::labels("a")});
                    let kind = "PartialObjectMetadata";
                    (200, json!({"apiVersion": "meta.k8s.io/v1", "kind": kind, "metadata": metadata}))
                }
                _ => (200, json!({"kind": "Status", "apiVersion": "v1", "status": "Success", "code": 200})),
            }
        });
        remove(&client, "a", &Steady).await.unwrap();
        let server = "/apis/apps.devservers.io/v1/namespaces/dev-devplat-proof/devservers/devplat-proof";
        let user = "/apis/apps.devservers.io/v1/devusers/devplat-proof";
        let expected = [server, user].map(|path| [format!("GET {path}"), format!("DELETE {path}")]);
        assert_eq!(*calls.lock().unwrap(), expected.concat());
        calls.lock().unwrap().clear();
        remove(&client, "other", &Steady).await.unwrap();
        assert_eq!(*calls.lock().unwrap(), [format!("GET {server}")], "it is not ours");
    }

    #[tokio::test]
    async fn object_that_a_killed_run_left_counts_more_than_one_being_deleted() {
        let left = json!({"name": NAME, "labels": release::labels("a")});
        let leaving = |labels: serde_json::Value| {
            let time = "2001-02-03T04:05:06Z";
            json!({"name": NAME, "labels": labels, "deletionTimestamp": time})
        };
        let (ours, of_user) = (json!(release::labels("a")), json!({(devplat_api::name::USER_LABEL): NAME}));
        let foreign = json!({"name": NAME, "labels": release::labels("other")});
        for (user, dev_server, namespace, expected) in [
            (None, None, None, ProofRemains::Nothing),
            (Some(foreign), None, Some(json!({"name": NAME})), ProofRemains::Nothing),
            (None, None, Some(leaving(of_user)), ProofRemains::Leaving),
            (None, Some(leaving(ours.clone())), None, ProofRemains::Leaving),
            (Some(left), Some(leaving(ours)), None, ProofRemains::Left),
        ] {
            let client = client(move |request| {
                let path = request.uri().path();
                let found = if path.contains("/devusers/") {
                    &user
                } else if path.contains("/devservers/") {
                    &dev_server
                } else {
                    &namespace
                };
                let Some(metadata) = found else {
                    let reason = "NotFound";
                    return (404, json!({"kind": "Status", "code": 404, "reason": reason, "message": ""}));
                };
                let kind = "PartialObjectMetadata";
                (200, json!({"apiVersion": "meta.k8s.io/v1", "kind": kind, "metadata": metadata}))
            });
            assert_eq!(remains(&client, "a", &Steady).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn record_of_the_last_proof_is_deleted_before_anything_else() {
        let calls: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&calls);
        let record = json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata",
            "metadata": {"name": "devplat-proof", "labels": release::labels("a")}});
        let status = |status: &str, code: u16| {
            let answer = json!({"kind": "Status", "apiVersion": "v1", "status": status, "code": code});
            (code, answer)
        };
        let client = client(move |request| {
            let (method, path) = (request.method().as_str(), request.uri().path());
            seen.lock().unwrap().push(format!("{method} {path}"));
            match (method, path.ends_with("/configmaps/devplat-proof")) {
                ("GET", true) => (200, record.clone()),
                ("DELETE", true) => status("Success", 200),
                _ => status("Failure", 403),
            }
        });
        let patience = Patience { seen: Duration::ZERO, ready: Duration::ZERO };
        begin(&client, "a", "cpu-small", patience, &Steady).await.unwrap_err();
        let calls = calls.lock().unwrap();
        let record = "/api/v1/namespaces/devplat-system/configmaps/devplat-proof";
        assert_eq!(calls[..2], [format!("GET {record}"), format!("DELETE {record}")], "{calls:?}");
        assert_eq!(calls.len(), 3, "the next call fails: {calls:?}");
    }
}
