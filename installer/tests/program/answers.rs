//! A Docker engine and an API server for tests, which send prepared answers over HTTP.

use std::{
    sync::{Arc, Mutex, OnceLock},
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader},
    net::{TcpListener, UnixListener},
    sync::watch,
    task::JoinHandle,
};

use crate::kept::Objects;

#[derive(Debug, Clone)]
enum Answer {
    Json(u16, String),
    /// The output of a command in a container, after the end of its standard input.
    Output(Vec<u8>),
    /// No answer; the connection stays open.
    Silence,
}

/// Answers, by the beginning of the request line with a space at its end. The last added match is sent, or else the one
/// by the kept objects if there are any, or else 404.
pub(crate) struct Answers {
    prepared: Mutex<Vec<(String, Answer)>>,
    objects: OnceLock<Objects>,
    /// The beginning of the commands in containers that fail, if any command can be run.
    failing: OnceLock<String>,
    requests: watch::Sender<Vec<String>>,
}

/// A server that is running until it is dropped.
pub(crate) struct Serving {
    pub(crate) answers: Arc<Answers>,
    pub(crate) address: String,
    /// Its unique id.
    pub(crate) id: String,
    task: JoinHandle<()>,
    _folder: Option<tempfile::TempDir>,
}

impl Answers {
    fn new() -> Arc<Self> {
        let requests = watch::Sender::new(Vec::new());
        let (objects, failing) = (OnceLock::new(), OnceLock::new());
        Arc::new(Self { prepared: Mutex::default(), objects, failing, requests })
    }

    pub(crate) fn give(&self, request: &str, status: u16, body: &Value) {
        self.add(request, Answer::Json(status, body.to_string()));
    }

    /// Gives the engine these networks: in its list, and each by its id.
    pub(crate) fn give_networks(&self, networks: &[Value]) {
        self.give("GET /networks ", 200, &json!(networks));
        for network in networks {
            self.give(&format!("GET /networks/{}", network["Id"].as_str().unwrap()), 200, network);
        }
    }

    /// Sends an archive with a file of this content, as the engine does.
    pub(crate) fn give_file(&self, request: &str, content: &str) {
        self.add(request, Answer::Json(200, archive(content)));
    }

    /// Sends a text, such as the log of a container.
    pub(crate) fn give_text(&self, request: &str, text: &str) {
        self.add(request, Answer::Json(200, text.to_owned()));
    }

    pub(crate) fn be_silent_on(&self, request: &str) {
        self.add(request, Answer::Silence);
    }

    /// Keeps the objects that are applied to this API server, and answers with them from now on. It begins without
    /// objects, instead of with empty lists of any kind.
    pub(crate) fn keep_objects(&self) -> &Objects {
        self.prepared.lock().unwrap().retain(|(request, _)| request != "GET /api");
        self.objects.get_or_init(Objects::default)
    }

    /// Runs commands in containers from now on: those that begin with `failing` end with exit status 1, and all others
    /// succeed without output.
    pub(crate) fn run_commands(&self, failing: &str) {
        self.failing.set(failing.to_owned()).unwrap();
    }

    fn add(&self, request: &str, answer: Answer) {
        self.prepared.lock().unwrap().insert(0, (request.to_owned(), answer));
    }

    /// Waits for a request with this beginning.
    pub(crate) async fn asked(&self, request: &str) {
        self.asked_any(&[request]).await;
    }

    /// Waits for a request with one of these beginnings.
    pub(crate) async fn asked_any(&self, wanted: &[&str]) {
        let mut requests = self.requests.subscribe();
        let begins = |one: &String| wanted.iter().any(|wanted| one.starts_with(wanted));
        let came = requests.wait_for(|all| all.iter().any(begins));
        let came = tokio::time::timeout(Duration::from_mins(1), came).await.is_ok();
        assert!(came, "{wanted:?} never came; those that came: {:#?}", self.requests());
    }

