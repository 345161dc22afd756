//! The one place of these tests that starts processes.

use std::{
    ffi::OsStr,
    process::{Output, Stdio},
    time::Duration,
};

use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

/// A command that does not outlive its test.
#[expect(clippy::disallowed_methods, reason = "the one place of these tests that starts processes")]
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command
        .kill_on_drop(true)
        .env_remove("SSH_AUTH_SOCK")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What became of a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub(crate) status: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs it to its end, which has to come in time.
pub(crate) async fn run(command: &mut Command) -> Done {
    let output = timeout(Duration::from_mins(1), command.output()).await.expect("it ends in time").unwrap();
    done(&output)
}

/// Runs it with `input`.
pub(crate) async fn feed(command: &mut Command, input: &[u8]) -> Output {
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let write = async {
        // Whoever does not read all of it is not to blame.
        let _ = stdin.write_all(input).await;
        drop(stdin);
    };
    let both = async { tokio::join!(write, child.wait_with_output()).1.unwrap() };
    timeout(Duration::from_mins(2), both).await.expect("it ends in time")
}

pub(crate) fn done(output: &Output) -> Done {
    Done {
        status: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
