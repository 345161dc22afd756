//! Channels beside sessions: what becomes of those that lead nowhere, and how many there may be.

use std::time::Duration;

use devplat_bastion::directory::Readiness;
use russh::ChannelOpenFailure;
use tokio::time::{sleep, timeout};

use crate::{
    russh_client::{ended, output_until},
    sessions::echo,
    world::{ALICE, BOB, World, server},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_that_leads_nowhere_is_told_with_the_reason() {
    let world = World::new().await;
    let failed = Readiness::Failed { reason: "ImagePull".into(), message: "no such image".into() };
    world.door.directory.put_server(server("dev-alice", "broken", failed));
    for (seed, login, why) in [
        (ALICE, "alice+broken", r#""broken" cannot start: ImagePull: no such image"#),
        (ALICE, "alice+nosuch", r#"no dev server "nosuch" of yours; "devctl list" shows them"#),
        // Bob's address leads to Alice's server.
        (BOB, "bob+bobs", r#"cannot reach "bobs": what answers at 127.0.0.1"#),
    ] {
        let refusal = world.client(login, seed).await.direct_tcpip("x", 1).await.unwrap_err();
        assert_eq!(refusal.reason, ChannelOpenFailure::ConnectFailed);
        assert!(refusal.description.starts_with(&format!("devplat: {why}")), "{refusal:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_has_so_many_sessions_and_room_for_forwards_beside_them() {
    let world = World::new().await;
    let mut client = world.client("alice+mydev", ALICE).await;
    let mut held = Vec::new();
    // A few at a time: each has a connection to the dev server, and its key exchange takes a moment.
    while held.len() < 64 {
        for _ in 0..8 {
            let channel = client.session().await.unwrap();
            channel.exec(true, "hang").await.unwrap();
            held.push(channel);
        }
        let connected = async {
            while usize::try_from(world.door.metrics.agents.get()).unwrap() < held.len() {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(30), connected).await.expect("there is room for 64");
    }
    let refusal = client.session().await.unwrap_err();
    assert_eq!(refusal.reason, ChannelOpenFailure::ResourceShortage);
    assert_eq!(refusal.description, "devplat: too many channels are open on this connection");
    world.audit.has(&[r#""event":"denied""#, r#""kind":"session","target":"mydev""#, "too many"]).await;
    let mut forward = client.direct_tcpip("127.0.0.1", echo().await).await.unwrap();
    forward.data_bytes(&b"hello"[..]).await.unwrap();
    assert_eq!(output_until(&mut forward, |out, _| out.len() >= 5).await, "hello");
    // A session that ends makes room.
    held.pop().unwrap().close().await.unwrap();
    world.audit.has(&[r#""event":"end""#, r#""why":"client gone""#]).await;
    let room = async {
        loop {
            match client.session().await {
                Ok(channel) => break channel,
                // The bastion logs the end before it gives the place away.
                Err(_) => sleep(Duration::from_millis(20)).await,
            }
        }
    };
    let mut channel = timeout(Duration::from_secs(10), room).await.expect("there is room again");
    channel.exec(true, "exit 7").await.unwrap();
    assert_eq!(ended(&mut channel).await.status, Some(7));
}
