//! The command line: arguments to settings to a verb, one verb a file.

mod completions;
mod create;
mod delete;
mod describe;
mod flavors;
mod homes;
mod info;
mod kubeconfig;
mod list;
mod logs;
mod restart;
mod session;
mod ssh;
mod status;
mod test_k8s;
mod usage;
mod wait;

pub(crate) use session::Session;
pub(crate) use usage::failure as usage_failure;

use std::{ffi::OsString, process::ExitCode};

use clap::{Args, CommandFactory, Parser, Subcommand};
use devplat_api::name::{InvalidServerName, ServerName};

use crate::{
    failure::{Ended, Exit, Failure},
    invocation::Invocation,
    prompt,
    settings::{Host, Settings, UserName},
    terminal::Terminal,
    view::Format,
};

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
    fn settings(&self) -> Settings {
        let Self { context, namespace, user, host } = self.clone();
        Settings { context, namespace, user, host }
    }
}

/// How a verb shows what it found.
#[derive(Debug, Clone, Copy, Args)]
struct Output {
    /// In which form
    #[arg(
        long,
        short,
        value_enum,
        default_value_t,
        hide_possible_values = true,
        value_name = "table|wide|json|yaml|name"
    )]
    output: Format,
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

/// Runs the program and gives its exit status.
pub fn main() -> ExitCode {
    let variable = |name: &str| std::env::var(name).ok();
    let terminal = Terminal::find(variable);
    let invocation = Invocation::find(variable);
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let ended = match Program::try_parse_from(&arguments) {
        Ok(program) => run(program, invocation.clone(), terminal),
        // A help or the version, which are not mistakes.
        Err(error) if !error.use_stderr() => {
            // A closed pipe is not a failure of devctl.
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => Err(usage_failure(&error, &arguments, &Program::command())),
    };
    match ended {
        Ok(ended) => ended.into(),
        Err(failure) => {
            terminal.tell(&failure, &invocation);
            failure.exit.status().into()
        }
    }
}

fn run(program: Program, invocation: Invocation, terminal: Terminal) -> Result<Ended, Failure> {
    let Program { global, verb } = program;
    if verb.is_none() && !terminal.is_interactive() {
        terminal.remark(&Program::command().render_help().to_string());
        return Err(Failure::new(Exit::Usage, "no verb is given, and the prompt needs a terminal"));
    }
    let session = Session::new(global, invocation, terminal)?;
    // One thread: it waits for one answer. What runs in the prompt's thread is not a task.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::of(Exit::Internal, &error))?;
    let ended = runtime.block_on(async {
        match verb {
            Some(verb) => verb.run(&session).await,
            None => prompt::run(session).await,
        }
    });
    // What blocks (a handover that was cut short) is not waited for.
    runtime.shutdown_background();
    ended
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
            Self::Completions(verb) => Ok(verb.run(session)),
        }
    }
}

/// Checked before anybody is asked: a name is part of an address at the API server.
fn server_name(text: &str) -> Result<ServerName, InvalidServerName> {
    ServerName::parse(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_line_makes_sense() {
        Program::command().debug_assert();
    }

    #[test]
    fn help_of_every_verb_is_as_reviewed() {
        let help = |line: &str| {
            let line = format!("devctl{line} --help");
            // The width of whoever runs the test is not asked for.
            let program = Program::command().term_width(100);
            let help = program.try_get_matches_from(line.split(' ')).unwrap_err();
            assert!(!help.use_stderr(), "{help}");
            format!("$ {line}\n{help}\n\n")
        };
        let mut text = help("");
        for verb in Program::command().get_subcommands() {
            text += &help(&[" ", verb.get_name()].concat());
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn every_verb_has_examples() {
        for verb in Program::command().get_subcommands() {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(help.starts_with("Examples:\n"), "{}", verb.get_name());
        }
    }
}
