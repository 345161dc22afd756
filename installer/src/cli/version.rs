//! `devplat version`.

use clap::Args;

use super::flags::OutputFormat;
use crate::{failure::Failure, host::Host};

/// Print the version.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  devplat version --output json")]
pub(super) struct Version {
    #[command(flatten)]
    pub(super) output: OutputFormat,
}

#[expect(clippy::unnecessary_wraps, reason = "like every other verb")]
pub(super) fn run(_: &Version, host: &Host) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    if host.ui.is_json() {
        host.ui.document(&serde_json::json!({"version": version}));
    } else {
        host.ui.say(&format!("devplat {version}"));
    }
    Ok(())
}
