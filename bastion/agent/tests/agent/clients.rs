//! The clients: found, started with a bound, and judged by what they say.

use std::{
    io::Write,
    process::{Child, Command, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

/// How long a client gets, in seconds.
const BOUND: &str = "120";

/// The client `name`, which ends by itself within a bound. Fails where it is not installed.
pub(crate) fn client(name: &str) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path).any(|folder| folder.join(name).is_file());
    assert!(
        installed,
        "{name} is not installed; this test needs it (apt-get install openssh-client rsync git curl)"
    );
    let mut command = Command::new("timeout");
    command.arg(BOUND).arg(name).env_remove("SSH_AUTH_SOCK");
    command
}

/// Runs `command` to its end with `input`.
pub(crate) fn run(command: &mut Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let feed = std::thread::spawn(move || {
        // A client that wants no input is none the worse for it.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().unwrap();
    feed.join().unwrap();
    output
}

/// What `command` writes; it must succeed.
pub(crate) fn text(command: &mut Command, input: &[u8]) -> String {
    let output = run(command, input);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {:?}\n{out}\n{err}", output.status);
    out.into_owned()
}

/// What `command` complains about; it must fail.
pub(crate) fn complaint(command: &mut Command) -> String {
    let output = run(command, b"");
    assert!(!output.status.success(), "{command:?} succeeded");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Ends a client that would go on.
pub(crate) fn end(child: &mut Child) {
    // `timeout` passes it on, which it could not with SIGKILL.
    let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    let _ = kill_process(pid, Signal::TERM);
    child.wait().unwrap();
}
