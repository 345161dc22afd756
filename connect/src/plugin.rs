//! Credential plugins (`exec` in a kubeconfig): their input and their output. The caller starts the program, because
//! only the caller knows the terminal and can stop a process.

use std::sync::Arc;

use futures::future::BoxFuture;
use k8s_openapi::jiff::Timestamp;
use kube::config::{Cluster, ExecConfig, ExecInteractiveMode};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use super::{
    PluginError,
    credential::{ClientCertificate, CredentialError, Token, TokenSource},
};

/// The default version of `ExecCredential`, for a kubeconfig that names none.
const DEFAULT_VERSION: &str = "client.authentication.k8s.io/v1beta1";
/// The versions that a plugin may print.
const VERSIONS: [&str; 2] = ["client.authentication.k8s.io/v1", DEFAULT_VERSION];

/// A call of a credential plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginCall {
    /// The context of the kubeconfig whose user logs in.
    pub context: String,
    /// The program: a name to look up in `PATH`, or a path.
    pub command: String,
    pub arguments: Vec<String>,
    /// Variables to add to its environment, `KUBERNETES_EXEC_INFO` among them.
    pub environment: Vec<(String, String)>,
    /// The version of `ExecCredential` that it must print.
    pub api_version: String,
    /// Whether its standard input is the terminal.
    pub interactive: bool,
}

/// Runs credential plugins.
pub trait Plugins: Send + Sync {
    /// Whether there is a terminal that a plugin may use.
    fn terminal(&self) -> bool;

    /// Runs a plugin to its end and returns its standard output.
    fn run<'a>(&'a self, call: &'a PluginCall) -> BoxFuture<'a, Result<String, PluginError>>;
}

/// Runs no plugins, for kubeconfigs that have none, such as those that kind writes.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoPlugins;

impl Plugins for NoPlugins {
    fn terminal(&self) -> bool {
        false
    }

    fn run<'a>(&'a self, call: &'a PluginCall) -> BoxFuture<'a, Result<String, PluginError>> {
        let error = PluginError::Absent { program: call.command.clone(), install_hint: None };
        Box::pin(async move { Err(error) })
    }
}

/// The plugin of a user of the kubeconfig.
pub(super) struct PluginSource {
    pub(super) context: String,
    pub(super) exec: ExecConfig,
    /// The cluster, for plugins with `provideClusterInfo`.
    pub(super) cluster: Cluster,
    pub(super) plugins: Arc<dyn Plugins>,
}

impl TokenSource for PluginSource {
    fn token(&self, _fresh: bool) -> BoxFuture<'_, Result<Token, CredentialError>> {
        Box::pin(async move {
            let call = call(&self.context, &self.exec, &self.cluster, self.plugins.terminal())?;
            let stdout = self.plugins.run(&call).await.map_err(|error| self.with_hint(error))?;
            Ok(parse(&call, &stdout)?)
        })
    }
}

impl PluginSource {
    fn with_hint(&self, error: PluginError) -> PluginError {
        match error {
            PluginError::Absent { program, install_hint: None } => {
                PluginError::Absent { program, install_hint: self.exec.install_hint.clone() }
            }
            error => error,
        }
    }
}

/// Returns the call that the kubeconfig's entry specifies.
fn call(
    context: &str,
    exec: &ExecConfig,
    cluster: &Cluster,
    terminal: bool,
) -> Result<PluginCall, PluginError> {
    let command = exec.command.clone().unwrap_or_default();
    let interactive = match exec.interactive_mode {
        Some(ExecInteractiveMode::Never) => false,
        Some(ExecInteractiveMode::Always) if !terminal => {
            return Err(PluginError::NeedsTerminal { program: command });
        }
        Some(ExecInteractiveMode::Always) => true,
        Some(ExecInteractiveMode::IfAvailable) | None => terminal,
    };
    let api_version = exec.api_version.clone().unwrap_or_else(|| DEFAULT_VERSION.to_owned());
    let mut info = json!({
        "apiVersion": api_version, "kind": "ExecCredential", "spec": {"interactive": interactive},
    });
    if exec.provide_cluster_info {
        info["spec"]["cluster"] = cluster_info(cluster);
    }
    let mut environment: Vec<(String, String)> = exec
        .env
        .iter()
        .flatten()
        .filter_map(|entry| Some((entry.get("name")?.clone(), entry.get("value")?.clone())))
        .collect();
    environment.push(("KUBERNETES_EXEC_INFO".to_owned(), info.to_string()));
    Ok(PluginCall {
        context: context.to_owned(),
        command,
        arguments: exec.args.clone().unwrap_or_default(),
        environment,
        api_version,
        interactive,
    })
}

