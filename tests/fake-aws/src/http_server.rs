//! The fake over HTTP, for tests of the whole program.

use std::time::Duration;

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::State,
    response::Response,
};
use bytes::Bytes;
use http::Request;
use tokio::net::TcpListener;

use crate::{fake::Fake, outcome::Outcome};

/// The most bytes of a request.
const BODY_MAX: usize = 1 << 20;
/// How long a connection without an answer stays open. A client has a shorter deadline of its own.
const SILENCE: Duration = Duration::from_mins(5);

/// Answers requests until the returned future is dropped.
pub async fn serve(listener: TcpListener, fake: Fake) -> std::io::Result<()> {
    axum::serve(listener, Router::new().fallback(answer).with_state(fake)).await
}

async fn answer(State(fake): State<Fake>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_MAX).await else {
        return no_answer().await;
    };
    let (late, response) = match fake.answer(&Request::from_parts(head, body)) {
        Outcome::Answer(response) => (Duration::ZERO, response),
        Outcome::Late(time, response) => (time, response),
        // A test that kills a program does so in a hook, so its connection is all that is left.
        Outcome::NoAnswer | Outcome::Killed => return no_answer().await,
    };
    tokio::time::sleep(late).await;
    response.map(|body: Bytes| Body::from(body))
}

async fn no_answer() -> Response {
    tokio::time::sleep(SILENCE).await;
    Response::new(Body::empty())
}
