//! Channels beside sessions: what becomes of those that lead nowhere, and how many there may be.

use std::time::Duration;

use devplat_bastion::directory::Readiness;
use tokio::{
    io::AsyncReadExt,
    time::{sleep, timeout},
};

use crate::{
    process::{feed, run},
    sessions::echo,
    world::{World, server},
};

const MYDEV: &str = "alice+mydev@127.0.0.1";

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_that_leads_nowhere_is_told_with_the_reason() {
    let world = World::new().await;
    let failed = Readiness::Failed { reason: "ImagePull".into(), message: "no such image".into() };
    world.door.directory.put_server(server("dev-alice", "broken", failed));
    let said = async |who: &str, login: &str| {
        let done = run(world.ssh(who).args(["-W", "x:1", &format!("{login}@127.0.0.1")])).await;
        assert_eq!(done.status, 255, "{done:?}");
        done.err
    };
    for (who, login, reason) in [
        ("alice", "alice+broken", r#""broken" cannot start: ImagePull: no such image"#),
        ("alice", "alice+nosuch", r#"no dev server "nosuch" of yours; "devctl list" shows them"#),
        // Bob's address leads to Alice's server.
        ("bob", "bob+bobs", r#"cannot reach "bobs": what answers at 127.0.0.1"#),
    ] {
        let said = said(who, login).await;
        assert!(said.contains(&format!("open failed: connect failed: devplat: {reason}")), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_has_so_many_sessions_and_room_for_forwards_beside_them() {
    let world = World::new().await;
    let (mut master, control) = world.master(MYDEV).await;
    let shared = |arguments: &[&str]| {
        let mut ssh = world.ssh("alice");
        // Where it is not let in there, ssh would make a connection of its own.
        ssh.args(["-o", &control, "-o", "ProxyCommand=false"]).args(arguments);
        ssh
    };
    let mut held = Vec::new();
    // A few at a time: each has a connection to the dev server, which takes a moment to be agreed on.
    while held.len() < 64 {
        held.extend((0..8).map(|_| shared(&[MYDEV, "hang"]).spawn().unwrap()));
        let connected = async {
            while usize::try_from(world.door.metrics.agents.get()).unwrap() < held.len() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(30), connected).await.expect("there is room for 64");
    }
    assert_eq!(run(&mut shared(&[MYDEV, "exit 7"])).await.status, 255);
    world.audit.has(&[r#""event":"denied""#, r#""kind":"session","target":"mydev""#, "too many"]).await;
    let to = format!("127.0.0.1:{}", echo().await);
    let output = feed(&mut shared(&["-W", &to, MYDEV]), b"hello").await;
    assert_eq!(output.stdout, b"hello", "{output:?}\n{}", world.audit.text());
    // Whoever goes makes room.
    held.pop().unwrap().kill().await.unwrap();
    world.audit.has(&[r#""event":"end""#, r#""why":"client gone""#]).await;
    assert_eq!(run(&mut shared(&[MYDEV, "exit 7"])).await.status, 7);
    master.start_kill().unwrap();
    let mut said = String::new();
    master.stderr.take().unwrap().read_to_string(&mut said).await.unwrap();
    let told = "resource shortage: devplat: too many channels are open on this connection";
    assert!(said.contains(told), "{said}");
}
