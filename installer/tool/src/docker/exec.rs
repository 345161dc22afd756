//! Commands in running containers.

use std::{
    collections::VecDeque,
    fs::File,
    io::{self, Seek},
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use bollard::{
    container::LogOutput,
    exec::{CreateExecOptions, StartExecOptions, StartExecResults},
};
use futures::StreamExt;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::{Engine, EngineError};
use crate::process;

/// The limit of a command's standard output.
const STDOUT_LIMIT: usize = 16 << 20;
/// The number of bytes that are kept of its standard error.
const STDERR_LIMIT: usize = 64 << 10;
/// The number of bytes of a file that are in memory at a time.
const CHUNK: usize = 1 << 20;
/// How long after the end of a command's output the engine may take to report its exit status.
const STATUS_PATIENCE: Duration = Duration::from_secs(10);

/// The standard input of a command in a container.
#[derive(Debug, Clone)]
pub enum Stdin {
    /// No input.
    Nothing,
    /// These bytes.
    Bytes(Vec<u8>),
    /// This file, from its beginning.
    File(Arc<File>),
}

/// A command that ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its exit status.
    pub status: i64,
    /// Its standard output.
    pub stdout: String,
    /// The end of its standard error.
    pub stderr: String,
}

impl Ran {
    /// Returns the error for an exit status other than 0.
    pub(crate) fn exec_error(self, container: &str, command: &[&str]) -> EngineError {
        let Self { status, stdout, stderr } = self;
        let said = if stderr.trim().is_empty() { stdout } else { stderr };
        EngineError::Exec {
            container: container.to_owned(),
            command: command.join(" "),
            status,
            said: process::last_lines(&said),
        }
    }
}

impl Engine {
    /// Runs a command in a container and returns its standard output; an exit status other than 0 is an error.
    pub async fn exec(&self, container: &str, command: &[&str], stdin: Stdin) -> Result<String, EngineError> {
        let ran = self.exec_any(container, command, stdin).await?;
        if ran.status == 0 { Ok(ran.stdout) } else { Err(ran.exec_error(container, command)) }
    }

    /// Runs a command in a container and returns its output with any exit status.
    pub async fn exec_any(
        &self,
        container: &str,
        command: &[&str],
        stdin: Stdin,
    ) -> Result<Ran, EngineError> {
        let doing = || format!("run {} in container {container}", command.first().unwrap_or(&""));
        let broken = |source: io::Error| EngineError::Broken { doing: doing(), source: Box::new(source) };
        let options = CreateExecOptions {
            attach_stdin: Some(!matches!(stdin, Stdin::Nothing)),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            cmd: Some(command.to_vec()),
            ..Default::default()
        };
        let id = self.docker.create_exec(container, options).await.map_err(self.error(doing()))?.id;
        let options = StartExecOptions { output_capacity: Some(64 << 10), ..Default::default() };
        let started = self.docker.start_exec(&id, Some(options)).await.map_err(self.error(doing()))?;
        let StartExecResults::Attached { mut output, input } = started else {
            return Err(broken(io::ErrorKind::NotConnected.into()));
        };
        let mut kept = Kept::default();
        {
            let read = async {
                while let Some(part) = output.next().await {
                    kept.take(part.map_err(self.error(doing()))?).map_err(broken)?;
                }
                Ok(())
            };
            let feed = feed(input, stdin);
            tokio::pin!(read, feed);
            // Wait for the end of the command, not of the input: a command that ends early leaves the rest unread.
            tokio::select! {
                ended = &mut read => ended?,
                written = &mut feed => {
                    written.map_err(broken)?;
                    read.await?;
                }
            }
        }
        let Kept { stdout, stderr } = kept;
        let status = self.exit_status(&id, &doing()).await?;
        let stderr: Vec<u8> = stderr.into();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Ran { status, stdout: text(&stdout), stderr: text(&stderr) })
    }

    /// Returns the exit status of a command whose output has ended. The engine may know it only a moment later.
    async fn exit_status(&self, id: &str, doing: &str) -> Result<i64, EngineError> {
        let begun = Instant::now();
        loop {
            let found = self.docker.inspect_exec(id).await.map_err(self.error(doing))?;
            match (found.running, found.exit_code) {
                (Some(false) | None, Some(status)) => return Ok(status),
                _ if begun.elapsed() < STATUS_PATIENCE => tokio::time::sleep(Duration::from_millis(20)).await,
                _ => {
                    return Err(EngineError::Slow {
                        doing: doing.to_owned(),
                        seconds: STATUS_PATIENCE.as_secs(),
                    });
                }
            }
        }
    }
}

/// Writes all input, then closes this half of the connection, which the command reads as end of file.
async fn feed(mut input: Pin<Box<dyn AsyncWrite + Send>>, stdin: Stdin) -> io::Result<()> {
    let written = match stdin {
        Stdin::Nothing => Ok(()),
        Stdin::Bytes(bytes) => input.write_all(&bytes).await,
        Stdin::File(file) => {
            let file = (&*file).rewind().and_then(|()| file.try_clone())?;
            let mut file = tokio::io::BufReader::with_capacity(CHUNK, tokio::fs::File::from_std(file));
            tokio::io::copy_buf(&mut file, &mut input).await.map(|_| ())
        }
    };
    match written {
        Ok(()) => input.shutdown().await,
        // Ignore a broken pipe: the command has ended, and its exit status explains more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(()),
        Err(error) => Err(error),
    }
}

#[derive(Default)]
struct Kept {
    stdout: Vec<u8>,
    stderr: VecDeque<u8>,
}

impl Kept {
    fn take(&mut self, part: LogOutput) -> io::Result<()> {
        match part {
            LogOutput::StdErr { message } => {
                self.stderr.extend(&message);
                let over = self.stderr.len().saturating_sub(STDERR_LIMIT);
                self.stderr.drain(..over);
            }
            LogOutput::StdOut { message } | LogOutput::Console { message } => {
                if self.stdout.len() + message.len() > STDOUT_LIMIT {
                    let limit = STDOUT_LIMIT >> 20;
                    return Err(io::Error::other(format!(
                        "it wrote more than {limit} MiB to standard output"
                    )));
                }
                self.stdout.extend_from_slice(&message);
            }
            LogOutput::StdIn { .. } => {}
        }
        Ok(())
    }
}
