//! Tests of the calls: which failures are temporary, final or recorded.

use std::{
    error::Error as StdError,
    io,
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Output},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use kube::{
    Client,
    client::{AuthError, Body},
    core::{Status, response::StatusDetails},
};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{error::untrusted, *};
use crate::{
    CommandLines,
    pace::{Pace, Steady, Stopped, tests::Stoppable},
};

/// A client whose API server answers with `answer`.
pub(crate) fn client(answer: impl Fn(&Request<Body>) -> (u16, Value) + Send + Sync + 'static) -> Client {
    let answer = Arc::new(answer);
    let service = tower::service_fn(move |request: Request<Body>| {
        let (code, body) = answer(&request);
        let response = Response::builder().status(code).body(Body::from(body.to_string().into_bytes()));
        async move { Ok::<_, io::Error>(response.unwrap()) }
    });
    Client::new(service, "default")
}

fn answer(code: u16, reason: &str) -> kube::Error {
    kube::Error::Api(Box::new(Status { code, ..Status::failure("the API server's own sentence", reason) }))
}

fn refused() -> kube::Error {
    kube::Error::Service(Box::new(io::Error::from(io::ErrorKind::ConnectionRefused)))
}

fn every_error() -> Vec<kube::Error> {
    let parse = || serde_json::from_str::<u8>("x").unwrap_err();
    let details: StatusDetails = serde_json::from_value(json!({"kind": "pods"})).unwrap();
    let full = Status { details: Some(details), code: 403, ..Status::failure("no", "Forbidden") };
    let plugin = AuthError::AuthExecRun {
        cmd: "plug".to_owned(),
        out: Box::new(Output {
            status: ExitStatus::from_raw(256),
            stdout: Vec::new(),
            stderr: b"log in".to_vec(),
        }),
    };
    vec![
        kube::Error::Api(Box::new(full)),
        answer(401, "Unauthorized"),
        answer(404, "NotFound"),
        answer(404, "Failed to parse error data"),
        answer(500, "InternalError"),
        refused(),
        kube::Error::ReadEvents(io::Error::other("broken")),
        kube::Error::FromUtf8(String::from_utf8(vec![0xFF]).unwrap_err()),
        kube::Error::LinesCodecMaxLineLengthExceeded,
        kube::Error::HttpError(Request::get("\n").body(()).unwrap_err()),
        kube::Error::SerdeError(parse()),
        kube::Error::BuildRequest(kube::core::request::Error::Validation("bad".to_owned())),
        kube::Error::TlsRequired,
        kube::Error::Auth(plugin),
        kube::Error::Auth(AuthError::ReadTokenFile(io::Error::other("x"), "/a".into())),
        kube::Error::InferKubeconfig(kube::config::KubeconfigError::ReadConfig(
            io::Error::other("x"),
            "/a".into(),
        )),
        kube::Error::ProxyProtocolUnsupported { proxy_url: Box::new("ftp://a".parse().unwrap()) },
        kube::Error::Discovery(kube::error::DiscoveryError::MissingKind("x".to_owned())),
    ]
}

