//! `devplat completions`.

use clap::{Args, Command};
use clap_complete::Shell;

use crate::{failure::Failure, host::Host};

const EXAMPLES: &str = "\
Examples:
  source <(devplat completions bash)
  devplat completions fish > ~/.config/fish/completions/devplat.fish";

/// Print completions for a shell.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Completions {
    /// Shell
    shell: Shell,
}

#[expect(clippy::unnecessary_wraps, reason = "like every other verb")]
pub(super) fn run(completions: &Completions, command: &mut Command, host: &Host) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(completions.shell, command, "devplat", &mut text);
    host.ui.say(&String::from_utf8_lossy(&text));
    Ok(())
}
