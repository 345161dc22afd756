//! The command line: arguments to settings to a verb, one verb a file.

mod arguments;
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
mod program;
mod restart;
mod session;
mod ssh;
mod status;
mod test_k8s;
mod usage;
mod wait;

pub(crate) use program::Program;
pub(crate) use session::Session;
pub(crate) use usage::failure as usage_failure;

use std::{ffi::OsString, process::ExitCode};

use clap::{CommandFactory, Parser};

use crate::{
    failure::{Ended, Exit, Failure},
    invocation::Invocation,
    prompt,
    terminal::Terminal,
};

/// Runs the program and gives its exit status.
pub fn main() -> ExitCode {
    let variable = |name: &str| std::env::var(name).ok();
    let terminal = Terminal::find(variable);
    let mut invocation = Invocation::find(variable);
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let ended = match Program::try_parse_from(&arguments) {
        Ok(program) => {
            invocation = invocation.with_flags(&program.global.given(variable).words());
            run(program, invocation.clone(), terminal)
        }
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