#[test]
fn errors_and_their_causes_contain_no_debug_text() {
    let object = ObjectRef::new("apps/v1", "Deployment", Some("a"), "b");
    for error in every_error() {
        let shown = format!("{error:?}");
        let error = call_error("apply Deployment a/b", Some(object.clone()), error);
        let mut next: Option<&(dyn StdError + 'static)> = Some(&error);
        while let Some(error) = next {
            let text = error.to_string();
            for debug in ["Status {", "Some(", "ExitStatus(", "Output {", "Failed to parse error data"] {
                assert!(!text.contains(debug), "{text}\n{shown}");
            }
            next = error.source();
        }
    }
}

#[test]
fn error_names_the_call_and_quotes_the_api_server() {
    let error = call_error("apply Deployment a/b", None, answer(409, "Conflict"));
    assert_eq!(
        chain(&error),
        "cannot apply Deployment a/b: the API server answered 409 Conflict: the API server's own sentence"
    );
    let bare =
        kube::Error::Api(Box::new(Status { code: 401, ..Status::failure("Unauthorized", "Unauthorized") }));
    assert_eq!(
        chain(&call_error("list users", None, bare)),
        "cannot list users: the API server answered 401 Unauthorized"
    );
}

#[test]
fn answers_are_classified_by_code_and_reason() {
    let class = |code, reason: &str| format!("{:?}", classify(answer(code, reason)));
    for (code, reason, expected) in [
        (400, "BadRequest", "Invalid"),
        (401, "Unauthorized", "Unauthorized"),
        (403, "Forbidden", "Forbidden"),
        (404, "NotFound", "NotFound"),
        (404, "Failed to parse error data", "KindNotServed"),
        (409, "Conflict", "Conflict"),
        (422, "Invalid", "Invalid"),
        (429, "TooManyRequests", "TooManyRequests"),
        (503, "ServiceUnavailable", "ServerError"),
    ] {
        assert!(class(code, reason).starts_with(expected), "{code} {reason}: {}", class(code, reason));
    }
}

#[test]
fn missing_kind_is_reported_as_a_cluster_without_a_platform() {
    let error = call_error("list users", None, answer(404, "Failed to parse error data"));
    assert!(error.hints()[0].contains("no platform is installed"), "{:?}", error.hints());
}

#[test]
fn untrusted_certificate_is_found_below_other_errors() {
    let distrust = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
    let hidden = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, distrust));
    assert!(untrusted(&hidden));
    assert!(matches!(classify(kube::Error::Service(Box::new(hidden))), Class::Untrusted(_)));
    // The text alone does not decide.
    assert!(!untrusted(&io::Error::other("invalid peer certificate: UnknownIssuer")));
    assert!(matches!(classify(refused()), Class::Unreachable(_)));
}

fn call() -> Call {
    Call::new(CallVerb::Read, &ObjectRef::config_map("a", "b"))
}

fn quiet_client() -> Client {
    client(|_| (200, json!({"kind": "List", "apiVersion": "v1", "metadata": {}, "items": []})))
}

async fn repeated(pace: &dyn Pace, error: impl Fn() -> kube::Error) -> (usize, Error, Duration) {
    let client = quiet_client();
    let calls = AtomicUsize::new(0);
    let start = Instant::now();
    let attempt = || {
        calls.fetch_add(1, Ordering::Relaxed);
        let error = error();
        async { Err::<(), _>(error) }
    };
    let outcome = ApiServer { client: &client, pace }.call(&call(), attempt).await;
    (calls.into_inner(), outcome.unwrap_err(), start.elapsed())
}

#[tokio::test]
async fn calls_that_change_objects_are_recorded_before_and_after() {
    let (pace, client) = (Stoppable::new(), quiet_client());
    let server = ApiServer { client: &client, pace: &pace };
    let apply = Call::new(CallVerb::Apply, &ObjectRef::config_map("a", "b"));
    let calls = AtomicUsize::new(0);
    let make = || {
        calls.fetch_add(1, Ordering::Relaxed);
        let intent = pace.recorded.lock().unwrap().last().unwrap().clone();
        assert_eq!(intent, "apply ConfigMap a/b");
        async { Ok(()) }
    };
    server.call(&apply, make).await.unwrap();
    server.call(&call(), || async { Ok(()) }).await.unwrap();
    assert_eq!(
        *pace.recorded.lock().unwrap(),
        ["apply ConfigMap a/b", "apply ConfigMap a/b: made ConfigMap a/b"]
    );

    let delete = Call::new(CallVerb::Delete, &ObjectRef::config_map("a", "b"));
    let refused = || async { Err::<(), _>(answer(403, "Forbidden")) };
    server.call(&delete, refused).await.unwrap_err();
    let last = pace.recorded.lock().unwrap().pop().unwrap();
    assert!(last.starts_with("delete ConfigMap a/b: failed: "), "{last}");

    // A call is not made if its record cannot be written.
    pace.full.store(true, Ordering::Relaxed);
    let error = server.call(&apply, make).await.unwrap_err();
    assert!(chain(&error).contains("no space left"), "{error:?}");
    assert_eq!(calls.into_inner(), 1);
}

