//! Starts devctl for the bastion. It runs in a container that has no credentials, as another user, and takes the program
//! from its own command line: whoever reaches its socket can run devctl and nothing else.

use std::{
    fs::Permissions,
    io,
    os::{
        fd::OwnedFd,
        unix::{fs::PermissionsExt, process::ExitStatusExt},
    },
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    time::Duration,
};

use clap::Args;
use command_fds::{CommandFdExt, FdMapping};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::AsyncReadExt,
    net::{UnixListener, UnixStream},
    process::Child,
    time::timeout,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    descriptors,
    protocol::{self, Answer, Request},
};

/// Number of the control socket in devctl.
pub(super) const CONTROL: i32 = 3;
/// How long devctl has to end after a hangup.
const HANGUP: Duration = Duration::from_secs(3);
/// How long the bastion has to say what it wants.
const REQUEST: Duration = Duration::from_secs(10);

/// What the runner is told.
#[derive(Debug, Clone, Args)]
pub struct Runner {
    /// Where the bastion connects
    #[arg(long, default_value = "/run/devctl/runner.sock", value_name = "SOCKET")]
    pub listen: PathBuf,
    /// What is run
    #[arg(long, default_value = "/devctl", value_name = "FILE")]
    pub program: PathBuf,
    /// This very program, which stands between runner and devctl for a moment
    #[arg(long, default_value = "/proc/self/exe", hide = true)]
    pub enter: PathBuf,
}

/// Runs until `end`, then until every devctl has ended.
pub async fn serve(runner: Runner, end: CancellationToken) -> io::Result<()> {
    // Left by a container before this one.
    match std::fs::remove_file(&runner.listen) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&runner.listen)?;
    // The bastion is another user; only both containers have the folder.
    std::fs::set_permissions(&runner.listen, Permissions::from_mode(0o666))?;
    let children = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = end.cancelled() => break,
        };
        match accepted {
            Ok((stream, _)) => drop(children.spawn(serve_one(runner.clone(), stream))),
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    children.close();
    children.wait().await;
    Ok(())
}

async fn serve_one(runner: Runner, mut stream: UnixStream) {
    let answer = match begin(&runner, &mut stream).await {
        Ok(child) => match attend(child, &mut stream).await {
            Some(answer) => answer,
            None => return,
        },
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "devctl did not start");
            Answer::Error("devctl does not start".to_owned())
        }
    };
    let _ = protocol::send(&mut stream, &answer).await;
}

async fn begin(runner: &Runner, stream: &mut UnixStream) -> io::Result<Child> {
    let received = async {
        // The terminal's number of descriptors is not known before the request, which says so itself.
        let request: Request = protocol::receive(stream).await?;
        let received = descriptors::receive(stream, protocol::descriptors(request.terminal)).await?;
        Ok::<_, io::Error>((request, received))
    };
    let (request, received) = timeout(REQUEST, received).await.map_err(|_| io::ErrorKind::TimedOut)??;
    spawn(runner, request, received)
}

fn spawn(runner: &Runner, request: Request, mut received: Vec<OwnedFd>) -> io::Result<Child> {
    let Request { arguments, variables, terminal } = request;
    let missing = || io::Error::new(io::ErrorKind::InvalidData, "a descriptor is missing");
    let control = received.pop().ok_or_else(missing)?;
    let [input, output, errors] = match <[OwnedFd; 3]>::try_from(received) {
        Ok(pipes) => pipes,
        Err(one) => {
            let slave = one.into_iter().next().ok_or_else(missing)?;
            [slave.try_clone()?, slave.try_clone()?, slave]
        }
    };
    let mut command = command(&runner.enter);
    command.arg("enter");
    if terminal {
        command.arg("--terminal");
    }
    command
        .arg(&runner.program)
        .arg("--")
        .args(arguments)
        .env_clear()
        .envs(variables)
        .stdin(Stdio::from(input))
        .stdout(Stdio::from(output))
        .stderr(Stdio::from(errors));
    command
        .fd_mappings(vec![FdMapping { parent_fd: control, child_fd: CONTROL }])
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "two descriptors of the same number"))?;
    tokio::process::Command::from(command).kill_on_drop(true).spawn()
}

/// Waits for devctl, or for the bastion to lose interest; `None` in that case.
async fn attend(mut child: Child, stream: &mut UnixStream) -> Option<Answer> {
    let mut nothing = [0];
    tokio::select! {
        status = child.wait() => Some(match status {
            Ok(status) => Answer::Exit(number(status)),
            Err(error) => Answer::Error(error.to_string()),
        }),
        _ = stream.read(&mut nothing) => {
            hang_up(&mut child).await;
            None
        }
    }
}

async fn hang_up(child: &mut Child) {
    for signal in [Signal::HUP, Signal::KILL] {
        // As long as it has not been waited for, nobody else has its number.
        let Some(group) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) else {
            return;
        };
        let _ = kill_process_group(group, signal);
        if timeout(HANGUP, child.wait()).await.is_ok() {
            return;
        }
    }
}

fn number(status: ExitStatus) -> u32 {
    let number = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
    u32::try_from(number).unwrap_or(1)
}

/// The one place that starts programs.
#[expect(clippy::disallowed_methods, reason = "the one place that starts programs")]
pub(super) fn command(program: &Path) -> Command {
    Command::new(program)
}
