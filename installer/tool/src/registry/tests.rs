//! Pushes to a small registry, and its errors.

use std::sync::{Arc, Mutex};

use devplat_image::{ImageName, Key, Store};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use super::{
    client::{named_proxies, proxied},
    *,
};

/// The registry's answers, by method: status and body.
type RegistryAnswers = fn(&str) -> (&'static str, &'static str);

async fn answer(stream: TcpStream, answers: RegistryAnswers) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    // Go's server answers the first bytes of TLS like this.
    if stream.fill_buf().await?.first() == Some(&0x16) {
        return stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
    }
    loop {
        let mut head = String::new();
        let mut line = String::new();
        while stream.read_line(&mut line).await? > 2 {
            head.push_str(&line.to_lowercase());
            line.clear();
        }
        if head.is_empty() {
            return Ok(());
        }
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut body).await?;
        let mut request = head.split(' ');
        let (method, path) = (request.next().unwrap_or_default(), request.next().unwrap_or_default());
        let (status, body) = if path == "/v2/" { ("200 OK", "") } else { answers(method) };
        let place = "/v2/team/devplat-agent/blobs/uploads/1";
        let length = body.len();
        let said = format!("HTTP/1.1 {status}\r\nLocation: {place}\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(said.as_bytes()).await?;
        if method != "head" {
            stream.write_all(body.as_bytes()).await?;
        }
    }
}

/// A registry, and an image to push.
struct Scene {
    address: String,
    stored: Stored,
    serving: JoinHandle<()>,
    _folder: tempfile::TempDir,
}

impl Scene {
    async fn new(answers: RegistryAnswers) -> Self {
        // All addresses of this machine lead to it, those of IPv6 if the machine has it.
        let listener = match TcpListener::bind("[::]:0").await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind("0.0.0.0:0").await.unwrap(),
        };
        let address = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, answers));
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("devplat-agent");
        std::fs::write(&program, "#!/bin/true\n").unwrap();
        let key = Key::of_programs(ImageName::Agent, &[&program]).unwrap();
        let store = Store::new(folder.path().join("images"));
        let stored = store.assemble_programs(ImageName::Agent, &key, &[&program]).unwrap();
        Self { address, stored, serving, _folder: folder }
    }

    async fn place(&self, host: &str) -> PushTarget {
        let port = self.address.rsplit_once(':').unwrap().1;
        let prefix = format!("{host}:{port}/team");
        let reference = Reference::in_registry(&prefix, ImageName::Agent, &self.stored.manifest.digest);
        // No process listens at this proxy: connections to a registry on this machine must not use it.
        let surroundings = Surroundings::new(
            [("HTTPS_PROXY", "http://127.0.0.1:9"), ("HTTP_PROXY", "http://127.0.0.1:9")],
            None,
        );
        PushTarget::of(&reference, Manner::default(), &surroundings, &RegistryClients::default(), |_| {})
            .await
            .unwrap()
    }

    async fn push(&self) -> Result<Vec<String>, RegistryError> {
        let told = Arc::new(Mutex::new(Vec::new()));
        let size = self.stored.layers[0].size;
        let tell = |step: PushStep<'_>| {
            told.lock().unwrap().push(format!("{step:?}").replace(&size.to_string(), "SIZE"));
        };
        self.place("127.0.0.1").await.push(&self.stored, tell).await?;
        let told = told.lock().unwrap();
        Ok(told.clone())
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn takes_everything(method: &str) -> (&'static str, &'static str) {
    match method {
        "head" => ("404 Not Found", ""),
        "post" | "patch" => ("202 Accepted", ""),
        _ => ("201 Created", ""),
    }
}

#[tokio::test]
async fn each_layer_is_reported_with_its_number_and_size() {
    let told = Scene::new(takes_everything).await.push().await.unwrap();
    assert_eq!(told[0], "Pushing { part: Layer { number: 1, of: 1 }, bytes: SIZE }");
    assert!(told[1].starts_with("Pushing { part: Configuration"), "{}", told[1]);
    assert_eq!(told[2..], ["Manifest"]);
}

#[tokio::test]
async fn blobs_that_are_there_already_are_not_pushed() {
    let scene = Scene::new(|method| match method {
        "head" => ("200 OK", ""),
        "put" => ("201 Created", ""),
        _ => ("500 Internal Server Error", ""),
    })
    .await;
    let told = scene.push().await.unwrap();
    assert_eq!(told, ["Present(Layer { number: 1, of: 1 })", "Present(Configuration)", "Manifest"]);
}

