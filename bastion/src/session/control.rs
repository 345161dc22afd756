//! A session of `alice` alone: devctl, and nothing else.

use std::sync::Arc;

use devplat_api::FailureKind;
use russh::ChannelOpenFailure;

use super::{Front, Setup, Start, Visit};
use crate::devctl;

/// Runs what the client asks for in this channel.
pub(super) async fn run(visit: Arc<Visit>, mut front: Front) {
    let Some(mut setup) = front.setup().await else { return };
    if !visit.identity().permissions().pty {
        setup.terminal = None;
    }
    let terminal = setup.terminal.is_some();
    let arguments = match arguments(&setup, visit.user()) {
        Ok(arguments) => arguments,
        Err(why) => {
            visit.denied(setup.start.kind(), "devctl", &why);
            return front.fail(FailureKind::Usage, &why, terminal).await;
        }
    };
    let log = visit.channel(front.write.id(), "devctl", "devctl");
    let exit = devctl::run(&visit, &mut front, setup, arguments, &log.flow).await;
    let status = if let super::Exit::Status(status) = exit { Some(status) } else { None };
    log.end(status, "ended");
    front.finish(exit).await;
}

/// Why there is no forward, as a client shows it.
pub(super) fn no_forwards(user: &str) -> ChannelOpenFailure {
    let reason = format!(
        "devplat: through the bastion only the SSH of your own dev servers is reached; \
         forward through one: ssh {user}+NAME@..."
    );
    ChannelOpenFailure::Other { code: 1, reason }
}

/// What devctl is called with.
fn arguments(setup: &Setup, user: &str) -> Result<Vec<String>, String> {
    match &setup.start {
        // A person gets the prompt; a pipe gets to know what there is.
        Start::Shell if setup.terminal.is_some() => Ok(Vec::new()),
        Start::Shell => Ok(vec!["help".to_owned()]),
        Start::Exec(command) => words(command),
        Start::Subsystem(name) => Err(format!(
            "there is no {} here; name a dev server: {user}+NAME@... instead of {user}@...",
            if name == "sftp" { "sftp" } else { "such subsystem" }
        )),
    }
}

/// Splits a command as a shell would, without doing anything else that a shell does. The word `devctl` may be left out.
fn words(command: &[u8]) -> Result<Vec<String>, String> {
    let text = std::str::from_utf8(command).map_err(|_| "the command is not UTF-8".to_owned())?;
    if text.contains('\0') {
        return Err("the command has a zero byte".to_owned());
    }
    let mut words =
        shlex::split(text).ok_or_else(|| "the command has a quote that is not closed".to_owned())?;
    if words.first().is_some_and(|word| word == "devctl") {
        words.remove(0);
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devctl_may_be_left_out_and_quotes_are_as_in_a_shell() {
        let split = |text: &str| words(text.as_bytes()).unwrap();
        assert_eq!(split("devctl list"), ["list"]);
        assert_eq!(split("list"), ["list"]);
        assert_eq!(
            split("exec mydev -- sh -c 'echo $HOME; ls'"),
            ["exec", "mydev", "--", "sh", "-c", "echo $HOME; ls"]
        );
        assert!(split("devctl").is_empty());
    }

    #[test]
    fn what_no_shell_could_split_is_told() {
        assert!(words(b"list '").unwrap_err().contains("quote"));
        assert!(words(b"list \xff").unwrap_err().contains("UTF-8"));
        assert!(words(b"list \0").unwrap_err().contains("zero"));
    }

    #[test]
    fn sftp_is_told_where_to_go() {
        let start = Start::Subsystem("sftp".into());
        let setup = Setup { terminal: None, variables: Vec::new(), agent_forwarding: false, start };
        assert_eq!(
            arguments(&setup, "alice"),
            Err("there is no sftp here; name a dev server: alice+NAME@... instead of alice@...".into())
        );
    }
}
