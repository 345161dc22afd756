//! Workers take from the queue and look at one thing at a time. What fails is tried again, ever later.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::join_all;
use tokio::time::Instant;

use crate::{cluster::CallFailed, context::Context, flavor, observed::Key, queue::Target, server, user};

/// Things looked at at once: enough to keep the API server busy, few enough to leave room for others.
const WORKERS: usize = 16;
/// Wait after the first failure; it doubles with each.
const FIRST_RETRY: Duration = Duration::from_millis(200);
/// Longest wait.
const LAST_RETRY: Duration = Duration::from_mins(1);

/// Looks at everything there is, and then at what changes, until it is dropped.
pub(crate) async fn work(context: Arc<Context>) {
    context.queue.clear();
    let stores = &context.stores;
    stores.flavors.keys().into_iter().for_each(|key| context.queue.push(Target::Flavor(key)));
    stores.users.keys().into_iter().for_each(|key| context.queue.push(Target::User(key)));
    stores.servers.keys().into_iter().for_each(|key| context.queue.push(Target::Server(key)));
    let failures = Mutex::new(HashMap::new());
    join_all((0..WORKERS).map(|_| worker(&context, &failures))).await;
}

async fn worker(context: &Context, failures: &Mutex<HashMap<Target, u32>>) {
    loop {
        let target = context.queue.pop().await;
        let begun = Instant::now();
        let outcome = look(context, &target).await;
        context.metrics.count_reconcile(kind(&target), begun.elapsed(), outcome.is_err());
        let next = after(failures, &target, outcome);
        context.queue.done(&target);
        match next {
            Some(Duration::ZERO) => context.queue.push(target),
            Some(delay) => context.queue.push_later(target, delay),
            None => {}
        }
    }
}

async fn look(context: &Context, target: &Target) -> Result<Option<Duration>, CallFailed> {
    match target {
        Target::Server(key) => server::reconcile(context, key).await,
        Target::Flavor(key) => flavor::reconcile(context, key).await.map(|()| None),
        Target::User(key) => user::reconcile(context, key).await,
    }
}

/// When to look again.
fn after(
    failures: &Mutex<HashMap<Target, u32>>,
    target: &Target,
    outcome: Result<Option<Duration>, CallFailed>,
) -> Option<Duration> {
    let mut failures = failures.lock().expect("no holder of this lock panics");
    match outcome {
        Ok(recheck) => {
            failures.remove(target);
            recheck
        }
        Err(failed) => {
            let count = failures.entry(target.clone()).or_insert(0);
            let delay = FIRST_RETRY.saturating_mul(1 << (*count).min(16)).min(LAST_RETRY);
            *count += 1;
            // Somebody else was faster: nothing to tell anybody about, the watch brings the news.
            if failed.code() == Some(409) {
                tracing::debug!(said = failed.said(), "{failed}");
            } else {
                tracing::warn!(said = failed.said(), again_in = ?delay, "{failed}");
            }
            Some(delay)
        }
    }
}

fn kind(target: &Target) -> &'static str {
    match target {
        Target::Server(Key { .. }) => "DevServer",
        Target::Flavor(Key { .. }) => "DevServerFlavor",
        Target::User(Key { .. }) => "DevUser",
    }
}
