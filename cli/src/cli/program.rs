//! The command line as a type, and the way from a verb to its file.

use clap::{CommandFactory, Parser, Subcommand};

use super::{
    arguments::Global, completions, create, delete, describe, flavors, homes, info, kubeconfig, list, logs,
    restart, session::Session, ssh, status, test_k8s,
};
use crate::failure::{Ended, Failure};

const EXAMPLES: &str = "\
Examples:
  devctl                               a prompt, on a terminal
  devctl create mydev --wait           make a dev server and wait until it is ready
  devctl ssh mydev                     a shell in it
  devctl list                          your dev servers
  devctl describe mydev                why it is not ready
  devctl delete mydev                  delete it; its home is kept

Without devctl on your own machine, type `ssh NAME@HOST` in its place, and `ssh NAME+SERVER@HOST`
for a shell in a dev server.

Exit status: 0 done; 1 a bug in devctl; 2 usage; 3 not found; 4 not ready, or timed out.
ssh and exec end with the status of the command.";

/// Your dev servers: make them, look at them, get into them.
#[derive(Debug, Parser)]
#[command(
    name = "devctl",
    version,
    after_help = EXAMPLES,
    max_term_width = 100
)]
pub(crate) struct Program {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Everything in one look
    #[command(after_help = status::EXAMPLES)]
    Status(status::Status),
    /// Who and where you are, and the lines of ssh to type
    #[command(after_help = info::EXAMPLES)]
    Info(info::Info),
    /// Whether the API server answers, and what you may do
    #[command(name = "test-k8s", after_help = test_k8s::EXAMPLES)]
    TestK8s(test_k8s::TestK8s),
    /// Sizes that dev servers come in
    #[command(after_help = flavors::EXAMPLES)]
    Flavors(flavors::Flavors),
    /// Make a dev server
    #[command(after_help = create::EXAMPLES)]
    Create(create::Create),
    /// Your dev servers
    #[command(visible_alias = "ls", after_help = list::EXAMPLES)]
    List(list::List),
    /// All about one, with events and the reason why it is not ready
    #[command(after_help = describe::EXAMPLES)]
    Describe(describe::Describe),
    /// Get into a dev server: a shell, or a command for its login shell
    #[command(after_help = ssh::SSH_EXAMPLES)]
    Ssh(ssh::Ssh),
    /// Run a program in a dev server, without a terminal
    #[command(after_help = ssh::EXEC_EXAMPLES)]
    Exec(ssh::Exec),
    /// What the command of a dev server wrote
    #[command(after_help = logs::EXAMPLES)]
    Logs(logs::Logs),
    /// Restart a dev server, which also applies changes that wait for it
    #[command(after_help = restart::EXAMPLES)]
    Restart(restart::Restart),
    /// Delete a dev server
    #[command(after_help = delete::EXAMPLES)]
    Delete(delete::Delete),
    /// Homes, also those of dev servers that are gone
    #[command(after_help = homes::EXAMPLES)]
    Homes(homes::Homes),
    /// Print a kubeconfig with a token of yours that is good for minutes
    #[command(after_help = kubeconfig::EXAMPLES)]
    Kubeconfig(kubeconfig::Kubeconfig),
    /// Print completions for a shell
    #[command(after_help = completions::EXAMPLES)]
    Completions(completions::Completions),
}

impl Verb {
    /// Does it.
    pub(crate) async fn run(self, session: &Session) -> Result<Ended, Failure> {
        match self {
            Self::Status(verb) => verb.run(session).await,
            Self::Info(verb) => verb.run(session).await,
            Self::TestK8s(verb) => verb.run(session).await,
            Self::Flavors(verb) => verb.run(session).await,
            Self::Create(verb) => verb.run(session).await,
            Self::List(verb) => verb.run(session).await,
            Self::Describe(verb) => verb.run(session).await,
            Self::Ssh(verb) => verb.run(session).await,
            Self::Exec(verb) => verb.run(session).await,
            Self::Logs(verb) => verb.run(session).await,
            Self::Restart(verb) => verb.run(session).await,
            Self::Delete(verb) => verb.run(session).await,
            Self::Homes(verb) => verb.run(session).await,
            Self::Kubeconfig(verb) => verb.run(session).await,
            Self::Completions(verb) => Ok(verb.run(session, &mut Program::command())),
        }
    }
}
