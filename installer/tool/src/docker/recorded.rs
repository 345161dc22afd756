//! An engine for tests, which serves recorded answers over a socket.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{UnixListener, UnixStream},
    task::JoinHandle,
};

use super::Engine;
use crate::Surroundings;

/// Answers, by the beginning of the request line without the API version. The first match is sent, or else 404.
#[derive(Default, Clone)]
pub(crate) struct Recorded {
    answers: Vec<RecordedAnswer>,
}

#[derive(Clone)]
struct RecordedAnswer {
    request: String,
    status: u16,
    body: Vec<u8>,
    /// How many earlier requests get another answer.
    after: usize,
}

/// The request lines with their bodies.
type Bodies = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A running engine.
pub(crate) struct RecordedEngine {
    engine: Engine,
    /// The lines of each request before its body.
    heads: Arc<Mutex<Vec<String>>>,
    bodies: Bodies,
    stdin: Arc<Mutex<Vec<u8>>>,
    task: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Recorded {
    pub(crate) fn new() -> Self {
        Self::default().answer("GET /_ping", 200, "OK")
    }

    pub(crate) fn answer(self, request: &str, status: u16, body: impl Into<Vec<u8>>) -> Self {
        self.answer_after(0, request, status, body)
    }

    /// Adds an answer that is not sent to the first `after` such requests.
    pub(crate) fn answer_after(
        mut self,
        after: usize,
        request: &str,
        status: u16,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        self.answers.push(RecordedAnswer { request: request.to_owned(), status, body: body.into(), after });
        self
    }

    pub(crate) async fn serve(self) -> RecordedEngine {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("docker.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let bodies = Bodies::default();
        let stdin = Arc::new(Mutex::new(Vec::new()));
        let (log, sent, input) = (Arc::clone(&heads), Arc::clone(&bodies), Arc::clone(&stdin));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answers, log) = (self.answers.clone(), Arc::clone(&log));
                let (sent, input) = (Arc::clone(&sent), Arc::clone(&input));
                tokio::spawn(async move { one(stream, &answers, &log, &sent, &input).await });
            }
        });
        let engine = Engine::connect(&surroundings(&socket)).await.unwrap();
        RecordedEngine { engine, heads, bodies, stdin, task, _folder: folder }
    }
}

impl RecordedEngine {
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Returns the received request lines, without the first, which is the check of the connection.
    pub(crate) fn requests(&self) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        heads[1..].iter().map(|head| request_line(head).unwrap_or_default().to_owned()).collect()
    }

    /// Returns the values of a header in all requests.
    pub(crate) fn headers(&self, name: &str) -> Vec<String> {
        let heads = self.heads.lock().unwrap();
        let lines = heads.iter().flat_map(|head| head.lines());
        let named = lines.filter_map(|line| line.split_once(": "));
        let values = named.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        values.map(|(_, value)| value.to_owned()).collect()
    }

    /// Returns the JSON that the first request of this line sent.
    pub(crate) fn sent(&self, request: &str) -> serde_json::Value {
        let bodies = self.bodies.lock().unwrap();
        let (_, body) = bodies.iter().find(|(line, _)| line == request).unwrap();
        serde_json::from_slice(body).unwrap()
    }

    /// Returns the bytes of upgraded connections, which are the standard input of commands in containers.
    pub(crate) fn stdin(&self) -> Vec<u8> {
        self.stdin.lock().unwrap().clone()
    }
}

impl Drop for RecordedEngine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Returns surroundings that select the engine at `socket`.
pub(crate) fn surroundings(socket: &Path) -> Surroundings {
    Surroundings::new([("DOCKER_HOST", format!("unix://{}", socket.display()))], None)
}

/// Returns a frame of a command's output: stream 1 is standard output, 2 is standard error.
pub(crate) fn frame(stream: u8, text: &str) -> Vec<u8> {
    let length = u32::try_from(text.len()).unwrap().to_be_bytes();
    [&[stream, 0, 0, 0], length.as_slice(), text.as_bytes()].concat()
}

/// Returns the first line of a request without the version of HTTP.
fn request_line(head: &str) -> Option<&str> {
    head.lines().next()?.rsplit_once(' ').map(|(request, _)| request)
}

async fn one(
    stream: UnixStream,
    answers: &[RecordedAnswer],
    log: &Mutex<Vec<String>>,
    sent: &Bodies,
    input: &Mutex<Vec<u8>>,
) {
    let mut stream = BufReader::new(stream);
    let (mut head, mut line) = (String::new(), String::new());
    while stream.read_line(&mut line).await.unwrap_or(0) > 2 {
        head.push_str(&line);
        line.clear();
    }
    let Some(request) = request_line(&head) else { return };
    let earlier = |wanted: &str| {
        let log = log.lock().unwrap();
        log.iter().filter_map(|head| request_line(head)).filter(|line| line.starts_with(wanted)).count()
    };
    let found = answers.iter().find(|answer| {
        request.starts_with(answer.request.as_str()) && earlier(&answer.request) >= answer.after
    });
    log.lock().unwrap().push(head.clone());
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).await.unwrap();
    sent.lock().unwrap().push((request.to_owned(), body));
    let (status, body) = match found {
        Some(RecordedAnswer { request: _, status, body, after: _ }) => (*status, body.as_slice()),
        None => (404, br#"{"message":"not there"}"#.as_slice()),
    };
    if status == 101 {
        let head = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        stream.read_to_end(&mut read).await.unwrap();
        input.lock().unwrap().extend(read);
        stream.write_all(body).await.unwrap();
    } else {
        let head =
            format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
        let body: &[u8] = if status == 204 { b"" } else { body };
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(body).await.unwrap();
    }
    let _ = stream.shutdown().await;
}
