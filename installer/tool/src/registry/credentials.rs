//! Reads the credentials that `docker login` stored for a registry, in Docker's configuration or in a credential
//! helper.

use std::{fmt, io, path::PathBuf, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use bollard::auth::DockerCredentials;
use oci_client::secrets::RegistryAuth;
use serde::Deserialize;

use super::{host, push_step::PushStep};
use crate::{Command, Surroundings, limits, owner::unreadable_hint, process};

/// How long a helper may take; it may ask the user in a window.
const LIMIT: Duration = Duration::from_secs(20);
/// The time after which the wait for a helper is reported.
const QUIET: Duration = Duration::from_secs(2);
/// The size limit of the configuration.
const CONFIG_LIMIT: u64 = 4 << 20;
/// The output of a helper that has no credentials for a registry. It is a constant of the helpers' protocol.
const NONE: &str = "credentials not found in native keychain";
/// The user name with which a helper returns a token in place of a password. It is a constant of the helpers' protocol.
const TOKEN: &str = "<token>";
/// The name of Docker Hub in Docker's configuration.
const HUB: &str = "https://index.docker.io/v1/";

/// A user name and a password, or a token in its place.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryLogin {
    /// The user name.
    pub user: String,
    /// The registry, as Docker's configuration names it.
    server: String,
    secret: String,
}

impl fmt::Debug for RegistryLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistryLogin").field("user", &self.user).finish_non_exhaustive()
    }
}

impl RegistryLogin {
    pub(super) fn into_auth(self) -> RegistryAuth {
        RegistryAuth::Basic(self.user, self.secret)
    }

    /// Converts it for a pull by the engine, which uses it only for the registry that it names.
    pub(crate) fn into_credentials(self) -> DockerCredentials {
        let Self { user, server, secret } = self;
        let of = DockerCredentials { serveraddress: Some(server), ..DockerCredentials::default() };
        if user == TOKEN {
            DockerCredentials { identitytoken: Some(secret), ..of }
        } else {
            DockerCredentials { username: Some(user), password: Some(secret), ..of }
        }
    }
}

/// The reason why the credentials that Docker's configuration names cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// Docker's configuration cannot be read.
    #[error("cannot read {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// Docker's configuration is not JSON, or does not have Docker's format.
    #[error("{} is not a configuration of Docker's: {source}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The reason, with line and column.
        source: serde_json::Error,
    },
    /// The stored user name and password do not have Docker's format.
    #[error("{}: auths[{registry:?}].auth is not a user name and a password in base64", path.display())]
    NotBase64 {
        /// The file.
        path: PathBuf,
        registry: String,
    },
    /// The helper is not installed.
    #[error("{program}, named in {}, is not installed", path.display())]
    HelperAbsent {
        /// The helper.
        program: String,
        /// The file that names it.
        path: PathBuf,
        /// The reason, with the searched folders.
        source: process::Error,
    },
    #[error("{program} failed")]
    HelperFailed {
        /// The helper.
        program: String,
        /// The reason, with its last lines.
        source: process::Error,
    },
    /// The helper's output is not valid.
    #[error("the output of {program} is not credentials: {source}")]
    HelperMalformed {
        /// The helper.
        program: String,
        /// The place; the output itself may hold a secret.
        source: serde_json::Error,
    },
    /// The helper timed out.
    #[error("{program} gave no answer within {} s", LIMIT.as_secs())]
    HelperSlow {
        /// The helper.
        program: String,
    },
}

impl CredentialsError {
    /// Whether a helper gave no answer in time.
    pub fn is_silent(&self) -> bool {
        matches!(self, Self::HelperSlow { .. })
    }

