//! `devplat-agent`: what runs in each dev server's pod. `install` puts the program into a volume of the pod,
//! `init` is PID 1 of the dev server. It holds no credentials and never talks to the cluster.

mod init;
mod install;

use std::{ffi::OsString, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};

/// The agent in a dev server's pod.
#[derive(Parser)]
#[command(name = "devplat-agent", version)]
struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Copy this program to DEST, whole or not at all.
    Install {
        /// Where to put it, file name included.
        dest: PathBuf,
    },
    /// Be PID 1: start COMMAND, reap, forward signals, stay alive until SIGTERM.
    Init {
        /// How many seconds COMMAND and all else get between SIGTERM and SIGKILL.
        #[arg(long, default_value_t = 25)]
        grace: u64,
        /// What to run; without it, the dev server just stays alive.
        #[arg(last = true)]
        command: Vec<OsString>,
    },
}

fn main() -> ExitCode {
    let outcome = match Args::parse().verb {
        Verb::Install { dest } => install::install(&dest).map_err(anyhow::Error::from),
        Verb::Init { grace, command } => {
            init::run(&command, Duration::from_secs(grace)).map_err(anyhow::Error::from)
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            init::say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
