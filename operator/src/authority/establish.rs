//! Makes the seed where it is missing, and gives the bastion what comes from it.
//!
//! An existing seed is never written over: two replicas that both find none end with the one that was first.

use std::{sync::Arc, time::Duration};

use devplat_api::name;
use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use thiserror::Error;

use super::{
    Authority,
    manifest::names,
    publish::{Found, Wanting, wanting},
    seed::{NoSeed, Seed},
};
use crate::{
    cluster::{CallFailed, Cluster},
    observed::Key,
};

/// First wait after a failure; it doubles with each.
const FIRST_RETRY: Duration = Duration::from_millis(250);
/// Longest wait after a failure, and how often is looked whether all is still there: none of it is watched. A bastion in
/// a namespace that was deleted and created again waits for its keys.
const LOOK: Duration = Duration::from_secs(10);

/// Why there are no authorities.
#[derive(Debug, Error)]
enum Failed {
    /// The API server.
    #[error(transparent)]
    Call(CallFailed),
    /// What is there is no seed.
    #[error(transparent)]
    Seed(NoSeed),
    /// The system has no random bytes.
    #[error("no random bytes for the seed of the host authority")]
    Random(#[source] getrandom::Error),
}

/// The authorities of `platform`, whose operator is in `namespace`, made where they are missing.
pub(crate) async fn establish(cluster: &Cluster, namespace: &str, platform: Option<&str>) -> Arc<Authority> {
    let mut delay = FIRST_RETRY;
    loop {
        match seed(cluster, namespace, None).await {
            Ok(Stored { seed, uid: _ }) => return Arc::new(Authority::of(seed, platform)),
            Err(error) => tell(&error, delay),
        }
        tokio::time::sleep(delay).await;
        delay = (delay * 2).min(LOOK);
    }
}

/// Keeps what `authority` is made from, and what the bastion has of it, until it is dropped. Ends when the seed is
/// another one.
pub(crate) async fn keep(cluster: &Cluster, namespace: &str, authority: &Authority, outside: &[String]) {
    let names = names(outside);
    let mut delay = FIRST_RETRY;
    loop {
        let outcome = async {
            let Stored { seed, uid } = seed(cluster, namespace, Some(&authority.seed)).await?;
            let same = seed == authority.seed;
            if same {
                publish(cluster, authority, &names, uid.as_deref()).await.map_err(Failed::Call)?;
            }
            Ok(same)
        };
        match outcome.await {
            Ok(true) => {
                delay = FIRST_RETRY;
                tokio::time::sleep(LOOK).await;
            }
            Ok(false) => {
                tracing::warn!("the seed of the host authority is another one now");
                return;
            }
            Err(error) => {
                tell(&error, delay);
                tokio::time::sleep(delay).await;
                delay = (delay * 2).min(LOOK);
            }
        }
    }
}

/// A seed in the cluster.
struct Stored {
    seed: Seed,
    /// That of its Secret.
    uid: Option<String>,
}

/// The seed that is there; `known` or a new one where there is none.
async fn seed(cluster: &Cluster, namespace: &str, known: Option<&Seed>) -> Result<Stored, Failed> {
    let key = Key::new(namespace, name::HOST_AUTHORITY_SECRET);
    loop {
        if let Some(secret) = cluster.read::<Secret>(&key).await.map_err(Failed::Call)? {
            let seed = Seed::of(&secret).map_err(Failed::Seed)?;
            return Ok(Stored { seed, uid: secret.metadata.uid });
        }
        let seed = known.cloned().map_or_else(Seed::random, Ok).map_err(Failed::Random)?;
        if cluster.make_unwatched::<Secret>(&key, &seed.secret(namespace)).await.map_err(Failed::Call)? {
            tracing::info!("made the seed of the host authority, Secret {key}");
        }
        // If somebody was faster, what they made counts.
    }
}

async fn publish(
    cluster: &Cluster,
    authority: &Authority,
    names: &[String],
    seed_uid: Option<&str>,
) -> Result<(), CallFailed> {
    let keys = Key::new(name::BASTION_NAMESPACE, name::BASTION_KEYS_SECRET);
    let authorities = Key::new(name::BASTION_NAMESPACE, name::AUTHORITIES_CONFIG_MAP);
    let found = Found { keys: cluster.read(&keys).await?, authorities: cluster.read(&authorities).await? };
    let Wanting { keys: secret, authorities: map } = wanting(authority, names, seed_uid, &found);
    if let Some(secret) = secret {
        cluster.apply_unwatched::<Secret>(&keys, &secret).await?;
    }
    if let Some(map) = map {
        cluster.apply_unwatched::<ConfigMap>(&authorities, &map).await?;
    }
    Ok(())
}

fn tell(error: &Failed, again_in: Duration) {
    let said = match error {
        Failed::Call(failed) => failed.said(),
        Failed::Seed(_) | Failed::Random(_) => String::new(),
    };
    tracing::warn!(said, ?again_in, "SSH authorities: {error}");
}
