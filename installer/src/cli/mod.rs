//! The command line: parses the arguments into a verb, one file per verb. Each verb accepts only the flags that it
//! uses.

mod cluster;
mod completions;
mod confirm;
mod destroy;
mod doctor;
#[cfg(test)]
mod example_tests;
mod flags;
mod list;
mod log;
mod man;
mod outcome;
mod plan;
mod port_forward;
mod profiles;
mod render;
mod ssh_config;
mod status;
mod up;
mod usage;
mod users;
mod variables;
mod version;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use devplat_tool::{Surroundings, rlimits};
use tracing_subscriber::util::SubscriberInitExt;

use crate::{
    failure::{Exit, Failure, caught, status},
    host::{self, Host},
    ui::{self, Format, Ui, wants_colours},
};
use flags::{Before, OutputFlags, OutputFormat};

const EXAMPLES: &str = "\
Examples:
  devplat up --profile k3d             create a platform on this machine
  devplat plan --profile kind          show what `up` would do, and why
  devplat status --output json         show the platform's parts and the next command
  devplat destroy --yes                delete the platform

Exit status: 0 done; 1 a bug in devplat; 2 usage or configuration; 3 the machine lacks something, or
Docker, a cluster or a registry cannot be used; 4 stopped part-way or no answer in time, the same
command continues; 5 destroyed, but there are leftovers.";

/// Turn a machine or a cluster into a platform for dev servers, and remove the platform again.
#[derive(Debug, Parser)]
#[command(name = "devplat", version, after_help = EXAMPLES, max_term_width = 100)]
pub struct Program {
    #[command(flatten)]
    before: Before,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Create the platform, or update it to match the profile
    Up(up::Up),
    /// Show what `up` would do, and why
    Plan(plan::PlanArgs),
    /// Show the platform's parts, whether they are ready, and the next command
    Status(status::StatusArgs),
    /// List the platforms that are known here
    List(list::ListPlatforms),
    /// Delete the platform; an existing cluster stays, with homes and images
    Destroy(destroy::Destroy),
    /// Print the manifests, or write them to a folder
    Render(render::Render),
    /// List, show and describe profiles
    Profiles(profiles::Profiles),
    /// Add, list and remove developers
    Users(users::Users),
    /// Forward a port of this machine to the bastion, for clusters that offer no other way
    PortForward(port_forward::PortForward),
    /// Add the platform to ~/.ssh/config, so that plain `ssh` finds it
    SshConfig(ssh_config::SshConfigArgs),
    /// Check this machine, or the AWS account, for the needs of a profile
    Doctor(doctor::Doctor),
    /// Print the version
    Version(version::Version),
    /// Print completions for a shell
    Completions(completions::Completions),
    /// Print the manual page, or write the pages of all verbs to a folder
    Man(man::Man),
}

/// Runs the program with the arguments and the environment of this process.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let surroundings = host::own_surroundings();
    let mut program = match parse(&arguments, &surroundings) {
        Ok(program) => program,
        Err(error) => {
            return usage::report(&error, &arguments, &Program::command(), &surroundings).into();
        }
    };
    let (format, verbose) = program.output();
    let colours = wants_colours(&surroundings);
    log::to(log::filter(verbose), ui::log, colours).init();
    let ui = Ui::new(format, colours);
    let outcome = caught(|| {
        rlimits::prepare()?;
        let host = Host::own(surroundings, ui.clone())?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| {
            Failure::of(Exit::Missing, &error).while_doing("cannot start devplat's threads")
        })?;
        let outcome = runtime.block_on(async {
            let listening = crate::signals::listen(host.stop.clone())?;
            let outcome = program.run(&host).await;
            listening.abort();
            outcome
        });
        // Do not wait for threads that still read or compress a file.
        runtime.shutdown_background();
        outcome
    });
    outcome::delivered(outcome, &ui).into()
}

/// Runs the command line `arguments` (the first is the program's name) on `host`, and returns its exit status. This is
/// the whole program, for tests that pass in the clock, the output and requests to stop.
pub async fn drive(arguments: &[&str], host: &Host) -> u8 {
    let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    let outcome = match parse(&arguments, &host.surroundings) {
        Ok(program) => program.run(host).await,
        Err(error) => Err(usage::failure(&error, &arguments, &Program::command(), &host.surroundings)),
    };
    if let Err(failure) = &outcome {
        host.ui.error(failure);
    }
    status(&outcome)
}

/// Parses the command line. A flag before the verb that the verb does not use is an error, and so is a second profile.
fn parse(arguments: &[OsString], surroundings: &Surroundings) -> Result<Program, clap::Error> {
    let mut command = variables::filled(Program::command(), surroundings);
    let matches = match command.try_get_matches_from_mut(arguments) {
        Ok(matches) => matches,
        // The help of the whole command also names the variables.
        Err(error) if usage::is_help(&error) => {
            return Err(Program::command().try_get_matches_from(arguments).err().unwrap_or(error));
        }
        Err(error) => return Err(error),
    };
    let mut program = Program::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
    let unused = program.settle_flags(&matches);
    match unused {
        None => match profiles::named_twice(&matches) {
            Some(flag) => Err(usage::conflict(&mut command, flag, "NAME|FILE")),
            None => Ok(program),
        },
        Some((flag, verb)) => Err(usage::unused(&mut command, flag, &verb)),
    }
}

