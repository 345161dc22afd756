//! The command line: arguments to settings to a verb, one verb a file.

mod destroy;
mod detect;
mod doctor;
mod log;
mod plan;
mod port_forward;
mod profiles;
mod render;
mod settings;
mod status;
mod up;
mod usage;
mod users;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use devplat_profile::PlatformName;
use tracing_subscriber::util::SubscriberInitExt;

use crate::{
    failure::{Exit, Failure, caught, status},
    ui::{Format, Ui},
};

const EXAMPLES: &str = "\
Examples:
  devplat up --profile kind            a platform on this machine
  devplat plan --profile kind          what `up` would do, and why
  devplat status --output json         what is there and what to type next
  devplat destroy --yes                take it all away

Exit status: 0 done; 1 a mistake of devplat's own; 2 usage or configuration; 3 the machine lacks
something; 4 stopped part-way, the same command goes on; 5 destroyed, but something is left.";

/// Turn a machine or a cluster into a place where developers get machines, and take it all away again.
#[derive(Debug, Parser)]
#[command(name = "devplat", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Program {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Clone, Args)]
struct Global {
    /// Profile: the name of a shipped one (see `devplat profiles list`) or a file
    #[arg(long, global = true, env = "DEVPLAT_PROFILE", value_name = "NAME|FILE")]
    profile: Option<String>,
    /// Name of the platform
    #[arg(long, global = true, env = "DEVPLAT_NAME", default_value_t = PlatformName::default())]
    name: PlatformName,
    /// Set one value of the profile, such as operator.replicas=1
    #[arg(long, global = true, value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Context of a cluster that exists already
    #[arg(long, global = true, env = "DEVPLAT_CONTEXT", value_name = "NAME")]
    context: Option<String>,
    /// Folder with templates that take the place of devplat's own
    #[arg(long, global = true, env = "DEVPLAT_TEMPLATES", value_name = "DIR")]
    templates: Option<PathBuf>,
    /// Ask nothing
    #[arg(long, short, global = true, env = "DEVPLAT_YES", value_parser = clap::builder::FalseyValueParser::new())]
    yes: bool,
    /// For people or for machines
    #[arg(long, short, global = true, env = "DEVPLAT_OUTPUT", value_enum, default_value_t)]
    output: Format,
    /// Say more: -v commands that are run, -vv everything
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make the platform, or bring it to what the profile says
    Up,
    /// Say what `up` would do, and why
    Plan,
    /// Say what is there, what is ready, and what to type next
    Status,
    /// Take the platform away with all that is in it
    Destroy(destroy::Destroy),
    /// Print the manifests, or write them to a folder
    Render(render::Render),
    /// List, show and describe profiles
    #[command(subcommand)]
    Profiles(profiles::Profiles),
    /// Let developers in, show who may come in, and keep them out
    #[command(subcommand)]
    Users(users::Users),
    /// Lead a port of this machine to the bastion, where there is no other way to it
    PortForward(port_forward::PortForward),
    /// Say what this machine has and lacks
    Doctor,
    /// Print completions for a shell
    Completions {
        /// Which shell
        shell: Shell,
    },
}

/// Runs the program and gives its exit status.
pub fn main() -> ExitCode {
    let Program { global, verb } = match Program::try_parse() {
        Ok(program) => program,
        Err(error) => return usage::tell(&error),
    };
    log::to(log::filter(global.verbose), std::io::stderr).init();
    let ui = Ui::new(global.output);
    let outcome = caught(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| Failure::of(Exit::Internal, &error))?;
        runtime.block_on(run(&global, verb, &ui))
    });
    told(&ui, &outcome)
}

async fn run(global: &Global, verb: Verb, ui: &Ui) -> Result<(), Failure> {
    match verb {
        Verb::Up => up::run(global, ui).await,
        Verb::Plan => plan::run(global, ui).await,
        Verb::Status => status::run(global, ui).await,
        Verb::Destroy(destroy) => destroy::run(global, &destroy, ui).await,
        Verb::Render(render) => render::run(global, &render, ui),
        Verb::Profiles(profiles) => profiles::run(global, &profiles, ui),
        Verb::Users(users) => users::run(global, &users, ui).await,
        Verb::PortForward(forward) => port_forward::run(global, &forward, ui).await,
        Verb::Doctor => doctor::run(ui).await,
        Verb::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Program::command(), "devplat", &mut text);
            ui.say(&String::from_utf8_lossy(&text));
            Ok(())
        }
    }
}

/// Tells how it ended where it failed, and gives the exit status.
fn told(ui: &Ui, outcome: &Result<(), Failure>) -> ExitCode {
    if let Err(failure) = outcome {
        let Failure { exit, message, causes, hints } = failure;
        ui.error(message, causes, hints, exit.status());
    }
    status(outcome).into()
}
