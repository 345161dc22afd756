//! The operator: makes clusters look as DevServers, DevServerFlavors and DevUsers ask for.
//!
//! For each kind: fetch, decide (pure), apply. It never restarts a running server on its own, never
//! deletes a home nobody asked it to delete, and never touches what it did not make.

mod authority;
mod child;
mod cluster;
mod config;
mod content;
mod context;
mod digest;
mod error;
mod fields;
mod flavor;
mod health;
mod lease;
mod metrics;
mod observed;
pub mod program;
mod queue;
mod server;
mod store;
mod user;
mod volumes;
mod watch;
mod worker;

pub use config::{Config, Defaults};
pub use error::Error;

use std::{sync::Arc, time::Duration};

use futures::future::select_all;
use kube::Client;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{context::Context, lease::Election};

/// The rights that the operator needs, and those that it gives to users, as YAML documents.
pub const RBAC: &str = include_str!("../rbac.yaml");

/// How soon an API server that was not reached is tried again.
const AGAIN: Duration = Duration::from_millis(250);
/// How long a release of the lease may take at the end.
const GOODBYE: Duration = Duration::from_secs(3);

/// Runs one replica against `client`'s cluster until `shutdown`. It leads when it wins the election.
pub async fn run(config: Config, client: Client, shutdown: CancellationToken) -> Result<(), Error> {
    let Config { mut defaults, identity, namespace, bastion_names, platform, listen } = config;
    // To Kubernetes an empty class is one of its own kind: no volume is made. A template with nothing to say means none.
    defaults.storage_class = defaults.storage_class.filter(|class| !class.is_empty());
    defaults.pod_security = defaults.pod_security.filter(|level| level != "none");
    let listener =
        TcpListener::bind(listen).await.map_err(|source| Error::Listen { address: listen, source })?;
    let context = Arc::new(Context::new(defaults, client.clone()));
    let election = Election::new(client.clone(), &namespace, identity, context.metrics.clone());

    // The watches run on while the health server says goodbye, and end by being dropped.
    let watches = Box::pin(async {
        reached(&client).await;
        select_all(watch::all(&context)).await
    });
    let health = health::serve(listener, context.clone(), shutdown.clone());
    let rounds = Box::pin(async {
        if shutdown.run_until_cancelled(reached(&client)).await.is_some() {
            let home = Home { namespace, bastion_names, platform };
            rounds(&context, &election, &home, &shutdown).await;
        }
    });
    tokio::select! {
        _ = watches => Err(Error::Ended("a watch")),
        (served, ()) = async { tokio::join!(health, rounds) } => served,
    }
}

/// Waits until the API server can be reached at all: on a new node its address may lead nowhere for seconds, and
/// watches that failed wait longer each time.
async fn reached(client: &Client) {
    let mut told = false;
    while let Err(error) = client.apiserver_version().await {
        if !told {
            tracing::warn!(%error, "the API server cannot be reached yet");
            told = true;
        }
        tokio::time::sleep(AGAIN).await;
    }
}

/// What the authorities have to know.
struct Home {
    /// Where their seed is.
    namespace: String,
    /// What the bastion is known by outside.
    bastion_names: Vec<String>,
    /// The platform's name, for certificates of dev servers.
    platform: Option<String>,
}

/// Wins elections and works, until `shutdown`.
async fn rounds(context: &Arc<Context>, election: &Election, home: &Home, shutdown: &CancellationToken) {
    while let Some(mut term) = shutdown.run_until_cancelled(election.win()).await {
        tracing::info!("leading");
        context.metrics.leader.set(1);
        let lost = tokio::select! {
            () = election.keep(&mut term) => true,
            () = work(context, home) => true,
            () = shutdown.cancelled() => false,
        };
        context.metrics.leader.set(0);
        if lost {
            tracing::warn!("no longer leading");
        } else {
            let _ = tokio::time::timeout(GOODBYE, election.release(term)).await;
            return;
        }
    }
}

/// What a leader does.
async fn work(context: &Arc<Context>, home: &Home) {
    let Home { namespace, bastion_names, platform } = home;
    context.synced().await;
    let cluster = &context.cluster;
    // Nothing is looked at before there are authorities: a server needs keys from them.
    let mut authority = authority::establish(cluster, namespace, platform.as_deref()).await;
    context.set_authority(authority.clone());
    let keep = async {
        loop {
            authority::keep(cluster, namespace, &authority, bastion_names).await;
            authority = authority::establish(cluster, namespace, platform.as_deref()).await;
            context.set_authority(authority.clone());
        }
    };
    tokio::join!(keep, worker::work(context.clone()));
}

#[cfg(test)]
mod tests {
    use devplat_api::name;

    use super::RBAC;

    #[test]
    fn roles_that_users_get_are_shipped_and_may_be_given() {
        let roles = [name::USER_ROLE, name::FLAVOR_READER_ROLE, name::BASTION_TOKEN_ROLE];
        for role in roles {
            assert!(RBAC.contains(&format!("kind: ClusterRole\nmetadata:\n  name: {role}\n")), "{role}");
        }
        let all = format!("resourceNames: [{}]\n    verbs: [bind]", roles.join(", "));
        assert!(RBAC.contains(&all));
    }

    #[test]
    fn no_right_is_given_by_wildcard() {
        assert!(!RBAC.contains('*'));
    }
}
