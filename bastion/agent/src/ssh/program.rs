//! Starting a session's program: which shell, how it is called, what it is connected with.

use std::{ffi::OsString, io, os::fd::OwnedFd, process::Stdio, sync::Arc};

use rustix::process::{Pid, WaitStatus};
use tokio::sync::oneshot;

use super::{Site, pump::End};
use crate::{
    account::{Account, Circumstances, login_name},
    children::Started,
    leader::leading,
    terminal::Terminal,
};

/// Stream of a channel that stands for standard error.
pub(super) const STDERR: u32 = 1;

/// What a session is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Program {
    /// The login shell.
    Shell,
    /// A command for it.
    Command(OsString),
}

/// A started program with its ends.
pub(super) struct Running {
    /// The leader of its session.
    pub(super) pid: Pid,
    /// How it ended.
    pub(super) ended: oneshot::Receiver<WaitStatus>,
    /// Where its input goes: a pipe, or the terminal.
    pub(super) stdin: Arc<End>,
    /// Standard output and error, or the terminal, each with its stream in the channel.
    pub(super) outputs: Vec<(Arc<End>, Option<u32>)>,
    /// Whether it is a terminal.
    pub(super) tty: bool,
}

/// Why a program cannot be started.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    /// Nothing that could run a command.
    #[error(
        "this image has no shell: there is neither /bin/bash nor /bin/sh; sftp and forwarding work without one"
    )]
    NoShell,
    /// The shell.
    #[error("cannot start {}: {source}", shell.display())]
    Start {
        /// Which.
        shell: OsString,
        /// What the operating system says.
        source: io::Error,
    },
}

/// Starts `program` for `account`, on `terminal` if there is one, else on pipes.
pub(super) fn start(
    site: &Site,
    account: &Account,
    terminal: Option<Terminal>,
    around: &Circumstances,
    program: &Program,
) -> Result<Running, Error> {
    let shell = account.shell.as_ref().ok_or(Error::NoShell)?;
    let (called, args) = match program {
        Program::Shell => (login_name(shell), Vec::new()),
        Program::Command(text) => {
            (shell.file_name().unwrap_or(shell.as_os_str()).to_owned(), vec!["-c".into(), text.clone()])
        }
    };
    let failed = |source| Error::Start { shell: shell.clone().into(), source };
    let tty = terminal.is_some();
    let mut command = leading(shell.as_os_str(), &called, &args, tty);
    command.env_clear().envs(account.environment(std::env::vars_os(), around));
    command.current_dir(account.folder());
    let master = match terminal {
        Some(Terminal { master, slave, path: _ }) => {
            let copy = || slave.try_clone().map(Stdio::from).map_err(failed);
            command.stdin(copy()?).stdout(copy()?).stderr(copy()?);
            Some(master)
        }
        None => {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
            None
        }
    };
    let Started { pid, child, ended } = site.children.start(&mut command).map_err(failed)?;
    // It holds the terminal's other side, which would never hang up.
    drop(command);
    let end = |fd: OwnedFd| End::new(fd).map(Arc::new).map_err(failed);
    let (stdin, outputs) = match master {
        Some(master) => {
            let master = end(master)?;
            (master.clone(), vec![(master, None)])
        }
        None => {
            let missing = || failed(io::Error::other("a pipe is missing"));
            let stdin = end(child.stdin.ok_or_else(missing)?.into())?;
            let stdout = end(child.stdout.ok_or_else(missing)?.into())?;
            stdout.widen();
            let stderr = end(child.stderr.ok_or_else(missing)?.into())?;
            (stdin, vec![(stdout, None), (stderr, Some(STDERR))])
        }
    };
    Ok(Running { pid, ended, stdin, outputs, tty })
}
