//! An engine that does not answer, or no longer.

use super::*;
use crate::rlimits;

#[tokio::test]
async fn absent_stopped_and_forbidden_engines_are_different_errors() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("docker.sock");
    let error = Engine::connect(&recorded::surroundings(&socket)).await.unwrap_err();
    assert!(matches!(error, EngineError::NotRunning { .. }), "{error}");
    assert!(error.hint().unwrap().contains("systemctl start docker"));
    // Connecting to a regular file is refused, as with a socket without a listener.
    std::fs::write(&socket, "").unwrap();
    let error = Engine::connect(&recorded::surroundings(&socket)).await.unwrap_err();
    assert!(matches!(error, EngineError::NotRunning { .. }), "{error}");
    let forbidden =
        EngineError::connecting(std::io::ErrorKind::PermissionDenied.into(), "unix:///var/run/docker.sock");
    assert_eq!(
        forbidden.to_string(),
        "this user may not use the Docker engine at unix:///var/run/docker.sock"
    );
    let remedy = "join the group docker (`sudo usermod -aG docker $USER`, then log in again)";
    assert_eq!(forbidden.hint().as_deref(), Some(remedy));
}

#[test]
fn too_many_open_files_are_not_a_stopped_engine() {
    let error = EngineError::connecting(rustix::io::Errno::MFILE.into(), "unix:///var/run/docker.sock");
    assert_eq!(error.to_string(), "cannot reach the Docker engine at unix:///var/run/docker.sock");
    assert_eq!(error.hint(), None);
    assert!(rlimits::open_files_hint(&error).unwrap().contains("ulimit -n"));
}

#[tokio::test]
async fn broken_connection_has_a_hint_about_a_restarted_engine() {
    let recorded = Recorded::new()
        .answer("GET /containers/c1/archive", 200, "no archive")
        .answer("GET /info", 200, "{\"ID\":")
        .serve()
        .await;
    let broken = recorded.engine().info().await.unwrap_err();
    assert!(broken.hint().unwrap().contains("was the engine restarted?"), "{broken}");
    let damaged = recorded.engine().read_file("c1", "/a").await.unwrap_err();
    assert!(damaged.hint().is_none(), "{damaged}");
}

#[tokio::test]
async fn unknown_host_is_reported_with_the_setting_that_names_it() {
    let host = "tcp://no-such-host.invalid:2375";
    let error = Engine::connect(&Surroundings::new([("DOCKER_HOST", host)], None)).await.unwrap_err();
    assert!(matches!(error, EngineError::Unreachable { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("cannot reach the Docker engine at {host} (DOCKER_HOST={host:?})"));
    assert!(error.hint().unwrap().contains("`unset DOCKER_HOST`"), "{error:?}");
}