    /// The remedy.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unreadable { path, source } => unreadable_hint(path, source),
            Self::Malformed { path, .. } => {
                format!("correct {}, or delete it and log in again", path.display())
            }
            Self::NotBase64 { registry, .. } => {
                format!("`docker logout {registry}`, then `docker login {registry}`")
            }
            Self::HelperAbsent { program, path, .. } => {
                format!("install {program}, or remove it from {} and log in again", path.display())
            }
            Self::HelperFailed { program, .. }
            | Self::HelperMalformed { program, .. }
            | Self::HelperSlow { program } => {
                format!("make `echo REGISTRY | {program} get` work first; a keyring may be locked")
            }
        })
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Config {
    auths: std::collections::BTreeMap<String, StoredLogin>,
    creds_store: Option<String>,
    cred_helpers: std::collections::BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct StoredLogin {
    auth: String,
    username: String,
    password: String,
}

/// Reads the credentials that `docker login` stored for the registry of `image`, such as `registry.example/team/a:1`;
/// `None` if there are none.
pub async fn credentials_of_image(
    surroundings: &Surroundings,
    image: &str,
    tell: impl Fn(PushStep<'_>),
) -> Result<Option<RegistryLogin>, CredentialsError> {
    credentials(surroundings, host::registry_of(image), tell).await
}

/// Reads the credentials that `docker login` stored for `registry`; `None` if there are none.
pub async fn credentials(
    surroundings: &Surroundings,
    registry: &str,
    tell: impl Fn(PushStep<'_>),
) -> Result<Option<RegistryLogin>, CredentialsError> {
    let Some(path) = surroundings.docker_folder().map(|folder| folder.join("config.json")) else {
        return Ok(None);
    };
    let text = match limits::read_bounded(&path, CONFIG_LIMIT) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(CredentialsError::Unreadable { path, source }),
    };
    let config: Config = match serde_json::from_slice(&text) {
        Ok(config) => config,
        // Docker takes an empty file for an absent one.
        Err(_) if text.trim_ascii().is_empty() => return Ok(None),
        Err(source) => return Err(CredentialsError::Malformed { path, source }),
    };
    let Config { auths, creds_store, cred_helpers } = config;
    let key = if matches!(registry, host::HUB | "index.docker.io") { HUB } else { registry };
    let helper = cred_helpers.get(key).or(cred_helpers.get(registry)).or(creds_store.as_ref());
    if let Some(helper) = helper.filter(|helper| !helper.is_empty()) {
        let program = format!("docker-credential-{helper}");
        if let Some(login) = ask(surroundings, program, key, path.clone(), tell).await? {
            return Ok(Some(login));
        }
    }
    let urls = [key.to_owned(), format!("https://{registry}"), format!("http://{registry}")];
    let Some(StoredLogin { auth, username, password }) = urls.iter().find_map(|url| auths.get(url)) else {
        return Ok(None);
    };
    if !auth.is_empty() {
        let pair = BASE64_STANDARD.decode(auth.trim()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        return match pair.as_deref().and_then(|pair| pair.split_once(':')) {
            Some((user, secret)) => {
                let (user, server) = (user.to_owned(), key.to_owned());
                Ok(Some(RegistryLogin { user, server, secret: secret.to_owned() }))
            }
            None => Err(CredentialsError::NotBase64 { path, registry: registry.to_owned() }),
        };
    }
    // An empty entry means that a helper has the credentials.
    let login = RegistryLogin { user: username.clone(), server: key.to_owned(), secret: password.clone() };
    Ok(Some(login).filter(|login| !login.user.is_empty()))
}

async fn ask(
    surroundings: &Surroundings,
    program: String,
    registry: &str,
    path: PathBuf,
    tell: impl Fn(PushStep<'_>),
) -> Result<Option<RegistryLogin>, CredentialsError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer {
        username: String,
        secret: String,
    }
    let run = Command::new(&program, surroundings).arg("get").stdin(registry).deadline(LIMIT).run();
    tokio::pin!(run);
    let asked = tokio::select! {
        asked = &mut run => asked,
        () = tokio::time::sleep(QUIET) => {
            tell(PushStep::AskingHelper { program: &program });
            run.await
        }
    };
    let output = match asked {
        Ok(output) => output,
        Err(source @ process::Error::Absent { .. }) => {
            return Err(CredentialsError::HelperAbsent { program, path, source });
        }
        Err(process::Error::Slow { .. }) => return Err(CredentialsError::HelperSlow { program }),
        Err(process::Error::Failed { said, .. }) if said.trim() == NONE => return Ok(None),
        Err(source) => return Err(CredentialsError::HelperFailed { program, source }),
    };
    match serde_json::from_str(&output.stdout) {
        Ok(Answer { username, secret }) => {
            Ok(Some(RegistryLogin { user: username, server: registry.to_owned(), secret }))
        }
        Err(source) => Err(CredentialsError::HelperMalformed { program, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::fake::Fake;

    const REGISTRY: &str = "localhost:5001";

    async fn found(config: &str, helper: &str) -> Result<Option<RegistryLogin>, CredentialsError> {
        let fake = Fake::new("docker-credential-kept", helper).await;
        let folder = fake.folder();
        std::fs::write(folder.join("config.json"), config).unwrap();
        let surroundings = fake.surroundings([("DOCKER_CONFIG", folder.to_str().unwrap())]);
        credentials(&surroundings, REGISTRY, |_| {}).await
    }

    async fn failure(config: &str, helper: &str) -> CredentialsError {
        found(config, helper).await.unwrap_err()
    }

    #[tokio::test]
    async fn stored_password_and_helper_are_found() {
        let stored = format!(r#"{{"auths":{{"{REGISTRY}":{{"auth":"YWRhOmE6Yg=="}}}}}}"#);
        let login = found(&stored, "").await.unwrap().unwrap();
        assert_eq!((login.user.as_str(), login.secret.as_str()), ("ada", "a:b"));
        assert_eq!(format!("{login:?}"), r#"RegistryLogin { user: "ada", .. }"#);
        let helper =
            r#"[ "$(cat)" = localhost:5001 ] && echo '{"ServerURL":"x","Username":"bob","Secret":"s"}'"#;
        for config in
            [r#"{"credsStore":"kept"}"#.to_owned(), format!(r#"{{"credHelpers":{{"{REGISTRY}":"kept"}}}}"#)]
        {
            assert_eq!(found(&config, helper).await.unwrap().unwrap().user, "bob");
        }
    }

    #[tokio::test]
    async fn engine_gets_the_login_for_the_registry_of_an_image() {
        let helper =
            r#"[ "$(cat)" = https://index.docker.io/v1/ ] && echo '{"Username":"<token>","Secret":"t"}'"#;
        let fake = Fake::new("docker-credential-kept", helper).await;
        let folder = fake.folder();
        let config = r#"{"credHelpers":{"https://index.docker.io/v1/":"kept"},
            "auths":{"registry.example:5000":{"auth":"YWRhOmE6Yg=="}}}"#;
        std::fs::write(folder.join("config.json"), config).unwrap();
        let surroundings = fake.surroundings([("DOCKER_CONFIG", folder.to_str().unwrap())]);
        let of = async |image: &str| {
            let login = credentials_of_image(&surroundings, image, |_| {}).await.unwrap();
            login.map(RegistryLogin::into_credentials)
        };
        let stored = of("registry.example:5000/team/a:1").await.unwrap();
        assert_eq!((stored.username.as_deref(), stored.password.as_deref()), (Some("ada"), Some("a:b")));
        assert_eq!(stored.serveraddress.as_deref(), Some("registry.example:5000"));
        for image in ["registry:3", "library/registry:3", "docker.io/library/registry:3"] {
            let token = of(image).await.unwrap();
            assert_eq!((token.username, token.identitytoken.as_deref()), (None, Some("t")), "{image}");
            assert_eq!(token.serveraddress.as_deref(), Some(HUB));
        }
        assert_eq!(of("other.example/registry:3").await, None);
    }

    #[tokio::test]
    async fn absent_credentials_are_not_an_error() {
        assert_eq!(found("{}", "").await.unwrap(), None);
        assert_eq!(found("", "").await.unwrap(), None);
        assert_eq!(found(r#"{"auths":{"localhost:5001":{}}}"#, "").await.unwrap(), None);
        let helper = format!("echo '{NONE}'; exit 1");
        assert_eq!(found(r#"{"credsStore":"kept"}"#, &helper).await.unwrap(), None);
        let nowhere = Surroundings::new([("DOCKER_CONFIG", "/nowhere")], None);
        assert_eq!(credentials(&nowhere, REGISTRY, |_| {}).await.unwrap(), None);
    }

    #[tokio::test]
    async fn absent_failing_and_malformed_helpers_are_different_errors() {
        let absent = failure(r#"{"credsStore":"desktop"}"#, "").await;
        let text = absent.to_string();
        assert!(text.starts_with("docker-credential-desktop, named in /"), "{text}");
        assert!(text.ends_with("/config.json, is not installed"), "{text}");
        let failed = failure(r#"{"credsStore":"kept"}"#, "echo 'keyring is locked' >&2; exit 1").await;
        let CredentialsError::HelperFailed { source, .. } = &failed else { panic!("{failed}") };
        assert!(source.to_string().ends_with("exit status 1: keyring is locked"), "{source}");
        let rambling = failure(r#"{"credsStore":"kept"}"#, "echo hunter2").await;
        assert!(matches!(rambling, CredentialsError::HelperMalformed { .. }), "{rambling}");
        assert!(!rambling.to_string().contains("hunter2"), "{rambling}");
    }

    /// The helper never answers, so the clock of this test jumps from one limit to the next.
    #[tokio::test(start_paused = true)]
    async fn slow_helper_is_reported_after_two_seconds_and_ends_after_twenty() {
        let fake = Fake::new("docker-credential-kept", "exec sleep 1000").await;
        let folder = fake.folder();
        std::fs::write(folder.join("config.json"), r#"{"credsStore":"kept"}"#).unwrap();
        let surroundings = fake.surroundings([("DOCKER_CONFIG", folder.to_str().unwrap())]);
        let (start, told) = (tokio::time::Instant::now(), std::sync::Mutex::new(Vec::new()));
        let tell = |step: PushStep<'_>| {
            told.lock().unwrap().push((start.elapsed().as_secs(), format!("{step:?}")));
        };
        let slow = credentials(&surroundings, REGISTRY, tell).await.unwrap_err();
        assert_eq!(slow.to_string(), "docker-credential-kept gave no answer within 20 s");
        assert!(slow.hint().unwrap().contains("`echo REGISTRY | docker-credential-kept get`"));
        assert_eq!(start.elapsed().as_secs(), 20);
        let asking = r#"AskingHelper { program: "docker-credential-kept" }"#.to_owned();
        assert_eq!(told.into_inner().unwrap(), [(2, asking)]);
    }

    #[tokio::test]
    async fn broken_configuration_is_an_error_with_its_place() {
        let broken = failure("{\n  \"auths\": [\n", "").await;
        assert!(broken.to_string().contains("line 2 column"), "{broken}");
        let broken = failure(r#"{"auths":{"localhost:5001":{"auth":"***"}}}"#, "").await;
        assert!(matches!(broken, CredentialsError::NotBase64 { .. }), "{broken}");
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("config.json")).unwrap();
        let surroundings = Surroundings::new([("DOCKER_CONFIG", folder.path())], None);
        let unreadable = credentials(&surroundings, REGISTRY, |_| {}).await.unwrap_err();
        assert!(matches!(unreadable, CredentialsError::Unreadable { .. }), "{unreadable}");
    }
}
