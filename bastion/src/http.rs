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

#[cfg(test)]
mod tests {
    use devplat_keys::{HostAuthority, SessionAuthority};
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
    };

    use super::*;
    use crate::{
        Dialer,
        audit::Audit,
        directory::Directory,
        door::{Guests, Numbers},
        drain::Drain,
        metrics::Metrics,
        startups::Startups,
    };

    fn door(directory: Directory) -> Arc<Door> {
        let host_authority = HostAuthority::from_seed([1; 32]).public_key().clone();
        Arc::new(Door {
            directory: Arc::new(directory),
            authorities: Arc::default(),
            audit: Audit::to(io::sink()).unwrap(),
            metrics: Metrics::default(),
            drain: Drain::default(),
            dialer: Dialer::new(host_authority, SessionAuthority::from_seed([2; 32])),
            devctl: None,
            startups: Startups::new(Vec::new()),
            login_grace: crate::policy::LOGIN_GRACE,
            guests: Guests::new(1),
            numbers: Numbers::default(),
        })
    }

    /// Serves `door`, and gives the status and the text of what is answered there.
    async fn served(door: &Arc<Door>) -> impl AsyncFn(&str) -> (String, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, door.clone(), CancellationToken::new()));
        async move |path| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let question = format!("GET {path} HTTP/1.1\r\nHost: bastion\r\nConnection: close\r\n\r\n");
            stream.write_all(question.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            let (head, text) = answer.split_once("\r\n\r\n").unwrap();
            (head.split(' ').nth(1).unwrap().to_owned(), text.to_owned())
        }
    }

    fn answer(status: &str, text: &str) -> (String, String) {
        (status.to_owned(), text.to_owned())
    }

    #[tokio::test]
    async fn a_replica_is_ready_until_it_drains_and_stays_alive() {
        let door = door(Directory::of([], []));
        let get = served(&door).await;
        assert_eq!(get("/readyz").await, answer("200", "ok\n"));
        door.metrics.connection("made room");
        let (status, text) = get("/metrics").await;
        assert_eq!(status, "200");
        assert!(text.contains("devplat_bastion_connections_total{outcome=\"made room\"} 1"), "{text}");
        door.drain.begin();
        assert_eq!(get("/readyz").await, answer("503", "draining\n"));
        assert_eq!(get("/healthz").await, answer("200", "ok\n"));
    }

    #[tokio::test]
    async fn a_replica_that_knows_nobody_yet_is_not_ready_and_is_as_soon_as_it_does() {
        let door = door(Directory::default());
        let get = served(&door).await;
        assert_eq!(get("/readyz").await, answer("503", "users and dev servers are not listed yet\n"));
        let listed = async {
            tokio::task::yield_now().await;
            door.directory.replace_users([]);
            door.directory.replace_servers([]);
        };
        let (ready, ()) = tokio::join!(get("/readyz"), listed);
        assert_eq!(ready, answer("200", "ok\n"));
    }
}
