//! /healthz, /readyz and /metrics. It only tells; it changes nothing.

use std::{io, sync::Arc, time::Duration};

use axum::{Router, extract::State, http::StatusCode, routing::get};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::door::Door;

/// How long an answer waits for what is about to be listed: less than a kubelet gives it, and enough for a start to
/// be seen at the first question instead of the next one.
const HOLD: Duration = Duration::from_millis(800);

/// Serves on `listener` until `end`.
pub(crate) async fn serve(listener: TcpListener, door: Arc<Door>, end: CancellationToken) -> io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(door);
    axum::serve(listener, router).with_graceful_shutdown(end.cancelled_owned()).await
}

async fn ready(State(door): State<Arc<Door>>) -> (StatusCode, &'static str) {
    if !door.drain.is_draining() {
        let _ = tokio::time::timeout(HOLD, door.directory.completed()).await;
    }
    if door.drain.is_draining() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining\n")
    } else if door.directory.is_complete() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "users and dev servers are not listed yet\n")
    }
}

async fn metrics(State(door): State<Arc<Door>>) -> Result<String, StatusCode> {
    door.metrics.render().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)
}
