//! Dev servers that start or go away while a client waits for them.

use std::{net::SocketAddr, process::Stdio, time::Duration};

use devplat_bastion::directory::Readiness;
use russh::Sig;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};

use crate::{
    keys::ALICE,
    process::{done, run},
    world::{MYDEV, World, server},
};

/// Everything up to and with `text`.
async fn read_until(from: &mut (impl AsyncRead + Unpin), text: &str) -> String {
    let mut read = Vec::new();
    let wait = async {
        while !String::from_utf8_lossy(&read).contains(text) {
            assert_ne!(from.read_buf(&mut read).await.unwrap(), 0, "{}", String::from_utf8_lossy(&read));
        }
    };
    let waited = timeout(Duration::from_secs(10), wait).await;
    let read = String::from_utf8_lossy(&read).into_owned();
    assert!(waited.is_ok(), "{text:?} is not in {read:?}");
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn a_starting_server_is_waited_for_with_words_on_a_terminal() {
    let world = World::new().await;
    let waits_for = |message| starting("Starting", message, None);
    let put = |readiness| world.door.directory.put_server(server("dev-alice", "mydev", readiness));
    put(waits_for("pulls the image"));
    let mut ssh = world.ssh("alice");
    let mut child = ssh.args(["-tt", MYDEV, "exit 5"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = child.stderr.take().unwrap();
    let mut words = read_until(&mut stderr, "Starting: pulls the image").await;
    put(waits_for("attaches the home"));
    words += &read_until(&mut stderr, "Starting: attaches the home").await;
    put(Readiness::Ready(world.stub.address));
    let status = timeout(Duration::from_secs(10), child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(5), "{words}");
    for part in ["waiting for \"mydev\"", "Starting: pulls the image", "Starting: attaches the home"] {
        assert!(words.contains(part), "{words}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_starting_server_is_entered_as_soon_as_it_answers_whatever_is_said_of_it() {
    let world = World::new().await;
    let put = |readiness| world.door.directory.put_server(server("dev-alice", "mydev", readiness));
    // Nobody answers here until something listens.
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    put(starting("Starting", "waiting for the pod to start", Some(address)));
    let mut ssh = world.ssh("alice");
    let child = ssh.args([MYDEV, "exit 5"]).spawn().unwrap();
    world.audit.has(&[r#""event":"channel""#]).await;
    sleep(Duration::from_millis(300)).await;
    let listener = TcpListener::bind(address).await.unwrap();
    let stub = world.stub.address;
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut far = TcpStream::connect(stub).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    let output = timeout(Duration::from_secs(5), child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(done(&output).status, 5, "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_the_waiting() {
    let world = World::new().await;
    let readiness = starting("", "", None);
    world.door.directory.put_server(server("dev-alice", "mydev", readiness));
    let mut ssh = world.ssh("alice");
    let mut child = ssh.args(["-tt", MYDEV, "true"]).stdin(Stdio::piped()).spawn().unwrap();
    world.audit.has(&[r#""event":"channel""#]).await;
    child.stdin.as_mut().unwrap().write_all(&[3]).await.unwrap();
    let status = timeout(Duration::from_secs(5), child.wait()).await.expect("it ends").unwrap();
    assert_eq!(status.code(), Some(4));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_it_fails_clearly_at_once_or_after_a_moment() {
    let world = World::new().await;
    let put = |readiness| world.door.directory.put_server(server("dev-alice", "mydev", readiness));
    put(Readiness::Failed { reason: "ImagePull".into(), message: "no such image".into() });
    let begun = Instant::now();
    let done = run(world.ssh("alice").args([MYDEV, "true"])).await;
    assert_eq!(done.status, 4);
    assert_eq!(done.err, "devplat: \"mydev\" cannot start: ImagePull: no such image\n");
    assert!(begun.elapsed() < Duration::from_secs(3));
    put(starting("Starting", "pulls", None));
    let begun = Instant::now();
    let done = run(world.ssh("alice").args([MYDEV, "true"])).await;
    assert_eq!(done.status, 4);
    assert_eq!(
        done.err,
        "devplat: \"mydev\" is not ready yet: Starting: pulls; the command \"describe mydev\" as alice, without \
         +mydev, has details\n"
    );
    assert!((10..13).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dev_server_that_goes_away_is_told_with_the_reason() {
    let world = World::new().await;
    let mut ssh = world.ssh("alice");
    let child = ssh.args([MYDEV, "hang"]).spawn().unwrap();
    world.stub.begins_a_command().await;
    let readiness = starting("PodGone", "the pod was deleted", None);
    world.door.directory.put_server(server("dev-alice", "mydev", readiness));
    world.stub.kill();
    let output = timeout(Duration::from_secs(10), child.wait_with_output()).await.unwrap().unwrap();
    let done = done(&output);
    assert_eq!(done.status, 255, "{done:?}");
    assert_eq!(done.err, "devplat: connection to \"mydev\" lost: PodGone: the pod was deleted\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_with_its_pod_is_told_with_the_reason_and_what_somebody_kills_is_not() {
    let world = World::new().await;
    let killed = world.client("alice+mydev", ALICE).await.run("killed").await;
    assert!(matches!(killed.signal, Some(Sig::KILL)) && killed.err.is_empty(), "{killed:?}");
    world.stub.begins_a_command().await;
    let mut ssh = world.ssh("alice");
    let child = ssh.args([MYDEV, "killed 1500"]).spawn().unwrap();
    world.stub.begins_a_command().await;
    let readiness = starting("PodGone", "the pod was deleted", None);
    world.door.directory.put_server(server("dev-alice", "mydev", readiness));
    let output = timeout(Duration::from_secs(10), child.wait_with_output()).await.unwrap().unwrap();
    let done = done(&output);
    assert_eq!(done.status, 255, "{done:?}");
    assert_eq!(done.err, "devplat: connection to \"mydev\" lost: PodGone: the pod was deleted\n");
}

fn starting(reason: &str, message: &str, address: Option<SocketAddr>) -> Readiness {
    Readiness::Starting { reason: reason.into(), message: message.into(), address }
}
