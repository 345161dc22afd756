//! /healthz, /readyz and /metrics. It only tells; it changes nothing.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{context::Context, error::Error};

/// How long an answer waits for what is about to be listed: less than a kubelet gives it, and enough for a start to
/// be seen at the first question instead of the next one.
const HOLD: Duration = Duration::from_millis(800);

/// Serves on `listener` until `shutdown`.
pub(crate) async fn serve(
    listener: TcpListener,
    context: Arc<Context>,
    shutdown: CancellationToken,
) -> Result<(), Error> {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(context);
    axum::serve(listener, router)
        .with_graceful_shutdown(shutdown.cancelled_owned())
        .await
        .map_err(Error::Serve)
}

async fn ready(State(context): State<Arc<Context>>) -> (StatusCode, String) {
    let _ = tokio::time::timeout(HOLD, context.synced()).await;
    let missing = context.stores.missing();
    if missing.is_empty() {
        (StatusCode::OK, "ok\n".into())
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, format!("not listed yet: {}\n", missing.join(", ")))
    }
}

async fn metrics(State(context): State<Arc<Context>>) -> Result<String, StatusCode> {
    context.metrics.queue.set(i64::try_from(context.queue.depth()).unwrap_or(i64::MAX));
    context.metrics.render().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