#[tokio::test]
async fn errors_differ_by_their_status() {
    async fn kind(answers: RegistryAnswers) -> RegistryError {
        Scene::new(answers).await.push().await.unwrap_err()
    }
    let unauthorized = kind(|_| ("401 Unauthorized", "")).await;
    assert!(
        matches!(unauthorized, RegistryError::Unauthorized { with_credentials: false, .. }),
        "{unauthorized}"
    );
    let denied =
        kind(|method| if method == "head" { ("404 Not Found", "") } else { ("403 Forbidden", "") }).await;
    assert!(
        matches!(&denied, RegistryError::Denied { repository, .. } if repository == "team/devplat-agent"),
        "{denied}"
    );
    let full = |method: &str| {
        if method == "head" { ("404 Not Found", "") } else { ("507 Insufficient Storage", "") }
    };
    let full = kind(full).await;
    assert!(matches!(full, RegistryError::NoSpace { .. }), "{full}");
    // A former version took this for a missing blob and pushed it.
    let broken =
        kind(
            |method| {
                if method == "head" { ("503 Service Unavailable", "") } else { takes_everything(method) }
            },
        );
    assert!(matches!(broken.await, RegistryError::Failing { status: 503, detail: None, .. }));
}

#[tokio::test]
async fn explanation_of_a_failing_registry_is_shown() {
    const FULL: &str =
        r#"{"errors":[{"code":"UNKNOWN","message":"x","detail":"write: no space left on device"}]}"#;
    let full = |method: &str| {
        if method == "head" { ("404 Not Found", "") } else { ("500 Internal Server Error", FULL) }
    };
    let failing = Scene::new(full).await.push().await.unwrap_err().to_string();
    assert!(failing.ends_with(" answered 500: write: no space left on device"), "{failing}");
}

#[tokio::test]
async fn image_is_absent_only_if_the_registry_reports_it() {
    const UNKNOWN: &str = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"x"}]}"#;
    const DENIED: &str = r#"{"errors":[{"code":"DENIED","message":"x"}]}"#;
    let absent = Scene::new(|_| ("404 Not Found", UNKNOWN)).await;
    assert!(!absent.place("127.0.0.1").await.holds().await.unwrap());
    let denied = Scene::new(|_| ("403 Forbidden", DENIED)).await;
    let error = denied.place("127.0.0.1").await.holds().await.unwrap_err();
    assert!(matches!(error, RegistryError::Denied { .. }), "{error}");
}

/// The registry speaks HTTP without TLS, and the proxies of these surroundings have no server.
#[tokio::test]
async fn registry_on_this_machine_is_pushed_to_under_each_of_its_names() {
    let scene = Scene::new(takes_everything).await;
    let port = scene.address.rsplit_once(':').unwrap().1;
    let own = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let mut names = vec!["localhost", "LOCALHOST", "127.0.0.1", "127.0.0.2", "registry.localhost"];
    // A machine may lack IPv6, or not know its own name.
    for name in ["[::1]", own.trim()] {
        if TcpStream::connect(format!("{name}:{port}")).await.is_ok() {
            names.push(name);
        }
    }
    for name in names {
        let place = scene.place(name).await;
        place.push(&scene.stored, |_| {}).await.unwrap_or_else(|error| panic!("{name}: {error:?}"));
    }
}

#[tokio::test]
async fn plain_http_and_no_answer_are_different_errors() {
    let scene = Scene::new(takes_everything).await;
    let Scene { address, stored, .. } = &scene;
    // Treated as a registry on another machine, which is not probed for plain HTTP.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let place = |address: &str| PushTarget {
        registry: address.to_owned(),
        reference: oci_client::Reference::with_digest(
            address.to_owned(),
            "team/devplat-agent".to_owned(),
            stored.manifest.digest.to_string(),
        ),
        client: Client::try_from(proxied(None, address)).unwrap(),
        auth: RegistryAuth::Anonymous,
        proxy: named_proxies(&Surroundings::new([("HTTPS_PROXY", "http://me:secret@proxy:3128")], None)),
    };
    let plain = place(address).holds().await.unwrap_err();
    assert!(matches!(plain, RegistryError::SpeaksPlainHttp { .. }), "{plain:?}");
    assert!(plain.hint().unwrap().contains("images.plainHttp"));
    let nothing = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nothing = place(&nothing.to_string()).holds().await.unwrap_err();
    let RegistryError::Unreachable { proxy: Some(proxy), .. } = &nothing else { panic!("{nothing:?}") };
    assert_eq!(proxy, "HTTPS_PROXY=http://proxy:3128");
}

/// Returns whether a call to a registry at `address`, where no process listens, reaches the proxy.
async fn reaches_the_proxy(address: &str, no_proxy: &str) -> bool {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = format!("http://{}", listener.local_addr().unwrap());
    let surroundings = Surroundings::new([("HTTPS_PROXY", proxy.as_str()), ("NO_PROXY", no_proxy)], None);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::try_from(proxied(Some(&surroundings), address)).unwrap();
    let digest = devplat_image::Digest::of(b"").to_string();
    let place =
        oci_client::Reference::with_digest(address.to_owned(), "team/devplat-agent".to_owned(), digest);
    let auth = RegistryAuth::Anonymous;
    tokio::select! {
        connected = listener.accept() => connected.is_ok(),
        answer = client.fetch_manifest_digest(&place, &auth) => {
            answer.unwrap_err();
            false
        }
    }
}

