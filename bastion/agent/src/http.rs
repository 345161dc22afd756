//! Two questions over HTTP, without secrets in the answers: does SSH answer (`/readyz`, for the kubelet), and what
//! goes on (`/activity`, for the operator).

use std::{io, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
    routing::get,
};
use tokio::net::TcpListener;

use crate::{activity::Activity, readiness::Readiness};

/// How long an answer waits for SSH to be up: less than the kubelet gives it, and enough for a start to be seen at the
/// first question instead of the next one.
const HOLD: Duration = Duration::from_millis(800);

#[derive(Clone)]
struct Known {
    readiness: Arc<Readiness>,
    activity: Arc<Activity>,
}

/// Answers on `listener` until it fails.
pub(crate) async fn serve(
    listener: TcpListener,
    readiness: Arc<Readiness>,
    activity: Arc<Activity>,
) -> io::Error {
    let router = Router::new()
        .route("/readyz", get(readyz))
        .route("/activity", get(report))
        .with_state(Known { readiness, activity });
    match axum::serve(listener, router).await {
        Ok(()) => io::Error::other("the server ended"),
        Err(error) => error,
    }
}

async fn readyz(State(known): State<Known>) -> (StatusCode, String) {
    let _ = tokio::time::timeout(HOLD, known.readiness.reached()).await;
    match known.readiness.obstacle() {
        None => (StatusCode::OK, "ok\n".to_owned()),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, why + "\n"),
    }
}

async fn report(State(known): State<Known>) -> impl IntoResponse {
    // Looking at all processes is a matter of milliseconds, but of the file system.
    let text = tokio::task::spawn_blocking(move || serde_json::to_string(&known.activity.report())).await;
    match text {
        Ok(Ok(text)) => (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], text),
        _ => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], String::new()),
    }
}
