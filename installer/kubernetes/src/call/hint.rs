//! Remedies for failed calls, in one place for all callers.

use super::{CallError, Class};
use crate::{admission::AdmissionRefusal, connect::CredentialError};

impl CallError {
    /// The remedies.
    pub fn hints(&self) -> Vec<String> {
        hints(self)
    }
}

/// The remedies for a failed call, most useful first.
pub fn hints(error: &CallError) -> Vec<String> {
    match error.class.as_ref() {
        Class::Unreachable(connection) if connection.proxy.is_some() => {
            vec!["check the proxy, or exclude the API server with NO_PROXY".to_owned()]
        }
        Class::Unreachable(_) => vec!["check that the cluster is running and reachable from here".to_owned()],
        Class::Untrusted(_) => {
            vec![
                "if the cluster was recreated, get its new kubeconfig from the tool that created it"
                    .to_owned(),
            ]
        }
        Class::Unauthorized(_) => vec!["log in to the cluster again, then run the same command".to_owned()],
        Class::Forbidden(_) => {
            vec!["ask the cluster's administrator for the right cluster-admin, or to run devplat".to_owned()]
        }
        Class::KindNotServed(_) => {
            vec![
                "no platform is installed in this cluster; check that the context is the right one"
                    .to_owned(),
            ]
        }
        Class::Admission(refusal) => AdmissionRefusal::hints(refusal),
        Class::TooManyRequests(_) | Class::ServerError(_) => {
            vec!["the API server is overloaded or broken; run the same command again later".to_owned()]
        }
        Class::Credentials(error) => CredentialError::hints(error),
        Class::NotFound(_) | Class::Conflict(_) | Class::Invalid(_) | Class::Other(_) => Vec::new(),
    }
}
