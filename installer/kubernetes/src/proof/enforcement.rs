//! Whether the cluster enforces `NetworkPolicies`. A cluster whose network does not support them accepts them without a
//! word, so a connection that one forbids is tried: from the bastion to the status port of the proof's dev server, which
//! only the operator may reach.

use std::{fmt, time::Duration};

use devplat_api::{Slug, name};
use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{AttachParams, ListParams},
};

use super::NAME;
use crate::{
    Pace,
    bastion::{pods, ready},
    pace::{Stopped, stoppable},
};

/// How long the connection may take. `devplat-bastion try-connect` itself ends after 1 s.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether `NetworkPolicies` have an effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// The forbidden connection failed.
    Enforced,
    /// The forbidden connection succeeded.
    Ignored,
}

impl Enforcement {
    /// The value in the record of a proof.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Enforced => "enforced",
            Self::Ignored => "ignored",
        }
    }

    /// Reads the value in a record.
    pub(super) fn from_record(value: &str) -> Option<Self> {
        [Self::Enforced, Self::Ignored].into_iter().find(|known| known.as_str() == value)
    }

    /// Judges the exit status of `devplat-bastion try-connect`; `None` for a status of something else.
    fn of_status(status: u8) -> Option<Self> {
        match status {
            0 => Some(Self::Ignored),
            name::NOT_CONNECTED => Some(Self::Enforced),
            _ => None,
        }
    }
}

impl fmt::Display for Enforcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Tries the forbidden connection. `None` if it could not be tried, for example because the user may not run commands
/// in pods. A proof succeeds without it.
pub(super) async fn try_policies(client: &Client, pace: &dyn Pace) -> Result<Option<Enforcement>, Stopped> {
    let limited = tokio::time::timeout(PATIENCE, attempt(client));
    let tried = stoppable(pace, limited).await?;
    if !matches!(&tried, Ok(Ok(_))) {
        tracing::debug!(?tried, "the NetworkPolicies were not tried");
    }
    Ok(tried.ok().and_then(Result::ok).flatten())
}

async fn attempt(client: &Client) -> Result<Option<Enforcement>, kube::Error> {
    let servers: Api<Pod> = Api::namespaced(client.clone(), &Slug::of(NAME).namespace());
    let (bastions, bastion) = pods(client);
    let server = ListParams::default().labels(&format!("{}={}", name::APP_LABEL, name::APP));
    let (servers, found) = futures::try_join!(servers.list(&server), bastions.list(&bastion))?;
    let address = servers.items.into_iter().find_map(|pod| pod.status?.pod_ip);
    let bastion = found.items.into_iter().find(ready).and_then(|pod| pod.metadata.name);
    let (Some(address), Some(bastion)) = (address, bastion) else { return Ok(None) };
    let port = name::AGENT_HTTP_PORT.to_string();
    let command = ["/devplat-bastion", "try-connect", &address, &port];
    let params = AttachParams::default().container(name::BASTION).stdout(true).stderr(true);
    let mut process = bastions.exec(&bastion, command, &params).await?;
    let Some(status) = process.take_status() else { return Ok(None) };
    Ok(status.await.and_then(|status| exit_status(&status)).and_then(Enforcement::of_status))
}

/// Returns the exit status of a command in a pod. The API server reports success as such, and another status as a cause.
fn exit_status(status: &k8s_openapi::apimachinery::pkg::apis::meta::v1::Status) -> Option<u8> {
    if status.status.as_deref() == Some("Success") {
        return Some(0);
    }
    let causes = status.details.as_ref()?.causes.as_ref()?;
    let code = causes.iter().find(|cause| cause.reason.as_deref() == Some("ExitCode"))?;
    code.message.as_ref()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn status_of_the_trial_decides() {
        let judged = |answer| {
            let status = serde_json::from_value(answer).expect("a Status");
            exit_status(&status).and_then(Enforcement::of_status)
        };
        let ended = |code: &str| {
            let causes = json!([{"reason": "ExitCode", "message": code}]);
            json!({"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}})
        };
        assert_eq!(judged(json!({"status": "Success"})), Some(Enforcement::Ignored));
        assert_eq!(judged(ended(&name::NOT_CONNECTED.to_string())), Some(Enforcement::Enforced));
        assert_eq!(judged(ended("2")), None, "an older bastion does not know the command");
        assert_eq!(judged(json!({"status": "Failure", "message": "container not found"})), None);
    }

    #[test]
    fn recorded_value_is_read_again() {
        for enforcement in [Enforcement::Enforced, Enforcement::Ignored] {
            assert_eq!(Enforcement::from_record(enforcement.as_str()), Some(enforcement));
        }
        assert_eq!(Enforcement::from_record("perhaps"), None);
    }
}
