//! The only place that starts processes. Every child runs in a process group of its own, so that Ctrl-C on the
//! terminal reaches devplat alone, which then decides what to finish; and dies with devplat, even by SIGKILL, so
//! that no orphan goes on making what the next run takes for half-made. It never prints: what a child says comes
//! back as data.

use std::{
    ffi::OsString,
    fs::File,
    io::{self, Seek},
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::{Arc, OnceLock},
};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

/// A command line to run: program, arguments and what is added to its environment.
#[derive(Debug, Clone)]
pub struct Command {
    program: String,
    args: Vec<OsString>,
    envs: Vec<(String, OsString)>,
    stdin: Input,
}

#[derive(Debug, Clone)]
enum Input {
    Nothing,
    Bytes(Vec<u8>),
    File(Arc<File>),
}

/// What a child that ended well has said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Standard output, as text.
    pub stdout: String,
    /// Standard error, as text.
    pub stderr: String,
}

/// Why a command gave no output.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The program is not installed, or not on `PATH`.
    #[error("{program} is not on PATH")]
    Absent {
        /// The program looked for.
        program: String,
    },
    /// The program could not be started or fed.
    #[error("cannot run {program}")]
    Start {
        /// The program.
        program: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The program ended with a failure.
    #[error("{line}: {status}: {said}")]
    Failed {
        /// The command line, for people.
        line: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines it wrote to standard error.
        said: String,
    },
}

impl Error {
    /// Of a program that said this and ended with 1.
    #[cfg(test)]
    pub(crate) fn of_a_program_that_said(said: &str) -> Self {
        let status = std::os::unix::process::ExitStatusExt::from_raw(1 << 8);
        Self::Failed { line: "program --argument".to_owned(), status, said: said.to_owned() }
    }

    /// Everything the failed program said at its end; empty where it was never started.
    pub fn said(&self) -> &str {
        match self {
            Self::Absent { .. } | Self::Start { .. } => "",
            Self::Failed { said, .. } => said,
        }
    }
}

/// How many of a failed program's last lines an error shows.
const SHOWN_LINES: usize = 12;

impl Command {
    /// A command that inherits devplat's environment and reads nothing.
    pub fn new(program: &str) -> Self {
        Self { program: program.to_owned(), args: Vec::new(), envs: Vec::new(), stdin: Input::Nothing }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds a variable to the child's environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.envs.push((name.to_owned(), value.into()));
        self
    }

