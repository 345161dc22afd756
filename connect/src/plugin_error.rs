//! The reasons why a credential plugin fails, with the remedies.

use std::time::Duration;

/// The reason why a credential plugin returned no credential.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PluginError {
    /// Its program is not installed.
    #[error("credential plugin {program} is not installed")]
    Absent {
        program: String,
        /// The kubeconfig's `installHint`.
        install_hint: Option<String>,
    },
    /// It failed.
    #[error("credential plugin {program} failed: {status}{}", quoted(.stderr))]
    Failed {
        program: String,
        /// Such as `exit status 1`.
        status: String,
        /// Its standard error.
        stderr: String,
    },
    /// It asks questions, but there is no terminal.
    #[error("credential plugin {program} needs a terminal (interactiveMode Always); this run has none")]
    NeedsTerminal { program: String },
    /// Its output is not a usable `ExecCredential`.
    #[error("credential plugin {program} printed no usable ExecCredential: {why}")]
    BadOutput {
        program: String,
        /// The reason.
        why: String,
    },
    /// It timed out.
    #[error("credential plugin {program} did not end within {} s", .after.as_secs())]
    Slow {
        program: String,
        /// The limit.
        after: Duration,
    },
}

fn quoted(stderr: &str) -> String {
    let stderr = stderr.trim();
    if stderr.is_empty() { String::new() } else { format!(": {stderr}") }
}

impl PluginError {
    pub(super) fn hints(&self) -> Vec<String> {
        match self {
            Self::Absent { program: _, install_hint: Some(hint) } => {
                hint.lines().map(str::to_owned).filter(|line| !line.trim().is_empty()).collect()
            }
            Self::Absent { program, install_hint: None } => {
                vec![format!("install {program}, or put it on the PATH, then run the same command")]
            }
            Self::NeedsTerminal { .. } => vec!["run the same command in a terminal".to_owned()],
            Self::Failed { program, .. } | Self::BadOutput { program, .. } | Self::Slow { program, .. } => {
                vec![format!("log in with {program} again, then run the same command")]
            }
        }
    }
}
