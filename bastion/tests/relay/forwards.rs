//! Channels beside sessions: ports and jumps, what becomes of those that lead nowhere, and how many there may be.

use std::time::Duration;

use devplat_bastion::directory::Readiness;
use russh::ChannelOpenFailure;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use crate::{
    keys::{ALICE, BOB},
    process::run,
    russh_client::{ended, output_until},
    world::{MYDEV, World, server},
};

#[tokio::test(flavor = "multi_thread")]
async fn ports_are_forwarded_both_ways() {
    let world = World::new().await;
    let echo = echo().await;
    // To the dev server's side.
    let local = free_port().await;
    let mut ssh = world.ssh("alice");
    let spec = format!("127.0.0.1:{local}:127.0.0.1:{echo}");
    let _child = ssh.args(["-N", "-L", &spec, MYDEV]).spawn().unwrap();
    assert_eq!(ask(local).await, "hello");
    // From the dev server's side, at a port that it chooses.
    let (_master, control) = world.master(MYDEV).await;
    let spec = format!("127.0.0.1:0:127.0.0.1:{echo}");
    // With `-O forward`, ssh prints the port and nothing else.
    let done = run(world.ssh("alice").args(["-o", &control, "-O", "forward", "-R", &spec, MYDEV])).await;
    let port = done.out.trim().parse().unwrap_or_else(|_| panic!("{done:?}"));
    assert_eq!(ask(port).await, "hello");
    world.audit.has(&[r#""kind":"forwarded-tcpip""#]).await;
    world.audit.has(&[r#""kind":"direct-tcpip""#, &format!("127.0.0.1:{echo}")]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jump_is_end_to_end() {
    let world = World::new().await;
    // ssh hands its options on to the first hop only by its configuration.
    let options =
        world.options("alice").iter().map(|option| format!("-o {option}")).collect::<Vec<_>>().join(" ");
    let proxy =
        format!("ProxyCommand=ssh -F none {options} -p {} -W %h:%p alice@127.0.0.1", world.address.port());
    for host in ["mydev", "mydev.dev-alice", "mydev.alice.team-a"] {
        let mut ssh = crate::process::command("ssh");
        ssh.args(["-F", "none", "-o", &proxy]);
        for option in world.options("alice") {
            ssh.args(["-o", &option]);
        }
        let done = run(ssh.args([&format!("dev@{host}"), "exit 6"])).await;
        assert_eq!(done.status, 6, "{done:?}");
    }
    world.audit.has(&[r#""kind":"jump""#, "dev-alice/mydev"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bastion_is_no_proxy() {
    let world = World::new().await;
    let mut client = world.client("alice", ALICE).await;
    for (host, port) in
        [("127.0.0.1", echo().await), ("169.254.169.254", 80), ("bobs.dev-bob", 22), ("bobs.bob.team-a", 22)]
    {
        let refusal = client.direct_tcpip(host, port).await.unwrap_err();
        assert_eq!(refusal.reason, ChannelOpenFailure::AdministrativelyProhibited);
        assert!(refusal.description.starts_with("devplat: through the bastion only"), "{refusal:?}");
    }
    let remote = client.forward_port("localhost", 0).await;
    assert!(matches!(remote, Err(russh::Error::RequestDenied)), "{remote:?}");
    for host in ["nosuch", "bobs"] {
        let refusal = client.direct_tcpip(host, 22).await.unwrap_err();
        let text = format!(r#"devplat: no dev server "{host}" of yours; you have mydev"#);
        assert_eq!((refusal.reason, refusal.description), (ChannelOpenFailure::ConnectFailed, text));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_that_leads_nowhere_is_told_with_the_reason() {
    let world = World::new().await;
    let failed = Readiness::Failed { reason: "ImagePull".into(), message: "no such image".into() };
    world.door.directory.put_server(server("dev-alice", "broken", failed));
    for (seed, login, why) in [
        (ALICE, "alice+broken", r#""broken" cannot start: ImagePull: no such image"#),
        (ALICE, "alice+nosuch", r#"no dev server "nosuch" of yours; you have broken, mydev"#),
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

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

async fn echo() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reader, mut writer) = stream.split();
                let _ = tokio::io::copy(&mut reader, &mut writer).await;
            });
        }
    });
    port
}

/// Says something at `port` until somebody is there who says the same.
async fn ask(port: u16) -> String {
    let asked = async {
        loop {
            if let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await {
                stream.write_all(b"hello").await.unwrap();
                stream.shutdown().await.unwrap();
                let mut text = String::new();
                if stream.read_to_string(&mut text).await.is_ok() && !text.is_empty() {
                    return text;
                }
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(10), asked).await.expect("somebody answers")
}