    /// Gives the child these bytes as standard input.
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Input::Bytes(bytes.into());
        self
    }

    /// Gives the child this file, from its beginning, as standard input.
    #[must_use]
    pub fn stdin_file(mut self, file: Arc<File>) -> Self {
        self.stdin = Input::File(file);
        self
    }

    /// Runs the command to its end and gives what it said.
    ///
    /// Dropping the future kills the child.
    pub async fn run(self) -> Result<Output, Error> {
        self.run_telling(|_| {}).await
    }

    /// As [`Command::run`], and hands each line of standard error to `tell` as it comes.
    pub async fn run_telling(self, mut tell: impl FnMut(&str)) -> Result<Output, Error> {
        let line = self.line();
        let Self { program, args, envs, stdin } = self;
        let failed_start = |source: io::Error| {
            if source.kind() == io::ErrorKind::NotFound {
                Error::Absent { program: program.clone() }
            } else {
                Error::Start { program: program.clone(), source }
            }
        };
        let (stdin_kind, bytes) = match stdin {
            Input::Nothing => (Stdio::null(), Vec::new()),
            Input::Bytes(bytes) => (Stdio::piped(), bytes),
            Input::File(file) => {
                let rewound = (&*file).rewind().and_then(|()| file.try_clone());
                let file = rewound.map_err(|source| Error::Start { program: program.clone(), source })?;
                (Stdio::from(file), Vec::new())
            }
        };
        tracing::debug!(command = %line, "run");
        if on_path(&program).is_none() {
            return Err(Error::Absent { program });
        }
        #[expect(clippy::disallowed_methods, reason = "this module is the one home of starting processes")]
        let mut child = tokio::process::Command::new(launcher().unwrap_or(&program))
            .args(launcher().into_iter().flat_map(|_| ["--pdeathsig", "KILL", "--", &program]))
            .args(args)
            .envs(envs)
            .stdin(stdin_kind)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed_start)?;
        let input = child.stdin.take();
        let stdout = child.stdout.take().expect("standard output is piped above");
        let stderr = child.stderr.take().expect("standard error is piped above");
        let feed = async move {
            if let Some(mut input) = input {
                // A child that ends without reading everything says why by its own exit status.
                let _ = input.write_all(&bytes).await;
                let _ = input.shutdown().await;
            }
        };
        let collect_stdout = async {
            let mut all = Vec::new();
            tokio::io::copy(&mut BufReader::new(stdout), &mut all).await.map(|_| all)
        };
        let collect_stderr = async {
            let mut all = String::new();
            let mut reader = BufReader::new(stderr);
            let mut raw = Vec::new();
            while reader.read_until(b'\n', &mut raw).await? > 0 {
                let text = String::from_utf8_lossy(&raw).into_owned();
                tell(text.trim_end());
                all.push_str(&text);
                raw.clear();
            }
            Ok::<_, io::Error>(all)
        };
        let ((), out, err) = tokio::join!(feed, collect_stdout, collect_stderr);
        let status = child.wait().await;
        let reading = |source| Error::Start { program: program.clone(), source };
        let (stdout, stderr, status) =
            (out.map_err(reading)?, err.map_err(reading)?, status.map_err(reading)?);
        let stdout = String::from_utf8_lossy(&stdout).into_owned();
        if status.success() {
            Ok(Output { stdout, stderr })
        } else {
            let said = if stderr.trim().is_empty() { &stdout } else { &stderr };
            Err(Error::Failed { line, status, said: last_lines(said) })
        }
    }

    /// Runs the command with this terminal as its own, and gives its exit status; 128 and the signal where one ended it.
    pub async fn on_this_terminal(self) -> Result<i32, Error> {
        use std::os::unix::process::ExitStatusExt;
        let Self { program, args, envs, stdin: _ } = self;
        if on_path(&program).is_none() {
            return Err(Error::Absent { program });
        }
        // In our own group: Ctrl-C is the child's to judge.
        #[expect(clippy::disallowed_methods, reason = "this module is the one home of starting processes")]
        let ran =
            tokio::process::Command::new(&program).args(args).envs(envs).kill_on_drop(true).status().await;
        let status = ran.map_err(|source| Error::Start { program, source })?;
        Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
    }

    fn line(&self) -> String {
        let mut line = self.program.clone();
        for arg in &self.args {
            line.push(' ');
            line.push_str(&arg.to_string_lossy());
        }
        line
    }
}

/// util-linux's setpriv, where it is: it has the kernel end the child when devplat ends, and becomes the child.
/// (The call itself would take unsafe code here.)
fn launcher() -> Option<&'static str> {
    static THERE: OnceLock<bool> = OnceLock::new();
    THERE.get_or_init(|| on_path("setpriv").is_some()).then_some("setpriv")
}

/// Where a program lies.
fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn absent_program_is_named() {
        let error = Command::new("devplat-no-such-program").run().await.unwrap_err();
        assert_eq!(error.to_string(), "devplat-no-such-program is not on PATH");
    }

    #[tokio::test]
    async fn failure_carries_command_status_and_last_words() {
        let error = Command::new("sh").args(["-c", "echo no room >&2; exit 7"]).run().await.unwrap_err();
        assert_eq!(error.to_string(), "sh -c echo no room >&2; exit 7: exit status: 7: no room");
    }

    #[tokio::test]
    async fn standard_input_reaches_the_child_and_lines_are_told() {
        let mut told = Vec::new();
        let output = Command::new("sh")
            .args(["-c", "cat; echo one >&2; echo two >&2"])
            .stdin("given")
            .run_telling(|line| told.push(line.to_owned()))
            .await
            .unwrap();
        assert_eq!(output.stdout, "given");
        assert_eq!(told, ["one", "two"]);
    }

    #[tokio::test]
    async fn dropping_the_future_kills_the_child() {
        let marker = tempfile::NamedTempFile::new().unwrap();
        let script = format!("sleep 1; echo lived > {}", marker.path().display());
        let run = Command::new("sh").args(["-c", &script]).run();
        assert!(tokio::time::timeout(std::time::Duration::from_millis(50), run).await.is_err());
        tokio::time::sleep(std::time::Duration::from_millis(1300)).await;
        assert_eq!(std::fs::read_to_string(marker.path()).unwrap(), "");
    }
}
