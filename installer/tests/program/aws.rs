//! AWS for tests: STS, IAM Identity Center and the instance metadata service over HTTP, at one address. It is strict: a call,
//! a parameter or a header that it does not know is a failure of the test.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use jiff::{SignedDuration, Timestamp};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// An access key, as AWS knows it.
#[derive(Debug, Clone)]
pub(crate) enum AccessKey {
    /// It belongs to this principal of account 123456789012.
    Of(&'static str),
    /// Its session has ended.
    Expired,
    /// Its secret is another one.
    WrongSecret,
}

/// The answers of AWS. Each test changes what it needs.
#[derive(Debug, Clone, Default)]
pub(crate) struct AwsRules {
    pub(crate) keys: BTreeMap<&'static str, AccessKey>,
    /// Regions that are switched off for the account.
    pub(crate) off: BTreeSet<&'static str>,
    /// Regions that do not exist: no call there gets an answer.
    pub(crate) absent: BTreeSet<&'static str>,
    /// The regions that EC2 lists, each with its status; without any, it refuses the call.
    pub(crate) listed: Vec<(&'static str, &'static str)>,
    /// Whether no region gets an answer, although it accepts connections.
    pub(crate) silent: bool,
    /// How far the clock of AWS is ahead of this machine's.
    pub(crate) ahead: SignedDuration,
    /// The key that the instance metadata service gives; without one, there is no service.
    pub(crate) instance_key: Option<&'static str>,
    /// The key that IAM Identity Center gives for the login `token`.
    pub(crate) sso_key: Option<&'static str>,
    /// The key that a web identity token is exchanged for.
    pub(crate) web_identity_key: Option<&'static str>,
}

/// AWS, until it is dropped.
pub(crate) struct Aws {
    pub(crate) address: String,
    seen: Arc<Mutex<AwsCalls>>,
    task: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct AwsCalls {
    calls: Vec<String>,
    unknown: Vec<String>,
}

impl Aws {
    pub(crate) async fn start(rules: AwsRules) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(AwsCalls::default()));
        let (rules, of) = (Arc::new(rules), Arc::clone(&seen));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (rules, of) = (Arc::clone(&rules), Arc::clone(&of));
                tokio::spawn(async move { serve(stream, &rules, &of).await });
            }
        });
        Self { address, seen, task }
    }

    /// Returns the calls in order, such as `GetCallerIdentity in eu-central-1`. Fails if there was an unknown one.
    pub(crate) fn calls(&self) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        assert!(seen.unknown.is_empty(), "unknown calls: {:#?}", seen.unknown);
        seen.calls.clone()
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// A request.
struct AwsRequest {
    verb: String,
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

/// An answer.
enum AwsAnswer {
    Text(u16, String),
    /// The connection ends.
    Hangup,
    /// The connection stays open.
    Silence,
    /// The test fails.
    Unknown(String),
}

async fn serve(stream: TcpStream, rules: &AwsRules, seen: &Mutex<AwsCalls>) {
    let mut stream = BufReader::new(stream);
    let Some(request) = read(&mut stream).await else { return };
    let (call, answer) = answer(&request, rules);
    seen.lock().unwrap().calls.push(call);
    let (status, text) = match answer {
        AwsAnswer::Text(status, text) => (status, text),
        AwsAnswer::Hangup => return,
        AwsAnswer::Silence => return std::future::pending().await,
        AwsAnswer::Unknown(why) => {
            let AwsRequest { verb, path, body, headers: _ } = &request;
            seen.lock().unwrap().unknown.push(format!("{why}: {verb} {path} {body}"));
            (501, String::new())
        }
    };
    let date = (Timestamp::now() + rules.ahead).strftime("%a, %d %b %Y %H:%M:%S GMT");
    let head = format!(
        "HTTP/1.1 {status} X\r\nDate: {date}\r\nContent-Length: {}\r\nConnection: close\r\nx-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n",
        text.len()
    );
    let _ = stream.write_all((head + &text).as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<AwsRequest> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? <= 2 {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let mut parts = lines.first()?.split(' ').map(str::to_owned);
    let (verb, path) = (parts.next()?, parts.next()?);
    let header = |line: &String| {
        let (name, value) = line.split_once(": ")?;
        Some((name.to_lowercase(), value.to_owned()))
    };
    let headers: BTreeMap<String, String> = lines[1..].iter().filter_map(header).collect();
    let length = headers.get("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some(AwsRequest { verb, path, headers, body: String::from_utf8(body).ok()? })
}

fn answer(request: &AwsRequest, rules: &AwsRules) -> (String, AwsAnswer) {
    let AwsRequest { verb, path, headers, body } = request;
    match (verb.as_str(), path.split('?').next().unwrap_or_default()) {
        ("POST", "/") => of_sts(headers, body, rules),
        ("GET", "/container") => ("container credentials".to_owned(), of_container(rules)),
        ("GET", "/federation/credentials") => ("GetRoleCredentials".to_owned(), of_sso(request, rules)),
        (_, metadata) if metadata.starts_with("/latest/") => {
            (format!("{verb} {metadata}"), of_metadata(request, rules))
        }
        _ => (format!("{verb} {path}"), AwsAnswer::Unknown("no such call".to_owned())),
    }
}

/// The calls of STS and EC2, with their parameters.
const CALLS: &[(&str, &[&str])] = &[
    ("GetCallerIdentity", &["Action", "Version"]),
    ("DescribeRegions", &["Action", "Version", "AllRegions"]),
    ("AssumeRole", &["Action", "Version", "RoleArn", "RoleSessionName"]),
    ("AssumeRoleWithWebIdentity", &["Action", "Version", "RoleArn", "RoleSessionName", "WebIdentityToken"]),
];

fn of_sts(headers: &BTreeMap<String, String>, body: &str, rules: &AwsRules) -> (String, AwsAnswer) {
    let parameters: BTreeMap<&str, &str> = body.split('&').filter_map(|one| one.split_once('=')).collect();
    let action = parameters.get("Action").copied().unwrap_or_default();
    let Some((_, known)) = CALLS.iter().find(|(name, _)| *name == action) else {
        return (action.to_owned(), AwsAnswer::Unknown("no such action".to_owned()));
    };
    if let Some(other) = parameters.keys().find(|name| !known.contains(name)) {
        return (action.to_owned(), AwsAnswer::Unknown(format!("no such parameter: {other}")));
    }
    if action == "AssumeRoleWithWebIdentity" {
        return (action.to_owned(), of_web_identity(parameters["WebIdentityToken"], rules));
    }
    // `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/sts/aws4_request, …`
    let scope = headers.get("authorization").and_then(|value| value.split("Credential=").nth(1));
    let scope: Vec<&str> = scope.unwrap_or_default().split(['/', ',']).take(5).collect();
    let service = if action == "DescribeRegions" { "ec2" } else { "sts" };
    let [key, _, region, of, "aws4_request"] = scope.as_slice() else {
        return (action.to_owned(), AwsAnswer::Unknown(format!("wrong scope: {scope:?}")));
    };
    if *of != service {
        return (action.to_owned(), AwsAnswer::Unknown(format!("signed for {of}")));
    }
    let call = format!("{action} in {region}");
    if rules.silent {
        return (call, AwsAnswer::Silence);
    }
    if rules.absent.contains(region) {
        return (call, AwsAnswer::Hangup);
    }
    let date = headers.get("x-amz-date").map(String::as_str).unwrap_or_default();
    let (Some(key), false) = (rules.keys.get(key), rules.off.contains(region)) else {
        let message = "The security token included in the request is invalid.";
        return (call, refusal("InvalidClientTokenId", message));
    };
    if action == "DescribeRegions" {
        return (call, regions(rules));
    }
    if !is_in_time(date, rules) {
        return (call, refusal("SignatureDoesNotMatch", "Signature expired: it is too old"));
    }
    let answer = match key {
        AccessKey::Of(_) if action == "AssumeRole" => AwsAnswer::Text(200, session(action, "AKIAADA")),
        AccessKey::Of(principal) => AwsAnswer::Text(200, identity(principal)),
        AccessKey::Expired => {
            refusal("ExpiredToken", "The security token included in the request is expired")
        }
        AccessKey::WrongSecret => {
            refusal("SignatureDoesNotMatch", "The request signature we calculated does not match")
        }
    };
    (call, answer)
}

fn regions(rules: &AwsRules) -> AwsAnswer {
    if rules.listed.is_empty() {
        return AwsAnswer::Text(
            403,
            "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>You are not authorized</Message></Error>\
             </Errors><RequestID>r-1</RequestID></Response>"
                .to_owned(),
        );
    }
    let item = |(name, status): &(&str, &str)| {
        format!("<item><regionName>{name}</regionName><optInStatus>{status}</optInStatus></item>")
    };
    let items: Vec<String> = rules.listed.iter().map(item).collect();
    let items = items.concat();
    AwsAnswer::Text(
        200,
        format!("<DescribeRegionsResponse><regionInfo>{items}</regionInfo></DescribeRegionsResponse>"),
    )
}

/// Whether the time of a signature is within 5 min of AWS's clock.
fn is_in_time(date: &str, rules: &AwsRules) -> bool {
    let signed = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", date).unwrap();
    let signed = jiff::tz::TimeZone::UTC.to_timestamp(signed).unwrap();
    (Timestamp::now() + rules.ahead).duration_since(signed).abs() < SignedDuration::from_mins(5)
}

fn refusal(code: &str, message: &str) -> AwsAnswer {
    AwsAnswer::Text(
        403,
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>\
             <RequestId>r-1</RequestId></ErrorResponse>"
        ),
    )
}

fn identity(principal: &str) -> String {
    format!(
        "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>{principal}</Arn><UserId>AIDA</UserId>\
         <Account>123456789012</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>r-1</RequestId>\
         </ResponseMetadata></GetCallerIdentityResponse>"
    )
}

fn of_web_identity(token: &str, rules: &AwsRules) -> AwsAnswer {
    let Some(key) = rules.web_identity_key.filter(|_| token == "good") else {
        return refusal("ExpiredTokenException", "Token expired");
    };
    AwsAnswer::Text(200, session("AssumeRoleWithWebIdentity", key))
}

/// The answer of STS to a call for a session of a role.
fn session(action: &str, key: &str) -> String {
    let end = end().strftime("%Y-%m-%dT%H:%M:%SZ");
    let role = "arn:aws:sts::123456789012:assumed-role/pod/devplat";
    format!(
        "<{action}Response><{action}Result><Credentials><AccessKeyId>{key}</AccessKeyId>\
         <SecretAccessKey>secret</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{end}</Expiration>\
         </Credentials><AssumedRoleUser><Arn>{role}</Arn><AssumedRoleId>A:d</AssumedRoleId></AssumedRoleUser>\
         </{action}Result></{action}Response>"
    )
}

/// The end of temporary credentials, which is shown as 2 h 0 min.
fn end() -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(2 * 3600 + 45)
}

fn of_sso(request: &AwsRequest, rules: &AwsRules) -> AwsAnswer {
    let token = request.headers.get("x-amz-sso_bearer_token").map(String::as_str);
    if !request.path.contains("account_id=123456789012") || !request.path.contains("role_name=Admin") {
        return AwsAnswer::Unknown("another role".to_owned());
    }
    match rules.sso_key {
        Some(key) if token == Some("token") => {
            let end = end().as_millisecond();
            let keys = format!(
                r#""accessKeyId":"{key}","secretAccessKey":"secret","sessionToken":"t","expiration":{end}"#
            );
            AwsAnswer::Text(200, format!(r#"{{"roleCredentials":{{{keys}}}}}"#))
        }
        _ => AwsAnswer::Text(
            401,
            r#"{"__type":"UnauthorizedException","message":"Session token not found or invalid"}"#.to_owned(),
        ),
    }
}

fn of_container(rules: &AwsRules) -> AwsAnswer {
    let Some(key) = rules.instance_key else { return AwsAnswer::Text(404, String::new()) };
    AwsAnswer::Text(200, format!("{{{}}}", session_keys(key)))
}

/// Temporary credentials, as JSON members.
fn session_keys(key: &str) -> String {
    let end = end().strftime("%Y-%m-%dT%H:%M:%SZ");
    format!(r#""AccessKeyId":"{key}","SecretAccessKey":"secret","Token":"t","Expiration":"{end}""#)
}

fn of_metadata(request: &AwsRequest, rules: &AwsRules) -> AwsAnswer {
    const ROLE: &str = "/latest/meta-data/iam/security-credentials/";
    let Some(key) = rules.instance_key else { return AwsAnswer::Text(404, String::new()) };
    match (request.verb.as_str(), request.path.as_str()) {
        ("PUT", "/latest/api/token") => AwsAnswer::Text(200, "session".to_owned()),
        ("GET", _)
            if request.headers.get("x-aws-ec2-metadata-token").is_none_or(|token| token != "session") =>
        {
            AwsAnswer::Text(401, String::new())
        }
        ("GET", ROLE) => AwsAnswer::Text(200, "node".to_owned()),
        ("GET", path) if path.strip_prefix(ROLE) == Some("node") => {
            let keys = session_keys(key);
            AwsAnswer::Text(
                200,
                format!(
                    r#"{{"Code":"Success","LastUpdated":"2026-01-01T00:00:00Z","Type":"AWS-HMAC",{keys}}}"#
                ),
            )
        }
        _ => AwsAnswer::Unknown("no such metadata".to_owned()),
    }
}