/// Returns the cluster in the form of `ExecCredential.spec.cluster`, with its authority as data, never as a file.
fn cluster_info(cluster: &Cluster) -> serde_json::Value {
    let mut info = json!({
        "server": cluster.server,
        "tls-server-name": cluster.tls_server_name,
        "insecure-skip-tls-verify": cluster.insecure_skip_tls_verify,
        "certificate-authority-data": crate::certificate::authority_data(cluster),
        "proxy-url": cluster.proxy_url,
        "config": exec_extension(cluster),
    });
    if let Some(info) = info.as_object_mut() {
        info.retain(|_, value| !value.is_null());
    }
    info
}

/// Returns the extension with a plugin's own settings for a cluster.
fn exec_extension(cluster: &Cluster) -> Option<&serde_json::Value> {
    let extensions = cluster.extensions.as_deref().unwrap_or_default();
    let own = extensions.iter().find(|one| one.name == "client.authentication.k8s.io/exec")?;
    Some(&own.extension)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential {
    api_version: Option<String>,
    kind: Option<String>,
    status: Option<ExecStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecStatus {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<String>,
}

/// Reads the credential in a plugin's output.
fn parse(call: &PluginCall, stdout: &str) -> Result<Token, PluginError> {
    let bad = |why: String| PluginError::BadOutput { program: call.command.clone(), why };
    // The parser's message could quote the token, so report only the place.
    let credential: ExecCredential = serde_json::from_str(stdout).map_err(|error| {
        bad(format!(
            "not valid JSON of an ExecCredential at line {}, column {}",
            error.line(),
            error.column()
        ))
    })?;
    let ExecCredential { api_version, kind, status } = credential;
    if kind.as_deref() != Some("ExecCredential") {
        return Err(bad("its kind is not ExecCredential".to_owned()));
    }
    let version = api_version.unwrap_or_default();
    if version != call.api_version || !VERSIONS.contains(&version.as_str()) {
        return Err(bad(format!(
            "its apiVersion is {version:?}; the kubeconfig asks for {}",
            call.api_version
        )));
    }
    let status = status.ok_or_else(|| bad("it has no status".to_owned()))?;
    let ExecStatus { token, client_certificate_data, client_key_data, expiration_timestamp } = status;
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let certificate = match (filled(client_certificate_data), filled(client_key_data)) {
        (Some(certificate), Some(key)) => {
            Some(ClientCertificate { certificate, key: SecretString::from(key) })
        }
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => {
            return Err(bad("it has only one of clientCertificateData and clientKeyData".to_owned()));
        }
    };
    let bearer = filled(token).map(SecretString::from);
    if bearer.is_none() && certificate.is_none() {
        return Err(bad("it has neither a token nor a client certificate".to_owned()));
    }
    let expires = match filled(expiration_timestamp) {
        None => None,
        Some(text) => Some(
            text.parse::<Timestamp>()
                .map_err(|_| bad(format!("its expirationTimestamp {text:?} is not a time of RFC 3339")))?,
        ),
    };
    Ok(Token { bearer, certificate, expires })
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn exec(extra: &str) -> ExecConfig {
        serde_saphyr::from_str(&format!(
            "{{apiVersion: client.authentication.k8s.io/v1, command: plug{extra}}}"
        ))
        .unwrap()
    }

    fn asked() -> PluginCall {
        call("test", &exec(""), &Cluster::default(), false).unwrap()
    }

    #[test]
    fn token_with_expiry_is_read() {
        let output = r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",
            "status":{"token":"t","expirationTimestamp":"2030-01-02T03:04:05Z"}}"#;
        let token = parse(&asked(), output).unwrap();
        assert_eq!(token.bearer.as_ref().unwrap().expose_secret(), "t");
        assert_eq!(token.expires.unwrap().to_string(), "2030-01-02T03:04:05Z");
        assert!(!format!("{token:?}").contains("\"t\""), "{token:?}");
    }

    #[test]
    fn client_certificate_is_read() {
        let output = r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",
            "status":{"clientCertificateData":"c","clientKeyData":"k"}}"#;
        assert_eq!(parse(&asked(), output).unwrap().certificate.unwrap().certificate, "c");
    }

    #[test]
    fn output_that_cannot_be_used_is_reported_without_its_content() {
        let v1 = "client.authentication.k8s.io/v1";
        for (output, words) in [
            ("sesame".to_owned(), "not valid JSON of an ExecCredential at line 1, column 1"),
            ("{}".to_owned(), "its kind is not ExecCredential"),
            (
                format!(
                    r#"{{"apiVersion":"{DEFAULT_VERSION}","kind":"ExecCredential","status":{{"token":"sesame"}}}}"#
                ),
                "the kubeconfig asks for client.authentication.k8s.io/v1",
            ),
            (format!(r#"{{"apiVersion":"{v1}","kind":"ExecCredential"}}"#), "it has no status"),
            (
                format!(r#"{{"apiVersion":"{v1}","kind":"ExecCredential","status":{{}}}}"#),
                "neither a token nor a client certificate",
            ),
            (
                format!(
                    r#"{{"apiVersion":"{v1}","kind":"ExecCredential","status":{{"clientKeyData":"sesame"}}}}"#
                ),
                "only one of clientCertificateData and clientKeyData",
            ),
        ] {
            let text = parse(&asked(), &output).unwrap_err().to_string();
            assert!(text.contains(words), "{text}");
            assert!(!text.contains("sesame"), "{text}");
        }
    }

    #[test]
    fn plugin_gets_the_terminal_by_interactive_mode() {
        for (mode, terminal, interactive) in [
            (", interactiveMode: Never", true, Some(false)),
            (", interactiveMode: IfAvailable", true, Some(true)),
            (", interactiveMode: IfAvailable", false, Some(false)),
            (", interactiveMode: Always", true, Some(true)),
            (", interactiveMode: Always", false, None),
        ] {
            let outcome = call("test", &exec(mode), &Cluster::default(), terminal);
            assert_eq!(outcome.as_ref().ok().map(|call| call.interactive), interactive, "{mode} {terminal}");
            if interactive.is_none() {
                assert!(matches!(outcome, Err(PluginError::NeedsTerminal { .. })));
            }
        }
    }

    #[test]
    fn plugin_gets_the_cluster_with_provide_cluster_info() {
        let cluster: Cluster = serde_saphyr::from_str(
            "{server: 'https://a', certificate-authority-data: Y2E=, extensions: \
             [{name: client.authentication.k8s.io/exec, extension: {audience: b}}]}",
        )
        .unwrap();
        let info = |extra: &str| -> serde_json::Value {
            let call = call("test", &exec(extra), &cluster, false).unwrap();
            let (_, info) = call.environment.iter().find(|(name, _)| name == "KUBERNETES_EXEC_INFO").unwrap();
            serde_json::from_str(info).unwrap()
        };
        assert_eq!(info("")["spec"], json!({"interactive": false}));
        assert_eq!(
            info(", provideClusterInfo: true")["spec"]["cluster"],
            json!({"server": "https://a", "certificate-authority-data": "Y2E=", "config": {"audience": "b"}})
        );
    }
}
