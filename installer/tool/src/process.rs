//! The only module that starts processes. Every child runs in its own process group, so that Ctrl-C on the terminal
//! signals only devplat, which then decides which steps to finish. Every child ends with devplat, even after SIGKILL,
//! so that no orphan changes resources while the next run repairs them. This module never prints: it returns a child's
//! output as data, up to a limit.

mod capture;
mod command;
mod error;

use std::{
    io::{self, Seek},
    os::unix::process::ExitStatusExt,
    process::Stdio,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::io::AsyncWriteExt;

pub(crate) use capture::{last_lines, without_colours};
pub use command::Command;
pub use error::{ChildEnd, Error};

use command::ChildInput;

/// The limit of a child's standard output: devplat reads only lists and configurations.
const STDOUT_LIMIT: usize = 16 << 20;
/// How long a child on this terminal may take to end after SIGTERM.
const LEAVE: Duration = Duration::from_secs(5);

/// The output of a child that exited with 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Standard output, as text.
    pub stdout: String,
    /// The end of standard error, as text.
    pub stderr: String,
}

/// A line that a child wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line<'a> {
    /// To standard output.
    Out(&'a str),
    /// To standard error.
    Err(&'a str),
}

impl Command {
    /// Runs the command to its end and returns its output.
    ///
    /// Dropping the future kills the child and its descendants.
    pub async fn run(self) -> Result<Output, Error> {
        self.run_lines(|_| {}).await
    }

    /// Like [`Command::run`], and passes each line of standard error to `tell` immediately.
    pub async fn run_telling(self, mut tell: impl FnMut(&str)) -> Result<Output, Error> {
        self.run_lines(|line| {
            if let Line::Err(line) = line {
                tell(line);
            }
        })
        .await
    }

    /// Like [`Command::run`], and passes each line of output to `tell` immediately.
    pub async fn run_lines(self, tell: impl FnMut(Line<'_>)) -> Result<Output, Error> {
        let line = self.line();
        let program = self.program.clone();
        let started = |source| Error::Start { program: program.clone(), source };
        let (stdin, bytes) = match &self.stdin {
            ChildInput::Nothing => (Stdio::null(), Vec::new()),
            ChildInput::Bytes(bytes) => (Stdio::piped(), bytes.clone()),
            ChildInput::Terminal => (Stdio::inherit(), Vec::new()),
            ChildInput::File(file) => {
                let rewound = (&**file).rewind().and_then(|()| file.try_clone());
                (Stdio::from(rewound.map_err(started)?), Vec::new())
            }
        };
        tracing::debug!(command = %line, "run");
        let (deadline, secret) = (self.deadline, self.secret);
        let in_our_group = matches!(self.stdin, ChildInput::Terminal);
        let mut command = self.prepare(true)?;
        command.stdin(stdin).stdout(Stdio::piped());
        command.stderr(if in_our_group { Stdio::inherit() } else { Stdio::piped() });
        // Only the terminal's foreground process group may read from it.
        if !in_our_group {
            command.process_group(0);
        }
        let mut child = command.spawn().map_err(started)?;
        // Drop this before the child: after the wait, the kernel may reuse its process ID.
        let mut group = if in_our_group { Group(None) } else { Group::of(&child) };
        let input = child.stdin.take();
        let stdout = child.stdout.take().expect("standard output is piped above");
        let stderr = child.stderr.take();
        let feed = async move {
            if let Some(mut input) = input {
                // Ignore a broken pipe: the child has ended without reading everything, and its exit status explains
                // more.
                let _ = input.write_all(&bytes).await;
                let _ = input.shutdown().await;
            }
        };
        let tell = Mutex::new(tell);
        let tell = |line: Line<'_>| (tell.lock().unwrap_or_else(PoisonError::into_inner))(line);
        let mut out = capture::Everything::new(STDOUT_LIMIT, |line| tell(Line::Out(line)));
        let mut err = capture::Tail::new(|line| tell(Line::Err(line)));
        let work = async {
            let read_stderr = async {
                match stderr {
                    Some(stderr) => err.read(stderr).await,
                    None => Ok(()),
                }
            };
            let ((), read, told) = tokio::join!(feed, out.read(stdout), read_stderr);
            let within = read?;
            told?;
            Ok::<_, io::Error>((within, if within { Some(child.wait().await?) } else { None }))
        };
        let ended = match deadline {
            Some(limit) => match tokio::time::timeout(limit, work).await {
                Ok(ended) => ended,
                Err(_) => return Err(Error::Slow { line, limit, said: err.last_lines() }),
            },
            None => work.await,
        };
        let (true, Some(status)) = ended.map_err(started)? else {
            return Err(Error::TooMuch { line, limit: STDOUT_LIMIT });
        };
        group.ended();
        let (stdout, stderr) = (out.text(), err.text());
        if status.success() {
            return Ok(Output { stdout, stderr });
        }
        let quotes_stdout = stderr.trim().is_empty() && !secret;
        let said = if quotes_stdout { last_lines(&stdout) } else { err.last_lines() };
        Err(Error::Failed { line, ended: status.into(), said })
    }

    /// Runs the command on this terminal and returns its exit status, or 128 plus the signal that ended it. If `over`
    /// ends first, the child gets SIGTERM and a moment to restore the terminal.
    pub async fn on_this_terminal(self, over: impl Future<Output = ()>) -> Result<i32, Error> {
        let program = self.program.clone();
        let failed = |source| Error::Start { program: program.clone(), source };
        // The child stays in our process group, so that it handles Ctrl-C itself.
        let mut child = self.prepare(false)?.spawn().map_err(failed)?;
        let status = tokio::select! {
            status = child.wait() => status,
            () = over => {
                if let Some(id) = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)) {
                    // The child may already have ended.
                    let _ = kill_process(id, Signal::TERM);
                }
                match tokio::time::timeout(LEAVE, child.wait()).await {
                    Ok(status) => status,
                    Err(_) => {
                        child.start_kill().map_err(failed)?;
                        child.wait().await
                    }
                }
            }
        };
        let status = status.map_err(failed)?;
        Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
    }

    /// Prepares the child. If util-linux's setpriv is installed, it sets the parent-death signal, so that the kernel
    /// ends the child with devplat, and then executes the program. (The system call itself would need unsafe code
    /// here.)
    fn prepare(self, dies_with_us: bool) -> Result<tokio::process::Command, Error> {
        let Self { program, args, variables, surroundings, folder, stdin: _, deadline: _, secret: _ } = self;
        let Some(place) = surroundings.program(&program) else {
            let folders = surroundings.folders();
            let path =
                folders.iter().map(|folder| folder.display().to_string()).collect::<Vec<_>>().join(":");
            return Err(Error::Absent { program, path });
        };
        let launcher = if dies_with_us { surroundings.program("setpriv") } else { None };
        #[expect(clippy::disallowed_methods, reason = "this is the only module that starts processes")]
        let mut command = tokio::process::Command::new(launcher.as_deref().unwrap_or(&place));
        if launcher.is_some() {
            command.args(["--pdeathsig", "KILL", "--"]).arg(&place);
        }
        if let Some(folder) = folder {
            command.current_dir(folder);
        }
        command.args(args).env_clear().envs(variables).kill_on_drop(true);
        Ok(command)
    }
}

/// The process group of a child. Dropping it before the child has ended kills the group.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &tokio::process::Child) -> Self {
        Self(child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?)))
    }

    fn ended(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // The group may already have ended.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests;
