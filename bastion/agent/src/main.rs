//! `devplat-agent`: what runs in each dev server's pod. `install` puts the program into a volume of the pod,
//! `init` is PID 1 of the dev server and, beside that, its SSH server. It holds no credentials and never talks to the
//! cluster.

mod account;
mod activity;
mod children;
mod front;
mod http;
mod init;
mod install;
mod leader;
mod listener;
mod log;
mod readiness;
mod ssh;
mod terminal;

use std::{ffi::OsString, net::SocketAddr, path::PathBuf, process::ExitCode, time::Duration};

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
        #[command(flatten)]
        front: Front,
        /// What to run; without it, the dev server just stays alive.
        #[arg(last = true)]
        command: Vec<OsString>,
    },
    /// Become leader of a session, then PROGRAM. For the agent's own use.
    #[command(name = leader::LEAD, hide = true)]
    Lead {
        /// Take standard input as the session's terminal.
        #[arg(long)]
        tty: bool,
        /// What the program is to be called.
        #[arg(long, allow_hyphen_values = true)]
        called: OsString,
        /// The program and its arguments.
        #[arg(last = true, required = true)]
        program: Vec<OsString>,
    },
    /// Say the addresses of HOST. For the agent's own use.
    #[command(name = leader::RESOLVE, hide = true)]
    Resolve {
        /// A name.
        host: String,
    },
}

/// How others reach the dev server.
#[derive(clap::Args)]
struct Front {
    /// Folder with `host_key`, `host_key-cert.pub` and `session_authority.pub`; without it there is no SSH.
    #[arg(long, requires = "principal")]
    ssh_dir: Option<PathBuf>,
    /// The owner's public keys, read at each login; the file may be missing, and may change.
    #[arg(long)]
    authorized_keys: Option<PathBuf>,
    /// Who session certificates have to be for: NAMESPACE/NAME.
    #[arg(long)]
    principal: Option<String>,
    /// Where SSH listens.
    #[arg(long, default_value = "[::]:2222")]
    ssh_listen: SocketAddr,
    /// How many seconds a client gets to log in.
    #[arg(long, default_value_t = 120)]
    ssh_login_grace: u64,
    /// Where `/readyz` and `/activity` are.
    #[arg(long, default_value = "[::]:2223")]
    http_listen: SocketAddr,
}

impl Front {
    fn settings(self) -> Option<front::Settings> {
        let Self { ssh_dir, authorized_keys, principal, ssh_listen, ssh_login_grace, http_listen } = self;
        let ssh = ssh::Settings {
            dir: ssh_dir?,
            authorized_keys,
            principal: principal?,
            listen: ssh_listen,
            login_grace: Duration::from_secs(ssh_login_grace),
        };
        Some(front::Settings { ssh, http: http_listen })
    }
}

/// Status of a session whose program cannot be run, as shells give it.
const CANNOT_RUN: u8 = 127;

fn main() -> ExitCode {
    let outcome = match Args::parse().verb {
        Verb::Install { dest } => install::install(&dest).map_err(anyhow::Error::from),
        Verb::Init { grace, front, command } => {
            init::run(&command, Duration::from_secs(grace), front.settings()).map_err(anyhow::Error::from)
        }
        Verb::Lead { tty, called, program } => {
            let (program, args) = program.split_first().expect("at least one word is required");
            log::say(&format!("{:#}", anyhow::Error::from(leader::lead(program, &called, args, tty))));
            return ExitCode::from(CANNOT_RUN);
        }
        Verb::Resolve { host } => leader::resolve(&host).map_err(anyhow::Error::from),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::say(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
