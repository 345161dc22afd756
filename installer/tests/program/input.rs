//! Files that the user names: read until a request to stop, and rejected by name if they are not UTF-8.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant},
};

use devplat::host::Host;
use devplat_tool::Command;
use rustix::fs::OFlags;
use serde_json::json;

use crate::{
    answers::{Serving, api_server, engine, kubeconfig},
    driven::{error_of, host},
    machine::Machine,
};

/// Command lines that read `own/file.hbs`.
const READERS: [&[&str]; 4] = [
    &["devplat", "profiles", "show", "own/file.hbs"],
    &["devplat", "render", "--profile", "kind", "--templates", "own"],
    &[
        "devplat",
        "plan",
        "--profile=kind",
        "--set=devServers.image=registry.example/dev:1",
        "--set=cluster.kind.configFile=own/file.hbs",
    ],
    &["devplat", "users", "add", "alice", "--context", "there", "--key", "own/file.hbs"],
];

/// How long a read may last that a request to stop does not end.
const LONG: Duration = Duration::from_secs(10);

/// Returns a host with an empty folder `own`, an engine, and an API server behind context `there`.
async fn prepared(machine: &Machine) -> (Host, [Serving; 2]) {
    let (engine, server) = (engine(), api_server("u1").await);
    machine.write("home/.kube/config", &kubeconfig(&server.address, &json!({"token": "t"})));
    std::fs::create_dir(machine.at("work/own")).unwrap();
    (host(machine, &engine), [engine, server])
}

/// Opens a pipe as soon as a process reads it; `done` ends the wait.
fn writer(pipe: &Path, done: &Receiver<()>) -> File {
    let nonblocking = OFlags::NONBLOCK.bits().cast_signed();
    loop {
        if let Ok(file) = OpenOptions::new().write(true).custom_flags(nonblocking).open(pipe) {
            return file;
        }
        let waited = done.recv_timeout(Duration::from_millis(10));
        assert_eq!(waited, Err(RecvTimeoutError::Timeout), "no process reads {}", pipe.display());
    }
}

#[tokio::test]
async fn request_to_stop_ends_the_read_of_a_pipe() {
    for line in READERS {
        let machine = Machine::new();
        let (host, _servers) = prepared(&machine).await;
        let pipe = machine.at("work/own/file.hbs");
        Command::new("mkfifo", &host.surroundings).arg(pipe.as_os_str()).run().await.unwrap();
        let (done, until_done) = mpsc::channel::<()>();
        let stop = host.stop.clone();
        let stopping = thread::spawn(move || {
            let _open = writer(&pipe, &until_done);
            stop.ask();
            // The end of the pipe ends a read that goes on.
            assert!(until_done.recv_timeout(LONG).is_err(), "nothing is sent");
        });
        let begun = Instant::now();
        let said = error_of(line, &host).await;
        assert!(begun.elapsed() < LONG, "{line:?}: {said}");
        assert_eq!(said, "stopped, as asked", "{line:?}");
        drop(done);
        stopping.join().unwrap();
    }
}

#[tokio::test]
async fn file_that_is_not_utf_8_is_named_with_the_byte() {
    for line in READERS {
        let machine = Machine::new();
        let (host, _servers) = prepared(&machine).await;
        std::fs::write(machine.at("work/own/file.hbs"), b"caf\xe9").unwrap();
        let said = error_of(line, &host).await;
        let named = said.contains("own/file.hbs") && said.contains("it is not UTF-8 (at byte 3)");
        assert!(named, "{line:?}: {said}");
    }
}
