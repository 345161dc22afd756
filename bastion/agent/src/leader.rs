//! The two small programs that the agent is besides PID 1, each started by it: one becomes leader of a session and
//! then the session's program, the other asks for addresses.
//!
//! Both are processes of their own because what they do cannot be done safely in a program with threads: a session
//! begins between fork and exec, and the C library's resolver may load what the image says.

use std::{
    ffi::{OsStr, OsString},
    io::{self, Write},
    net::ToSocketAddrs,
    os::unix::process::CommandExt,
    process::Command,
};

use rustix::process::{ioctl_tiocsctty, setsid};

use crate::children::{command, this_program};

/// Name of the verb that leads a session; see [`lead`].
pub(crate) const LEAD: &str = "lead-session";
/// Name of the verb that asks for addresses; see [`resolve`].
pub(crate) const RESOLVE: &str = "resolve";

/// Why a stage cannot do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Already leader of a group.
    #[error("cannot begin a session")]
    Session(#[source] io::Error),
    /// Standard input is no terminal, or another session's.
    #[error("cannot take the terminal")]
    Terminal(#[source] io::Error),
    /// The program itself.
    #[error("cannot run {}", program.display())]
    Exec {
        /// What was to run.
        program: OsString,
        /// What the operating system says.
        source: io::Error,
    },
    /// No address.
    #[error("cannot find the address of {host}")]
    Resolve {
        /// Whose.
        host: String,
        /// What the resolver says.
        source: io::Error,
    },
}

/// A command that runs `program` as leader of a session of its own, with standard input as its terminal if `tty`.
pub(crate) fn leading(program: &OsStr, called: &OsStr, args: &[OsString], tty: bool) -> Command {
    let mut command = this_program();
    command.arg(LEAD);
    if tty {
        command.arg("--tty");
    }
    command.arg("--called").arg(called).arg("--").arg(program).args(args);
    command
}

/// Becomes leader of a session, then `program`.
pub(crate) fn lead(program: &OsStr, called: &OsStr, args: &[OsString], tty: bool) -> Error {
    if let Err(error) = setsid() {
        return Error::Session(error.into());
    }
    if tty && let Err(error) = ioctl_tiocsctty(io::stdin()) {
        return Error::Terminal(error.into());
    }
    let source = command(program).arg0(called).args(args).exec();
    Error::Exec { program: program.to_owned(), source }
}

/// Writes the addresses of `host`, a line each, in the resolver's order.
pub(crate) fn resolve(host: &str) -> Result<(), Error> {
    let failed = |source| Error::Resolve { host: host.to_owned(), source };
    let mut text = String::new();
    for address in (host, 0).to_socket_addrs().map_err(failed)? {
        text.push_str(&address.ip().to_string());
        text.push('\n');
    }
    io::stdout().write_all(text.as_bytes()).map_err(failed)
}
