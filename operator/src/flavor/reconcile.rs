//! Fetches what a decision about a flavor needs, and does what it says.

use k8s_openapi::jiff::Timestamp;

use super::decide::{Decision, decide};
use crate::{
    cluster::CallFailed,
    context::Context,
    observed::{Key, ServerFacts},
    watch::Watched,
};

/// Looks at the flavor at `key` once.
pub(crate) async fn reconcile(context: &Context, key: &Key) -> Result<(), CallFailed> {
    let Context { cluster, stores, .. } = context;
    let Some(flavor) = stores.flavors.get(key) else { return Ok(()) };
    let has_it = |server: &ServerFacts| server.flavor() == Some(&*key.name);
    let mut users: Vec<String> = stores
        .servers
        .all()
        .iter()
        .filter(|server| has_it(server))
        .map(|server| server.key.to_string())
        .collect();
    users.sort_unstable();
    let Decision { status, finalizers } = decide(&flavor, &users, Timestamp::now());
    // Held first: what is said about it must already be so.
    if let Some(new) = finalizers {
        match cluster.set_finalizers(&stores.flavors, key, &flavor.finalizers, &new).await {
            Ok(change) => change.iter().for_each(|change| Watched::wake(context, change)),
            Err(failed) if failed.code() == Some(404) => return Ok(()),
            Err(failed) => return Err(failed),
        }
    }
    if let Some(status) = status {
        let written = cluster.apply_status(&stores.flavors, key, &status).await?;
        written.change.iter().for_each(|change| Watched::wake(context, change));
    }
    Ok(())
}
