//! Remedies for failed calls, in one place for all callers.

use super::{CallError, Class};
use crate::CommandLines;

/// The remedy for a proxy that does not lead to the API server.
pub(crate) const CHECK_PROXY: &str = "check the proxy, or exclude the API server with NO_PROXY";
/// The remedy for an API server that does not answer.
pub(crate) const CHECK_CLUSTER: &str = "check that the cluster is running and reachable from here";
/// The remedy for a certificate that one end does not trust.
pub(crate) const GET_KUBECONFIG: &str =
    "if the cluster was recreated, get its new kubeconfig from the tool that created it";
/// The remedy for credentials that the API server does not accept.
pub(crate) const LOG_IN: &str = "log in to the cluster again, then run the same command";
/// The remedy for a missing right.
pub(crate) const ASK_FOR_RIGHTS: &str =
    "ask the cluster's administrator for the right cluster-admin, or to run devplat";

impl CallError {
    /// The remedies, without command lines.
    pub fn hints(&self) -> Vec<String> {
        hints(self, None)
    }
}

/// The remedies for a failed call, most useful first. Without `lines`, they contain no command lines.
pub fn hints(error: &CallError, lines: Option<&CommandLines>) -> Vec<String> {
    let CallError { what: _, object, class } = error;
    let hint = match class.as_ref() {
        Class::Unreachable(connection) if connection.proxy.is_some() => CHECK_PROXY,
        Class::Unreachable(_) => CHECK_CLUSTER,
        Class::Untrusted(_) => GET_KUBECONFIG,
        Class::Unauthorized(_) => LOG_IN,
        Class::Forbidden(_) => ASK_FOR_RIGHTS,
        Class::KindNotServed(_) => {
            "no platform is installed in this cluster; check that the context is the right one"
        }
        Class::TooManyRequests(_) | Class::ServerError(_) => {
            "the API server is overloaded or broken; run the same command again later"
        }
        Class::Damaged(damage) => return object.iter().map(|object| damage.hint(object, lines)).collect(),
        Class::Admission(refusal) => return refusal.hints(lines),
        Class::Credentials(error) => return error.hints(),
        Class::NotFound(_) | Class::Conflict(_) | Class::Invalid(_) | Class::Other(_) => return Vec::new(),
    };
    vec![hint.to_owned()]
}
