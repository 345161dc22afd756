//! The only module that starts processes. The processes end with the test program, even if it is killed: `setpriv`
//! makes the kernel kill them when the thread that started them ends, so one thread that lives as long as the program
//! starts them all.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    sync::{LazyLock, mpsc},
    thread,
};

use anyhow::{Context, Result, anyhow, bail};

/// How many of the last lines of an ended process are shown.
const SHOWN_LINES: usize = 15;

/// A command to start, and the channel for the result.
type Job = (Command, mpsc::Sender<std::io::Result<Child>>);

static SETPRIV: LazyLock<String> = LazyLock::new(|| {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found =
        std::env::split_paths(&folders).map(|folder| folder.join("setpriv")).find(|file| file.is_file());
    found.map_or_else(|| "setpriv".to_owned(), |path| path.display().to_string())
});

static STARTER: LazyLock<mpsc::Sender<Job>> = LazyLock::new(|| {
    let (sender, jobs) = mpsc::channel::<Job>();
    thread::Builder::new()
        .name("starter".to_owned())
        .spawn(move || {
            for (mut command, answer) in jobs {
                // The receiver may be gone; the child is then dropped, and runs until this program ends.
                let _ = answer.send(command.spawn());
            }
        })
        .expect("a thread can be started");
    sender
});

/// A process that is killed when dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program` with its output in the file `log`.
    pub fn start(program: &Path, args: &[String], log: &Path) -> Result<Self> {
        let name = program.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let file = File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
        let mut command = mortal(program);
        command.args(args).stdin(Stdio::null()).stderr(file.try_clone()?).stdout(file);
        let child = spawn(command).with_context(|| format!("cannot start {name}"))?;
        Ok(Self { name, child, log: log.to_owned() })
    }

    /// Fails with the last lines of its output if it has ended.
    pub fn check(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended: {status}; its last lines:\n{}", self.name, self.last_words()),
        }
    }

    /// Returns the last lines of its output so far.
    pub fn last_words(&self) -> String {
        let said = fs::read(&self.log).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let lines: Vec<&str> = said.lines().collect();
        lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Both fail only if it has already ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs `program` to its end and returns its stdout. Its stderr goes to the terminal.
pub fn output(program: &Path, args: &[String]) -> Result<String> {
    let name = program.display();
    let mut command = mortal(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped());
    let child = spawn(command).with_context(|| format!("cannot start {name}"))?;
    let output = child.wait_with_output()?;
    if !output.status.success() {
        bail!("{name} failed: {}", output.status);
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// Starts a shell script that outlives this program and cleans up after it. The script runs in its own session, and its
/// input ends with this program.
pub(crate) fn watchman(script: &str, args: &[&Path]) -> Result<(Child, ChildStdin)> {
    let mut command = new("setsid");
    command.args(["sh", "-c", script, "watchman"]).args(args);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = spawn(command).context("cannot start setsid sh")?;
    let input = child.stdin.take().context("the watchman has no input")?;
    Ok((child, input))
}

pub(crate) fn mortal(program: &Path) -> Command {
    // By its path, because a test may set a `PATH` without it.
    let mut command = new(&SETPRIV);
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

#[expect(clippy::disallowed_methods, reason = "this is the only place")]
fn new(program: &str) -> Command {
    Command::new(program)
}

pub(crate) fn spawn(command: Command) -> Result<Child> {
    let (answer, answered) = mpsc::channel();
    STARTER.send((command, answer)).map_err(|_| anyhow!("the thread that starts processes has ended"))?;
    Ok(answered.recv().context("the thread that starts processes has ended")??)
}
