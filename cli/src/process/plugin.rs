//! Runs the credential plugins of a kubeconfig.

use std::{
    io::{self, IsTerminal},
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use devplat_connect::{PluginCall, PluginError, Plugins};
use futures::future::BoxFuture;
use tokio::io::AsyncReadExt;

/// How long a plugin may take: the user may be signing in with a browser.
const LIMIT: Duration = Duration::from_mins(5);
/// The most bytes of output that are read; an `ExecCredential` with certificates has some thousand.
const LARGEST: u64 = 1024 * 1024;

/// Starts credential plugins.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Programs;

impl Plugins for Programs {
    fn terminal(&self) -> bool {
        io::stdin().is_terminal()
    }

    fn run<'a>(&'a self, call: &'a PluginCall) -> BoxFuture<'a, Result<String, PluginError>> {
        Box::pin(within(call, LIMIT))
    }
}

/// Runs a plugin to its end. Dropping the future kills it.
async fn within(call: &PluginCall, limit: Duration) -> Result<String, PluginError> {
    match tokio::time::timeout(limit, output(call)).await {
        Ok(output) => output,
        Err(_) => Err(PluginError::Slow { program: call.command.clone(), after: limit }),
    }
}

async fn output(call: &PluginCall) -> Result<String, PluginError> {
    let PluginCall { context: _, command, arguments, environment, api_version: _, interactive } = call;
    let failed = |status: String| PluginError::Failed {
        program: command.clone(),
        status,
        // It is on the user's terminal already.
        stderr: String::new(),
    };
    let bad = |why: String| PluginError::BadOutput { program: command.clone(), why };
    let mut program = super::command(command);
    program.args(arguments);
    for (name, value) in environment {
        program.env(name, value);
    }
    // The plugin writes to standard error what the user has to do, such as the address to open in a browser.
    program.stdin(if *interactive { Stdio::inherit() } else { Stdio::null() }).stdout(Stdio::piped());
    let mut child = program.kill_on_drop(true).spawn().map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => PluginError::Absent { program: command.clone(), install_hint: None },
        _ => failed(error.to_string()),
    })?;
    let mut bytes = Vec::new();
    let stdout = child.stdout.take().expect("standard output is piped above");
    stdout.take(LARGEST + 1).read_to_end(&mut bytes).await.map_err(|error| failed(error.to_string()))?;
    if bytes.len() as u64 > LARGEST {
        return Err(bad(format!("it is longer than {LARGEST} bytes")));
    }
    let status = child.wait().await.map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        return Err(failed(shown(status)));
    }
    String::from_utf8(bytes).map_err(|_| bad("it is not UTF-8".to_owned()))
}

fn shown(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(script: &str) -> Result<String, PluginError> {
        let call = PluginCall {
            context: "there".to_owned(),
            command: "sh".to_owned(),
            arguments: ["-c", script].map(str::to_owned).to_vec(),
            environment: vec![("GREETING".to_owned(), "hello".to_owned())],
            api_version: "client.authentication.k8s.io/v1".to_owned(),
            interactive: false,
        };
        within(&call, Duration::from_secs(10)).await
    }

    #[tokio::test]
    async fn plugin_gets_its_environment_and_its_output_is_returned() {
        assert_eq!(run("echo $GREETING; cat").await.unwrap(), "hello\n");
    }

    #[tokio::test]
    async fn failed_plugin_is_reported_with_its_exit_status() {
        let error = run("exit 7").await.unwrap_err();
        assert_eq!(error.to_string(), "credential plugin sh failed: exit status 7");
        let error = run("kill -9 $$").await.unwrap_err();
        assert_eq!(error.to_string(), "credential plugin sh failed: signal 9");
    }

    #[tokio::test]
    async fn endless_output_of_a_plugin_is_an_error() {
        let error = run("yes").await.unwrap_err();
        assert!(matches!(error, PluginError::BadOutput { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn slow_or_absent_plugin_is_reported() {
        let call = |command: &str| PluginCall {
            context: "there".to_owned(),
            command: command.to_owned(),
            arguments: vec!["60".to_owned()],
            environment: Vec::new(),
            api_version: String::new(),
            interactive: false,
        };
        let slow = within(&call("sleep"), Duration::from_millis(50)).await.unwrap_err();
        assert!(matches!(slow, PluginError::Slow { .. }), "{slow:?}");
        let absent = within(&call("no-such-plugin"), Duration::from_secs(10)).await.unwrap_err();
        assert!(matches!(absent, PluginError::Absent { .. }), "{absent:?}");
    }
}
