//! The scripts' look at the Docker engine's socket, which decides whether the user has to join the group docker.

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, net::UnixListener},
    path::Path,
};

use devplat_tool::{Command, Surroundings};

use crate::machine::run;

/// The user ID of Debian's account `nobody`.
const NOBODY: &str = "65534";

/// Returns the exit status of `socket_is_closed` for this socket and an account that is not root, because root may write
/// to every socket. The script comes through standard input, because the account may not read the repository.
async fn is_closed(socket: &Path) -> i32 {
    let shell = Surroundings::new([("PATH", "/usr/bin:/bin")], None);
    let command = if rustix::process::geteuid().is_root() {
        let nobody = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups", "--", "bash", "-eus"];
        Command::new("setpriv", &shell).args(nobody)
    } else {
        Command::new("bash", &shell).arg("-eus")
    };
    let functions = include_str!("../../../bootstrap/docker.sh");
    let command = command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    run(command.stdin(format!("{functions}\nsocket_is_closed\n"))).await.0
}

#[tokio::test]
async fn engine_is_closed_if_its_socket_may_not_be_written() {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    let socket = folder.path().join("docker.sock");
    assert_eq!(is_closed(&socket).await, 1, "there is no socket");
    let _engine = UnixListener::bind(&socket).unwrap();
    for (mode, status) in [(0o000, 0), (0o666, 1)] {
        fs::set_permissions(&socket, Permissions::from_mode(mode)).unwrap();
        assert_eq!(is_closed(&socket).await, status, "{mode:o}");
    }
}
