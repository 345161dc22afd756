//! Runs the credential plugins of a kubeconfig.

use std::{io::IsTerminal, time::Duration};

use devplat_kubernetes::connect::{PluginCall, PluginError, Plugins};
use devplat_tool::{Command, Surroundings, process};
use futures::future::BoxFuture;

use crate::ui::Ui;

/// How long a plugin may take that asks the user, who may have to look for a password or a key.
const INTERACTIVE_LIMIT: Duration = Duration::from_mins(5);
/// How long another one may take: a sign-in with a browser that is open already.
const LIMIT: Duration = Duration::from_mins(1);

/// Starts credential plugins.
#[derive(Clone)]
pub struct PluginPrograms {
    /// The variables and folders for the search.
    pub surroundings: Surroundings,
    /// The output, whose bars are hidden while a plugin may ask the user.
    pub ui: Ui,
}

impl Plugins for PluginPrograms {
    fn terminal(&self) -> bool {
        std::io::stdin().is_terminal()
    }

    fn run<'a>(&'a self, call: &'a PluginCall) -> BoxFuture<'a, Result<String, PluginError>> {
        Box::pin(async move {
            let PluginCall { context, command, arguments, environment, api_version: _, interactive } = call;
            let running = Command::new(command, &self.surroundings)
                .args(arguments.iter().cloned())
                .envs(environment.iter().map(|(name, value)| (name.clone(), value.clone())))
                .secret()
                .deadline(limit(*interactive));
            let ended = if *interactive {
                // A login can expire while steps are running.
                let _paused = self.ui.pause();
                running.on_terminal().run().await
            } else {
                // A plugin without a terminal cannot report by itself that it waits, for instance for a browser.
                let what = || format!("the credential plugin of context {context} ({command})");
                self.ui.awaited(what, running.run()).await
            };
            ended.map(|output| output.stdout).map_err(|error| plugin_error(command, error))
        })
    }
}

fn limit(interactive: bool) -> Duration {
    if interactive { INTERACTIVE_LIMIT } else { LIMIT }
}

fn plugin_error(program: &str, error: process::Error) -> PluginError {
    let program = program.to_owned();
    match error {
        process::Error::Absent { .. } => PluginError::Absent { program, install_hint: None },
        process::Error::Failed { ended, said, .. } => {
            PluginError::Failed { program, status: ended.to_string(), stderr: said }
        }
        process::Error::Slow { limit, .. } => PluginError::Slow { program, after: limit },
        error @ (process::Error::Start { .. } | process::Error::TooMuch { .. }) => {
            PluginError::Failed { program, status: error.to_string(), stderr: String::new() }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugin_without_a_terminal_ends_within_a_minute() {
        assert_eq!(limit(false), Duration::from_mins(1));
        assert!(limit(true) > limit(false));
    }
}
