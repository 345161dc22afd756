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

    /// Returns the flags whose values the variables do not already set, which are those of the command line.
    pub(crate) fn given(&self, variable: impl Fn(&str) -> Option<String>) -> Self {
        let Self { context, namespace, user, host } = self.clone();
        let given = |name: &str, text: &str| variable(name).as_deref() != Some(text);
        let usual: Option<Host> = variable("DEVCTL_HOST").and_then(|host| host.parse().ok());
        Self {
            context: context.filter(|context| given("DEVCTL_CONTEXT", context)),
            namespace: namespace.filter(|namespace| given("DEVCTL_NAMESPACE", namespace)),
            user: user.filter(|user| given("DEVCTL_USER", user.as_str())),
            host: host.filter(|host| usual.as_ref() != Some(host)),
        }
    }

    /// Takes from `others` the flags that are not given here.
    pub(crate) fn or(self, others: &Self) -> Self {
        let Self { context, namespace, user, host } = self;
        let others = others.clone();
        Self {
            context: context.or(others.context),
            namespace: namespace.or(others.namespace),
            user: user.or(others.user),
            host: host.or(others.host),
        }
    }

    /// Returns the flags as words of a command line.
    pub(crate) fn words(&self) -> Vec<String> {
        let Self { context, namespace, user, host } = self.clone();
        let values = [
            ("--context", context),
            ("--namespace", namespace),
            ("--user", user.map(|user| user.as_str().to_owned())),
            ("--host", host.map(|host| host.to_string())),
        ];
        let given = values.into_iter().filter_map(|(flag, value)| Some((flag, value?)));
        given
            .flat_map(|(flag, value)| {
                // A value in a word of its own must not look like another flag.
                if value.starts_with('-') {
                    vec![format!("{flag}={value}")]
                } else {
                    vec![flag.to_owned(), value]
                }
            })
            .collect()
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Program;

    fn global(line: &str) -> Global {
        Program::try_parse_from(line.split(' ')).unwrap().global
    }

    #[test]
    fn flags_that_variables_set_are_not_given() {
        let global = global("devctl --context prod list -n dev-bob --host example.com:22 --user bob");
        let variable = |name: &str| match name {
            "DEVCTL_NAMESPACE" => Some("dev-bob".to_owned()),
            "DEVCTL_USER" => Some("alice".to_owned()),
            "DEVCTL_HOST" => Some("example.com".to_owned()),
            _ => None,
        };
        assert_eq!(global.given(variable).words(), ["--context", "prod", "--user", "bob"]);
    }

    #[test]
    fn flags_of_the_prompt_hold_for_its_lines() {
        let prompt = global("devctl --context prod -n dev-bob");
        assert_eq!(global("devctl list").given(|_| None).or(&prompt), prompt);
        let line = global("devctl list --context=-x").given(|_| None).or(&prompt);
        assert_eq!(line.words(), ["--context=-x", "--namespace", "dev-bob"]);
    }
}
