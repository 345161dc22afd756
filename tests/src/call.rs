//! Calls of programs as users make them: with their own environment, until they end or are killed, with all their
//! output.

use std::{
    ffi::OsString,
    fs::File,
    io::{Seek, Write},
    os::unix::fs::FileExt,
    path::PathBuf,
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::process::{mortal, spawn};
use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};

/// A command line that is not started yet. Its environment has only the variables that are added.
#[derive(Debug, Clone)]
pub struct Call {
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(String, OsString)>,
    input: Vec<u8>,
}

/// The exit status and the output of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The command line.
    pub line: String,
    /// Its exit status; `None` if a signal ended it.
    pub status: Option<i32>,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Call {
    /// Returns a call of `program`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), args: Vec::new(), env: Vec::new(), input: Vec::new() }
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable; a later value overrides an earlier one.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Sets its standard input.
    #[must_use]
    pub fn input(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.input = text.into();
        self
    }

    /// Returns the same call through another program, which gets this command line as its last arguments.
    #[must_use]
    pub fn through(self, program: impl Into<PathBuf>, args: &[&str]) -> Self {
        let Self { program: inner, args: inner_args, env, input } = self;
        let mut all: Vec<OsString> = args.iter().map(OsString::from).collect();
        all.push(inner.into_os_string());
        all.extend(inner_args);
        Self { program: program.into(), args: all, env, input }
    }

    /// Starts it.
    pub fn start(self) -> Result<Running> {
        let line = self.line();
        let Self { program, args, env, input } = self;
        // Files without a name, so that they are deleted when the last process closes them.
        let [mut stdin, stdout, stderr] =
            [tempfile::tempfile()?, tempfile::tempfile()?, tempfile::tempfile()?];
        stdin.write_all(&input)?;
        stdin.rewind()?;
        let mut command = mortal(&program);
        command.args(args).env_clear().envs(env);
        command.stdin(stdin).stdout(stdout.try_clone()?).stderr(Stdio::from(stderr.try_clone()?));
        let child = spawn(command).with_context(|| format!("cannot start {line}"))?;
        Ok(Running { line, child, stdout, stderr })
    }

    /// Runs it to its end. Fails if that takes longer than `bound`.
    pub fn run(self, bound: Duration) -> Result<Ended> {
        self.start()?.wait(bound)
    }

    fn line(&self) -> String {
        let args = self.args.iter().map(|arg| arg.to_string_lossy().into_owned());
        [self.program.display().to_string()].into_iter().chain(args).collect::<Vec<_>>().join(" ")
    }
}

/// A running program. Dropping it kills the program.
#[derive(Debug)]
pub struct Running {
    line: String,
    child: Child,
    stdout: File,
    stderr: File,
}

impl Running {
    /// Returns its standard error so far.
    pub fn stderr(&self) -> Result<String> {
        text(&self.stderr)
    }

    /// Returns its process ID.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid =
            i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).context("it has no process id")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Returns whether it is still running.
    pub fn runs(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Waits for its end. Fails if that takes longer than `bound`.
    pub fn wait(mut self, bound: Duration) -> Result<Ended> {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Ended {
                    line: self.line.clone(),
                    status: status.code(),
                    stdout: text(&self.stdout)?,
                    stderr: text(&self.stderr)?,
                });
            }
            if begun.elapsed() > bound {
                bail!(
                    "{}\nstderr:\n{}\nis still running after {} s",
                    self.line,
                    self.stderr()?,
                    bound.as_secs()
                );
            }
            pause();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only if it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// Returns itself if its exit status is `status`, or else an error with all its output.
    pub fn expect(self, status: i32) -> Result<Self> {
        if self.status == Some(status) {
            return Ok(self);
        }
        let Self { line, status: found, stdout, stderr } = self;
        // The last lines are those that a shortened report shows.
        bail!("{line}\nstdout:\n{stdout}\nstderr:\n{stderr}\nended with {found:?}, not with {status}")
    }
}

/// Calls `look` every few milliseconds until it returns a value.
pub fn until<T>(what: &str, bound: Duration, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let begun = Instant::now();
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if begun.elapsed() > bound {
            bail!("gave up after {} s waiting for {what}", bound.as_secs());
        }
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "the pause between two looks of a wait with a bound")]
fn pause() {
    thread::sleep(Duration::from_millis(5));
}

/// Reads a whole file without moving its position, which the writing process uses.
fn text(file: &File) -> Result<String> {
    let size = usize::try_from(file.metadata()?.len())?;
    let mut bytes = vec![0; size];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
