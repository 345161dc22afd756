//! Runs the credential plugins of a kubeconfig.

use std::{io::IsTerminal, time::Duration};

use devplat_kubernetes::connect::{PluginCall, PluginError, Plugins};
use devplat_tool::{Command, Surroundings, process};
use futures::future::BoxFuture;

use crate::ui::Ui;

/// How long a plugin may take: the user may be signing in with a browser.
const LIMIT: Duration = Duration::from_mins(5);

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
                .deadline(LIMIT);
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
