//! Arguments of several verbs.

use clap::Args;
use devplat_api::name::{InvalidServerName, ServerName};

use crate::{
    settings::{Host, Settings, UserName},
    view::Format,
};

/// What every verb takes.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
#[command(next_help_heading = "Where")]
pub(crate) struct Global {
    /// Context of the kubeconfig, on your own machine
    #[arg(long, global = true, env = "DEVCTL_CONTEXT", hide_env_values = true, value_name = "NAME")]
    context: Option<String>,
    /// Namespace, if it is not your own
    #[arg(long, short, global = true, env = "DEVCTL_NAMESPACE", hide_env_values = true, value_name = "NAME")]
    namespace: Option<String>,
    /// Your name on the platform
    #[arg(long, global = true, env = "DEVCTL_USER", hide_env_values = true, value_name = "NAME")]
    user: Option<UserName>,
    /// Host of the bastion
    #[arg(long, global = true, env = "DEVCTL_HOST", hide_env_values = true, value_name = "HOST[:PORT]")]
    host: Option<Host>,
}

impl Global {
    pub(super) fn settings(&self) -> Settings {
        let Self { context, namespace, user, host } = self.clone();
        Settings { context, namespace, user, host }
    }
}

/// How a verb shows what it found.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct Output {
    /// In which form
    #[arg(
        long,
        short,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        value_name = "table|wide|json|yaml|name"
    )]
    pub(super) output: Format,
}

/// Checked before anybody is asked: a name is part of an address at the API server.
pub(super) fn server_name(text: &str) -> Result<ServerName, InvalidServerName> {
    ServerName::parse(text)
}
