//! `devctl completions`: for the shell of somebody's own machine.

use clap::{Args, Command};
use clap_complete::Shell;

use super::Session;
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
    /// Prints the completions of `program`.
    pub(super) fn run(self, session: &Session, program: &mut Command) -> Ended {
        session.terminal.say(&script(self.shell, program));
        if matches!(session.place, Place::Bastion(_)) {
            session
                .terminal
                .remark("these are for devctl on your own machine; the prompt here completes by itself");
        }
        Ended::Well
    }
}

fn script(shell: Shell, program: &mut Command) -> String {
    let mut text = Vec::new();
    clap_complete::generate(shell, program, "devctl", &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, ValueEnum};

    use super::*;
    use crate::cli::Program;

    fn script(shell: Shell) -> String {
        super::script(shell, &mut Program::command())
    }

    #[test]
    fn every_shell_is_told_of_every_verb() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for verb in Program::command().get_subcommands() {
                assert!(script.contains(verb.get_name()), "{shell} has no {}", verb.get_name());
            }
            assert!(script.contains("describe"), "{shell}");
        }
    }

    #[test]
    fn bash_can_read_its_script() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("devctl");
        let understood = |text: &str| {
            std::fs::write(&path, text).unwrap();
            #[expect(clippy::disallowed_methods, reason = "a test asks the shell itself")]
            let checked = std::process::Command::new("bash").arg("-n").arg(&path).output().unwrap();
            checked.status.success()
        };
        assert!(understood(&script(Shell::Bash)));
        assert!(!understood(&format!("{}\nif", script(Shell::Bash))), "bash tells what is no script");
    }
}