    /// Returns the received request lines.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.borrow().clone()
    }

    /// Returns the received request lines of writes.
    pub(crate) fn changes(&self) -> Vec<String> {
        let all = self.requests().into_iter();
        all.filter(|one| !one.starts_with("GET ") && !one.starts_with("HEAD ")).collect()
    }

    /// A deleted object is no longer found or listed.
    fn forget(&self, path: &str) {
        let mut answers = self.prepared.lock().unwrap();
        answers.retain(|(wanted, _)| *wanted != format!("GET {path}"));
        let Some((list, id)) = path.rsplit_once('/') else { return };
        let lists = |wanted: &str| {
            wanted == format!("GET {list} ") || wanted.starts_with(&format!("GET {list}/json"))
        };
        for (_, answer) in answers.iter_mut().filter(|(wanted, _)| lists(wanted)) {
            let Answer::Json(_, body) = answer else { continue };
            let Ok(mut all) = serde_json::from_str::<Vec<Value>>(body) else { continue };
            all.retain(|one| one["Id"] != id);
            *body = json!(all).to_string();
        }
    }

    /// Returns the answer to a request for a command in a container. The id of a command is its exit status.
    fn of_command(&self, request: &str, body: &[u8]) -> Option<Answer> {
        let failing = self.failing.get()?;
        let (verb, path) = request.split_once(' ')?;
        match (verb, path.split('/').collect::<Vec<_>>().as_slice()) {
            ("POST", ["", "containers", _, "exec"]) => {
                let wanted: Value = serde_json::from_slice(body).ok()?;
                let words: Vec<&str> = wanted["Cmd"].as_array()?.iter().filter_map(Value::as_str).collect();
                let status = u8::from(words.join(" ").starts_with(failing.as_str()));
                Some(Answer::Json(201, json!({"Id": status.to_string()}).to_string()))
            }
            ("POST", ["", "exec", "0", "start"]) => Some(Answer::Output(Vec::new())),
            // A frame of standard error with three bytes.
            ("POST", ["", "exec", "1", "start"]) => {
                Some(Answer::Output(b"\x02\0\0\0\0\0\0\x03no\n".to_vec()))
            }
            ("GET", ["", "exec", status, "json"]) => {
                let status: u8 = status.parse().ok()?;
                Some(Answer::Json(200, json!({"Running": false, "ExitCode": status}).to_string()))
            }
            _ => None,
        }
    }

    fn by_objects(&self, request: &str, body: &[u8]) -> Answer {
        let found = self.objects.get().and_then(|objects| objects.answer(request, body));
        found.map_or_else(missing, |(status, object)| Answer::Json(status, object.to_string()))
    }

    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut stream = BufReader::new(stream);
        let (mut head, mut line) = (String::new(), String::new());
        while stream.read_line(&mut line).await.unwrap_or(0) > 2 {
            head.push_str(&line);
            line.clear();
        }
        let Some((request, _)) = head.lines().next().and_then(|line| line.rsplit_once(' ')) else { return };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        if stream.read_exact(&mut body).await.is_err() {
            return;
        }
        let prepared = || {
            let answers = self.prepared.lock().unwrap();
            let whole = format!("{request} ");
            let found = answers.iter().find(|(wanted, _)| whole.starts_with(wanted.as_str()));
            found.map_or_else(|| self.by_objects(request, &body), |(_, answer)| answer.clone())
        };
        let answer = self.of_command(request, &body).unwrap_or_else(prepared);
        if let (Some(path), Answer::Json(200..300, _)) = (request.strip_prefix("DELETE "), &answer) {
            self.forget(path.split('?').next().unwrap_or_default());
        }
        self.requests.send_modify(|all| all.push(request.to_owned()));
        match answer {
            Answer::Silence => std::future::pending().await,
            Answer::Output(output) => {
                let head = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n";
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
                let _ = stream.write_all(&output).await;
                let _ = stream.shutdown().await;
            }
            Answer::Json(status, body) => {
                let head = format!(
                    "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
                let _ = stream.shutdown().await;
            }
        }
    }
}

/// Returns a tar archive with one file.
fn archive(content: &str) -> String {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "file", content.as_bytes()).unwrap();
    String::from_utf8(archive.into_inner().unwrap()).unwrap()
}

/// The answer for an absent object, of both the engine and an API server.
fn missing() -> Answer {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "not there",
        "reason": "NotFound", "details": {}, "code": 404
    });
    Answer::Json(404, status.to_string())
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts an engine without objects.
pub(crate) fn engine() -> Serving {
    // In the folder for temporary files, because the path of a socket must be short.
    let folder = tempfile::tempdir().unwrap();
    // Each test has its own engine id, because devplat locks a platform for the whole machine by that id.
    let id = folder.path().display().to_string();
    let socket = folder.path().join("docker.sock");
    let answers = Answers::new();
    answers.give("GET /_ping", 200, &json!("OK"));
    answers.give("GET /info", 200, &json!({"ID": id, "DockerRootDir": "/", "CgroupVersion": "2"}));
    answers.give("GET /containers/json", 200, &json!([]));
    answers.give("GET /images/json", 200, &json!([]));
    answers.give("GET /volumes?", 200, &json!({"Volumes": []}));
    answers.give("GET /networks ", 200, &json!([]));
    let listener = UnixListener::bind(&socket).unwrap();
    let of = Arc::clone(&answers);
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let of = Arc::clone(&of);
            tokio::spawn(async move { of.serve(stream).await });
        }
    });
    Serving { answers, address: format!("unix://{}", socket.display()), id, task, _folder: Some(folder) }
}

/// Starts an API server whose namespace `kube-system` has this UID, without other objects.
pub(crate) async fn api_server(uid: &str) -> Serving {
    let answers = Answers::new();
    let none = json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []});
    answers.give("GET /api", 200, &none);
    answers.give(
        "GET /api/v1/namespaces/kube-system",
        200,
        &json!({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "kube-system", "uid": uid}}),
    );
    answers.give(
        "GET /version",
        200,
        &json!({"major": "1", "minor": "34", "gitVersion": "v1.34.0", "gitCommit": "",
        "gitTreeState": "", "buildDate": "", "goVersion": "", "compiler": "", "platform": "linux/amd64"}),
    );
    let allowed = json!({"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", "metadata": {},
        "spec": {}, "status": {"allowed": true}});
    answers.give("POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews", 201, &allowed);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let of = Arc::clone(&answers);
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let of = Arc::clone(&of);
            tokio::spawn(async move { of.serve(stream).await });
        }
    });
    Serving { answers, address, id: uid.to_owned(), task, _folder: None }
}

/// Returns a kubeconfig whose only context, `there`, names `server` and `user`'s credentials.
pub(crate) fn kubeconfig(server: &str, user: &Value) -> String {
    json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "there",
        "clusters": [{"name": "there", "cluster": {"server": server}}],
        "contexts": [{"name": "there", "context": {"cluster": "there", "user": "me"}}],
        "users": [{"name": "me", "user": user}]
    })
    .to_string()
}

/// Returns the platform's network as the engine lists it, with the mark of an account, such as `1000:ada`.
pub(crate) fn network(id: &str, account: Option<&str>) -> Value {
    let mut labels = json!({"dev.devplat.platform": "devplat"});
    if let Some(account) = account {
        labels["dev.devplat.account"] = json!(account);
    }
    json!({"Name": "devplat-devplat", "Id": id, "IPAM": {"Config": [{"Subnet": "172.18.0.0/16"}]},
        "Containers": {}, "Labels": labels})
}
