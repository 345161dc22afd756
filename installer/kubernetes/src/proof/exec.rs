//! A command in a pod, as `kubectl exec` runs it.

use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client, api::AttachParams};
use tokio::io::AsyncReadExt;

use super::{NAMESPACE, ProofError};

/// How long the command may take; it does next to nothing.
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs `script` with the pod's shell and compares what it says.
pub(super) async fn run(client: &Client, pod: &str, script: &str, expected: &str) -> Result<(), ProofError> {
    let failed = |why: String| ProofError::Command(why);
    let said = match tokio::time::timeout(PATIENCE, output(client, pod, script)).await {
        Ok(said) => said.map_err(failed)?,
        Err(_) => return Err(failed(format!("it had not ended after {} s", PATIENCE.as_secs()))),
    };
    if said == expected { Ok(()) } else { Err(failed(format!("it said {said:?} instead of {expected:?}"))) }
}

async fn output(client: &Client, pod: &str, script: &str) -> Result<String, String> {
    let api: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    let mut process = api
        .exec(pod, ["sh", "-c", script], &AttachParams::default())
        .await
        .map_err(|error| error.to_string())?;
    let (mut stdout, mut stderr) = (String::new(), String::new());
    let (mut out, mut err) = (process.stdout(), process.stderr());
    let read_out = async {
        if let Some(out) = &mut out {
            out.read_to_string(&mut stdout).await.map_err(|error| error.to_string())?;
        }
        Ok::<_, String>(())
    };
    let read_err = async {
        if let Some(err) = &mut err {
            err.read_to_string(&mut stderr).await.map_err(|error| error.to_string())?;
        }
        Ok::<_, String>(())
    };
    let status = process.take_status();
    tokio::try_join!(read_out, read_err)?;
    let status = match status {
        Some(status) => status.await,
        None => None,
    };
    let well = status.as_ref().is_some_and(|status| status.status.as_deref() == Some("Success"));
    if well {
        return Ok(stdout);
    }
    let said = stderr.trim();
    let why = status.map_or_else(
        || "the connection ended early".to_owned(),
        |status| status.message.unwrap_or_else(|| "it failed without a word".to_owned()),
    );
    Err(if said.is_empty() { why } else { format!("{why}: {said}") })
}
