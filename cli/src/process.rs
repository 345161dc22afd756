//! The only place that starts a process: the system's `ssh` and credential plugins, on the user's own machine. It never
//! does in the bastion.

mod plugin;

pub(crate) use plugin::Programs;

use std::{io, os::unix::process::ExitStatusExt, process::ExitStatus};

use tokio::process::Command;

use crate::failure::{Ended, Exit, Failure};

/// Runs `ssh` on this terminal to its end.
pub(crate) async fn ssh(arguments: &[String]) -> Result<Ended, Failure> {
    let mut child = command("ssh").args(arguments).spawn().map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            Failure::new(Exit::Absent, "ssh is not on PATH").hint("install an OpenSSH client")
        } else {
            Failure::of(Exit::Internal, &error)
        }
    })?;
    loop {
        tokio::select! {
            status = child.wait() => {
                return status.map(ended).map_err(|error| Failure::of(Exit::Internal, &error));
            }
            // Ctrl-C is meant for ssh, whose status tells what came of it.
            _ = tokio::signal::ctrl_c() => {}
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this module is the one home of starting processes")]
fn command(program: &str) -> Command {
    Command::new(program)
}

/// As a shell has it: 128 and the number of the signal.
fn ended(status: ExitStatus) -> Ended {
    let signalled = || status.signal().map_or(1, |signal| 128 + signal);
    match status.code().unwrap_or_else(signalled) {
        0 => Ended::Well,
        code => Ended::Remotely(u8::try_from(code).unwrap_or(u8::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_is_passed_on_as_a_shell_does() {
        assert_eq!(ended(ExitStatus::from_raw(0)), Ended::Well);
        assert_eq!(ended(ExitStatus::from_raw(7 << 8)), Ended::Remotely(7));
        assert_eq!(ended(ExitStatus::from_raw(15)), Ended::Remotely(143));
    }
}