impl Program {
    /// Passes the flags before the verb to the verb; returns one that it does not use, with the verb's name.
    fn settle_flags(&mut self, matches: &clap::ArgMatches) -> Option<(&'static str, String)> {
        let verb = matches.subcommand_name().unwrap_or_default().to_owned();
        let Self { before, verb: of } = self;
        let unused = |flag| Some((flag, verb.clone()));
        if let Some(name) = before.given_name(matches) {
            match of.name() {
                Some(of) if !flags::given_after(matches, "name") => of.settle(name),
                Some(_) => {}
                None => return unused("--name"),
            }
        }
        if let Some(output) = before.given_output(matches) {
            match of.output() {
                Some(of) if !flags::given_after(matches, "output") => of.format.settle(output),
                Some(_) => {}
                None => return unused("--output"),
            }
        }
        if before.verbose > 0 {
            match of.output().and_then(|of| of.verbose) {
                Some(verbose) => *verbose += before.verbose,
                None => return unused("--verbose"),
            }
        }
        if let (Verb::Users(users), Some(below)) = (of, matches.subcommand_matches("users")) {
            users.settle_flags(below);
        }
        None
    }

    /// Returns the format of the output and the number of `-v`.
    fn output(&mut self) -> (Format, u8) {
        match self.verb.output() {
            Some(OutputFlags { format, verbose }) => (format.get(), verbose.map_or(0, |verbose| *verbose)),
            None => (Format::default(), 0),
        }
    }

    /// Returns the exit status of the command that a verb ran; 0 for every other verb.
    async fn run(self, host: &Host) -> Result<u8, Failure> {
        let done = match self.verb {
            Verb::Up(up) => Box::pin(up::run(&up, host)).await,
            Verb::Plan(plan) => host.or_stopped(Box::pin(plan::run(&plan, host))).await,
            Verb::Status(status) => host.or_stopped(Box::pin(status::run(&status, host))).await,
            Verb::List(list) => host.or_stopped(Box::pin(list::run(&list, host))).await,
            Verb::Destroy(destroy) => Box::pin(destroy::run(&destroy, host)).await,
            Verb::Render(render) => render::run(&render, host),
            Verb::Profiles(profiles) => profiles::run(&profiles, host),
            Verb::Users(users) => host.or_stopped(Box::pin(users::run(&users, host))).await,
            Verb::PortForward(forward) => return port_forward::run(&forward, host).await,
            Verb::SshConfig(config) => host.or_stopped(Box::pin(ssh_config::run(&config, host))).await,
            Verb::Doctor(doctor) => host.or_stopped(Box::pin(doctor::run(&doctor, host))).await,
            Verb::Version(version) => version::run(&version, host),
            Verb::Completions(completions) => completions::run(&completions, &mut Self::command(), host),
            Verb::Man(man) => man::run(&man, Self::command(), host),
        };
        done.map(|()| 0)
    }
}

/// Finds the shared flags of a verb without a list of verbs for each flag.
macro_rules! shared {
    ($($pattern:pat => $name:expr, $output:expr;)*) => {
        impl Verb {
            fn name(&mut self) -> Option<&mut flags::NameFlag> {
                #[allow(unused_variables, reason = "a verb may have one of the two")]
                match self { $($pattern => $name,)* }
            }
            fn output(&mut self) -> Option<OutputFlags<'_>> {
                #[allow(unused_variables, reason = "a verb may have one of the two")]
                match self { $($pattern => $output,)* }
            }
        }
    };
}

shared! {
    Self::Up(up) => Some(&mut up.platform.name), Some(up.output.flags());
    Self::Plan(plan) => Some(&mut plan.platform.name), Some(plan.output.flags());
    Self::Status(status) => Some(&mut status.platform.name), Some(status.output.flags());
    Self::List(list) => None, Some(list.output.flags());
    Self::Destroy(destroy) => Some(&mut destroy.name), Some(destroy.output.flags());
    Self::Render(render) => Some(&mut render.name), Some(render.output.flags());
    Self::Profiles(profiles) => None, profiles.output().map(OutputFormat::flags);
    Self::Users(users) => Some(users.name()), Some(users.output().flags());
    Self::PortForward(forward) => Some(&mut forward.name), Some(forward.output.flags());
    Self::SshConfig(config) => Some(&mut config.name), Some(config.output.flags());
    Self::Doctor(doctor) => None, Some(doctor.output.flags());
    Self::Version(version) => None, Some(version.output.flags());
    Self::Completions(_) => None, None;
    Self::Man(_) => None, None;
}
