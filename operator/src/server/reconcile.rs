//! Fetches what a decision about a server needs, and does what it says.

mod act;
mod fetch;
mod memory;

use std::time::Duration;

use devplat_api::condition::Reason;

use super::{
    decide::decide,
    snapshot::{Failure, Snapshot},
};
use crate::{cluster::CallFailed, context::Context, observed::Key};

use act::{Stop, act, wake};
use fetch::fetch;
pub(crate) use memory::Memory;

/// Looks at the server at `key` once. Returns when to look again, if nothing happens before.
pub(crate) async fn reconcile(context: &Context, key: &Key) -> Result<Option<Duration>, CallFailed> {
    let Some(server) = context.stores.servers.get(key) else {
        context.with_memory(|memory| memory.remove(key));
        return Ok(None);
    };
    let snapshot = fetch(context, server).await?;
    let decision = decide(&snapshot);
    if let Some(status) = &decision.status {
        let written = context.cluster.apply_status(&context.stores.servers, key, status).await?;
        wake(context, written.change);
    }
    let outcome = act(context, key, &snapshot.server, decision.actions).await;
    let failure = match &outcome {
        Ok(()) => None,
        Err(Stop::Failed(Some(child), failed)) => {
            Some(Failure { child: *child, reason: reason(failed), message: failed.said() })
        }
        // Nothing about a child: try again, and tell nobody yet.
        Err(Stop::Failed(None, _)) => snapshot.failure.clone(),
        Err(Stop::Taken) => return Ok(Some(Duration::ZERO)),
    };
    if failure != snapshot.failure {
        context.with_memory(|memory| memory.entry(key.clone()).or_default().failure.clone_from(&failure));
        if failure.is_some() {
            // Said before the next attempt, which may be long in coming.
            let decision = decide(&Snapshot { failure, ..fetch_again(context, &snapshot).await? });
            if let Some(status) = &decision.status {
                wake(
                    context,
                    context.cluster.apply_status(&context.stores.servers, key, status).await?.change,
                );
            }
        } else {
            return Ok(Some(Duration::ZERO));
        }
    }
    match outcome {
        Err(Stop::Failed(_, failed)) => Err(failed),
        Ok(()) | Err(Stop::Taken) => Ok(decision.recheck),
    }
}

async fn fetch_again(context: &Context, snapshot: &Snapshot) -> Result<Snapshot, CallFailed> {
    let server = context.stores.servers.get(&snapshot.server.key);
    fetch(context, server.unwrap_or_else(|| snapshot.server.clone())).await
}

fn reason(failed: &CallFailed) -> Reason {
    if failed.code() == Some(403) { Reason::Forbidden } else { Reason::ApplyFailed }
}
