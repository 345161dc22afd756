//! The API server, proxy, credential plugin and clock of the tests.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use futures::future::BoxFuture;
use k8s_openapi::jiff::Timestamp;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::{Clock, PluginCall, PluginError, Plugins};

const VERSION: &str = r#"{"major":"1","minor":"34","gitVersion":"v1.34.3","gitCommit":"","gitTreeState":"","buildDate":"","goVersion":"","compiler":"","platform":""}"#;
const UNAUTHORIZED: &str = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"Unauthorized","reason":"Unauthorized","code":401}"#;

/// An API server that accepts `tokens` and counts its connections. It stops when dropped.
pub(super) struct Server {
    pub(super) address: String,
    pub(super) tokens: Arc<Mutex<Vec<String>>>,
    pub(super) connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(super) async fn start(token: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let tokens = Arc::new(Mutex::new(vec![token.to_owned()]));
        let accepted = Arc::clone(&tokens);
        let connections: Arc<AtomicUsize> = Arc::default();
        let counted = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                counted.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(serve(stream, Arc::clone(&accepted)));
            }
        });
        Self { address, tokens, connections, task }
    }

    pub(super) fn accept_only(&self, token: &str) {
        *self.tokens.lock().unwrap() = vec![token.to_owned()];
    }
}

async fn serve(mut stream: TcpStream, tokens: Arc<Mutex<Vec<String>>>) {
    while let Some(head) = head(&mut stream).await {
        let allowed = tokens
            .lock()
            .unwrap()
            .iter()
            .any(|token| head.to_lowercase().contains(&format!("authorization: bearer {token}\r\n")));
        let (status, body) = if allowed { ("200 OK", VERSION) } else { ("401 Unauthorized", UNAUTHORIZED) };
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// Reads the head of the next request; `None` if the client hangs up.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n\r\n") {
        read.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(read).ok()
}

/// A plugin that prints one answer after the other, then the last one forever.
pub(super) struct Scripted {
    answers: Mutex<VecDeque<Result<String, PluginError>>>,
    calls: AtomicUsize,
}

impl Scripted {
    pub(super) fn new(answers: impl IntoIterator<Item = Result<String, PluginError>>) -> Arc<Self> {
        Arc::new(Self { answers: Mutex::new(answers.into_iter().collect()), calls: AtomicUsize::new(0) })
    }

    pub(super) fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }
}

impl Plugins for Scripted {
    fn terminal(&self) -> bool {
        false
    }

    fn run<'a>(&'a self, _: &'a PluginCall) -> BoxFuture<'a, Result<String, PluginError>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let mut answers = self.answers.lock().unwrap();
        let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
        Box::pin(async move { answer.unwrap() })
    }
}

#[expect(clippy::unnecessary_wraps, reason = "as a plugin answers")]
pub(super) fn credential(token: &str, expires: Option<Timestamp>) -> Result<String, PluginError> {
    let expires = expires.map(|end| format!(r#","expirationTimestamp":"{end}""#)).unwrap_or_default();
    Ok(format!(
        r#"{{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{{"token":"{token}"{expires}}}}}"#
    ))
}

/// A proxy that forwards every request to `server` and counts them.
pub(super) async fn proxy(server: &str) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let count = Arc::new(AtomicUsize::new(0));
    let (server, counted) = (server.to_owned(), Arc::clone(&count));
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::Relaxed);
            let mut onward = TcpStream::connect(&server).await.unwrap();
            tokio::spawn(async move {
                assert!(head(&mut stream).await.unwrap().starts_with("CONNECT "));
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let _ = copy_bidirectional(&mut stream, &mut onward).await;
            });
        }
    });
    (address, count)
}

/// A clock that stands still until it is moved.
pub(super) struct StandingClock(Mutex<SystemTime>);

impl StandingClock {
    pub(super) fn new() -> Arc<Self> {
        let begin = Duration::from_secs(1_000_000_000);
        Arc::new(Self(Mutex::new(SystemTime::UNIX_EPOCH + begin)))
    }

    pub(super) fn moves(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }

    pub(super) fn clock(self: &Arc<Self>) -> Clock {
        let standing = Arc::clone(self);
        Arc::new(move || *standing.0.lock().unwrap())
    }
}