#[tokio::test(start_paused = true)]
async fn final_failures_are_not_retried() {
    for code in [400, 401, 403, 404, 409, 422] {
        let (calls, error, _) = repeated(&Steady, || answer(code, "NotFound")).await;
        assert!(matches!(error, Error::Call(_)), "{error:?}");
        assert_eq!(calls, 1, "{code}");
    }
    let distrust = || {
        let source = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        kube::Error::Service(Box::new(io::Error::other(source)))
    };
    assert_eq!(repeated(&Steady, distrust).await.0, 1);
}

#[tokio::test(start_paused = true)]
async fn refused_connection_is_retried_and_reported_after_a_second() {
    let pace = Stoppable::new();
    let (calls, error, took) = repeated(&pace, refused).await;
    assert!(calls > 3, "{calls}");
    let Error::Call(error) = error else { panic!("{error}") };
    assert!(matches!(*error.class, Class::Unreachable(_)), "{error:?}");
    assert!((10..=12).contains(&took.as_secs()), "{took:?}");
    let reported = pace.reported.lock().unwrap();
    assert_eq!(reported.len(), 1, "{reported:?}");
    assert!(
        reported[0].starts_with("waiting for ConfigMap a/b: cannot read it yet: cannot connect"),
        "{reported:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn stop_ends_a_retry() {
    let pace = Stoppable::new();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        pace.stop();
    };
    let ((_, error, took), ()) = tokio::join!(repeated(&pace, refused), stop);
    assert!(matches!(error, Error::Stopped(Stopped)), "{error:?}");
    assert!(took <= Duration::from_millis(3300), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn stop_ends_a_call_without_an_answer() {
    let pace = Stoppable::new();
    let client = quiet_client();
    let start = Instant::now();
    let server = ApiServer { client: &client, pace: &pace };
    let subject = call();
    let stop = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        pace.stop();
    };
    let (outcome, ()) =
        tokio::join!(server.call(&subject, std::future::pending::<Result<(), kube::Error>>), stop);
    assert!(matches!(outcome, Err(Error::Stopped(_))));
    assert!(start.elapsed() <= Duration::from_millis(1300), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn apply_waits_for_a_kind_that_was_just_created() {
    let client = quiet_client();
    let mut calls = 0;
    let attempt = || {
        calls += 1;
        let outcome = if calls < 3 { Err(answer(404, "")) } else { Ok(()) };
        async { outcome }
    };
    ApiServer { client: &client, pace: &Steady }.call_new(New::Kind, &call(), attempt).await.unwrap();
    assert_eq!(calls, 3);
}

/// A cluster with a webhook on these resources that every call in namespace `a` must pass. No Service exists.
fn with_webhook(reached: Value, resources: &'static str) -> Client {
    client(move |request| match request.uri().path() {
        "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations" => {
            let webhook = json!({
                "name": "check.gone.example", "failurePolicy": "Fail", "sideEffects": "None",
                "admissionReviewVersions": ["v1"],
                "clientConfig": reached,
                "rules": [{
                    "apiGroups": ["*"], "apiVersions": ["*"], "resources": [resources], "operations": ["*"]
                }],
                "namespaceSelector": {"matchLabels": {"checked": "yes"}},
            });
            let item = json!({"metadata": {"name": "policy-gone"}, "webhooks": [webhook]});
            (200, json!({"metadata": {}, "items": [item]}))
        }
        "/api/v1/namespaces/a" => (200, json!({"metadata": {"name": "a", "labels": {"checked": "yes"}}})),
        "/api/v1/namespaces/unchecked" => (200, json!({"metadata": {"name": "unchecked"}})),
        path if path.starts_with("/api/v1/namespaces/") => {
            (404, json!({"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found"}))
        }
        _ => (200, json!({"metadata": {}, "items": []})),
    })
}

fn with_broken_webhook() -> Client {
    with_webhook(json!({"service": {"namespace": "gone", "name": "nowhere"}}), "*")
}

#[tokio::test(start_paused = true)]
async fn failing_webhook_is_named_at_the_first_answer() {
    let client = with_broken_webhook();
    let apply = Call::new(CallVerb::Apply, &ObjectRef::new("apps/v1", "Deployment", Some("a"), "b"));
    let calls = AtomicUsize::new(0);
    let attempt = || {
        calls.fetch_add(1, Ordering::Relaxed);
        async { Err::<(), _>(answer(500, "InternalError")) }
    };
    let server = ApiServer { client: &client, pace: &Steady };
    let Err(Error::Call(error)) = server.call(&apply, attempt).await else { panic!("it works") };
    assert_eq!(calls.into_inner(), 1);
    assert!(matches!(*error.class, Class::Admission(_)), "{error:?}");
    let text = chain(&error);
    assert!(
        text.starts_with(
            "cannot apply Deployment a/b: webhook check.gone.example of ValidatingWebhookConfiguration \
             policy-gone calls Service gone/nowhere, which does not exist: the API server answered 500"
        ),
        "{text}"
    );
    let hints = hints(&error, Some(&CommandLines::example()));
    let remedy = "`kubectl --context prod delete validatingwebhookconfiguration policy-gone`";
    assert!(hints[0].ends_with(remedy), "{hints:?}");
}

/// Applies a Deployment in `namespace` to an API server that always answers 500, and returns the number of calls and the
/// error.
async fn fails(client: Client, namespace: &str) -> (usize, CallError) {
    let apply = Call::new(CallVerb::Apply, &ObjectRef::new("apps/v1", "Deployment", Some(namespace), "b"));
    let calls = AtomicUsize::new(0);
    let attempt = || {
        calls.fetch_add(1, Ordering::Relaxed);
        async { Err::<(), _>(answer(500, "InternalError")) }
    };
    let server = ApiServer { client: &client, pace: &Steady };
    let Err(Error::Call(error)) = server.call(&apply, attempt).await else { panic!("it works") };
    (calls.into_inner(), error)
}

#[tokio::test(start_paused = true)]
async fn webhook_that_may_not_answer_is_named_after_one_retry() {
    let by_url = || json!({"url": "https://127.0.0.1:1/check"});
    let (calls, error) = fails(with_webhook(by_url(), "deployments"), "a").await;
    assert_eq!(calls, 2);
    let text = chain(&error);
    assert!(
        text.starts_with(
            "cannot apply Deployment a/b: webhook check.gone.example of ValidatingWebhookConfiguration \
             policy-gone calls https://127.0.0.1:1/check, which may not answer: the API server answered 500"
        ),
        "{text}"
    );
    let hints = hints(&error, Some(&CommandLines::example()));
    let remedy = "`kubectl --context prod delete validatingwebhookconfiguration policy-gone`";
    assert!(hints[0].ends_with(remedy), "{hints:?}");
    // A webhook for other objects or other namespaces explains nothing, so the call is retried for 10 s.
    for (resources, namespace) in [("pods", "a"), ("deployments", "unchecked")] {
        let (calls, error) = fails(with_webhook(by_url(), resources), namespace).await;
        assert!(calls > 3, "{resources} {namespace}: {calls}");
        assert!(matches!(*error.class, Class::ServerError(_)), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_webhook_is_named_without_a_retry() {
    let client = with_webhook(json!({"url": "https://127.0.0.1:1/check"}), "deployments");
    let apply = Call::new(CallVerb::Apply, &ObjectRef::new("apps/v1", "Deployment", Some("a"), "b"));
    let calls = AtomicUsize::new(0);
    let attempt = || {
        calls.fetch_add(1, Ordering::Relaxed);
        async {
            tokio::time::sleep(Duration::from_secs(10)).await;
            Err::<(), _>(answer(500, "InternalError"))
        }
    };
    let server = ApiServer { client: &client, pace: &Steady };
    let Err(Error::Call(error)) = server.call(&apply, attempt).await else { panic!("it works") };
    assert_eq!(calls.into_inner(), 1);
    assert!(matches!(*error.class, Class::Admission(_)), "{error:?}");
}