#[tokio::test]
async fn proxy_is_used_unless_no_proxy_lists_the_registry() {
    let nothing = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().to_string();
    for (no_proxy, reaches) in [
        ("", true),
        ("127.0.0.2", true),
        ("127.0.0.1", false),
        ("127.0.0.1:1", true),
        (nothing.as_str(), false),
    ] {
        assert_eq!(reaches_the_proxy(&nothing, no_proxy).await, reaches, "{no_proxy:?}");
    }
}

/// Serves a registry with tokens, which answers 401 to every read of a repository, as some do before the first push.
async fn answer_with_tokens(stream: TcpStream, token: &'static str) -> std::io::Result<()> {
    let address = stream.local_addr()?;
    let mut stream = BufReader::new(stream);
    let (mut head, mut line) = (String::new(), String::new());
    while stream.read_line(&mut line).await? > 2 {
        head.push_str(&line);
        line.clear();
    }
    let answer = if head.starts_with("GET /token") {
        token.to_owned()
    } else {
        let challenge = format!("Bearer realm=\"http://{address}/token\",service=\"s\"");
        format!("401 Unauthorized\r\nWWW-Authenticate: {challenge}\r\nContent-Length: 0\r\n\r\n")
    };
    let answer = answer.replacen("\r\n", "\r\nConnection: close\r\n", 1);
    stream.write_all(format!("HTTP/1.1 {answer}").as_bytes()).await?;
    stream.shutdown().await
}

#[tokio::test]
async fn registry_accepts_an_account_before_its_repository_exists() {
    async fn accepts(token: &'static str) -> Result<(), RegistryError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer_with_tokens(stream, token));
            }
        });
        let prefix = format!("{address}/team");
        let reference = Reference::in_registry(&prefix, ImageName::Agent, &devplat_image::Digest::of(b""));
        let (surroundings, clients) = (Surroundings::default(), RegistryClients::default());
        let place =
            PushTarget::of(&reference, Manner::default(), &surroundings, &clients, |_| {}).await.unwrap();
        let accepted = place.accepts().await;
        serving.abort();
        accepted
    }
    accepts("200 OK\r\nContent-Length: 13\r\n\r\n{\"token\":\"t\"}").await.unwrap();
    let rejected = accepts("401 Unauthorized\r\nContent-Length: 0\r\n\r\n").await.unwrap_err();
    assert!(matches!(rejected, RegistryError::Unauthorized { with_credentials: false, .. }), "{rejected}");
}

#[tokio::test]
async fn registry_without_tokens_is_accepted_by_its_answer() {
    Scene::new(|_| ("404 Not Found", "")).await.place("127.0.0.1").await.accepts().await.unwrap();
    let unauthorized =
        Scene::new(|_| ("401 Unauthorized", "")).await.place("127.0.0.1").await.accepts().await;
    let unauthorized = unauthorized.unwrap_err();
    assert!(matches!(unauthorized, RegistryError::Unauthorized { .. }), "{unauthorized}");
}

/// Returns the address of a server that accepts connections and never answers.
async fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let mut kept = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            kept.push(stream);
        }
    });
    address
}

/// Returns the place of an image in the registry at `address`.
async fn place_in(address: &str, plain_http: bool) -> Result<PushTarget, RegistryError> {
    let prefix = format!("{address}/team");
    let reference = Reference::in_registry(&prefix, ImageName::Agent, &devplat_image::Digest::of(b""));
    let manner = Manner { plain_http, ..Manner::default() };
    PushTarget::of(&reference, manner, &Surroundings::default(), &RegistryClients::default(), |_| {}).await
}

#[tokio::test]
async fn silent_registry_is_given_up_after_seconds() {
    let address = silent().await;
    let place = place_in(&address, true).await.unwrap();
    // The clock jumps from limit to limit from here on.
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    let error = place_in(&address, false).await.err().unwrap();
    assert_eq!(error.to_string(), format!("registry {address} gave no answer within 5 s"));
    let error = place.accepts().await.unwrap_err();
    assert_eq!(error.to_string(), format!("registry {address} gave no answer within 10 s"));
    assert!(start.elapsed() < Duration::from_secs(16), "{:?}", start.elapsed());
}

#[tokio::test]
async fn name_without_an_address_is_an_error_of_its_own() {
    let error = place_in("registry.invalid", false).await.err().unwrap();
    assert!(matches!(error, RegistryError::Unresolved { .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("DNS"), "{error}");
}

#[tokio::test]
async fn image_of_any_name_is_looked_for_in_its_registry() {
    let scene = Scene::new(|_| ("404 Not Found", "")).await;
    let (surroundings, clients) = (Surroundings::default(), RegistryClients::default());
    let image = format!("{}/library/registry:3", scene.address);
    let place = PushTarget::of_image(&image, &surroundings, &clients).await.unwrap();
    assert!(!place.holds().await.unwrap());
    let wrong = PushTarget::of_image("Registry::3", &surroundings, &clients).await.err().unwrap();
    assert!(matches!(wrong, RegistryError::Reference { .. }), "{wrong}");
}
