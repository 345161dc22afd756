//! `devctl completions`: for the shell of somebody's own machine.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Program, Session};
use crate::{failure::Ended, place::Place};

pub(super) const EXAMPLES: &str = "\
Examples:
  devctl completions bash > ~/.local/share/bash-completion/completions/devctl
  devctl completions zsh > ~/.zfunc/_devctl
  devctl completions fish > ~/.config/fish/completions/devctl.fish";

#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(self, session: &Session) -> Ended {
        let mut text = Vec::new();
        clap_complete::generate(self.shell, &mut Program::command(), "devctl", &mut text);
        session.terminal.say(&String::from_utf8_lossy(&text));
        if matches!(session.place, Place::Bastion(_)) {
            session
                .terminal
                .remark("these are for devctl on your own machine; the prompt here completes by itself");
        }
        Ended::Well
    }
}
