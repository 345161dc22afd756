//! The platform of `devplat users`, and the failure of a call about users.

use clap::Args;

use super::super::flags::{Context, Name, Output};
use crate::failure::{Exit, Failure};

/// The platform.
#[derive(Debug, Args)]
pub(super) struct Where {
    #[command(flatten)]
    pub(super) name: Name,
    #[command(flatten)]
    pub(super) context: Context,
    #[command(flatten)]
    pub(super) output: Output,
}

/// Converts the error of a call about users. If the API server does not serve the kind, there is no platform.
pub(super) fn call_failure(error: kube::Error, what: &str, asked: &str) -> Failure {
    let error = devplat_kubernetes::call::call_error(what, None, error);
    if error.is_kind_absent() {
        return Failure::new(Exit::Usage, "there is no platform in this cluster")
            .hint(format!("`{asked}` installs one; --context names another cluster"));
    }
    Failure::from(error)
}
