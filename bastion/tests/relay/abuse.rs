//! Those who do not mean well, or do not speak SSH.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::{
    process::run,
    world::{Plan, World},
};

#[tokio::test(flavor = "multi_thread")]
async fn two_thousand_half_open_connections_do_not_keep_alice_out() {
    let world = World::new().await;
    let mut held = Vec::new();
    for number in 0..2000 {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(b"SSH-2.0-slow\r\n").await.unwrap();
        }
        held.push(stream);
    }
    for _ in 0..3 {
        let done = run(world.ssh("alice").args(["alice+mydev@127.0.0.1", "exit 7"])).await;
        assert_eq!(done.status, 7, "{done:?}");
    }
    assert!(world.door.metrics.render().unwrap().contains("made room"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nonsense_ends_the_connection_and_nothing_else() {
    let world = World::new().await;
    let mut noise: u64 = 1;
    for number in 0..200_usize {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        if number % 3 != 0 {
            let _ = stream.write_all(b"SSH-2.0-noise\r\n").await;
        }
        let bytes: Vec<u8> = (0..number * 40)
            .map(|_| {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                noise.to_be_bytes()[0]
            })
            .collect();
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        let mut answer = Vec::new();
        let _ = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer)).await.expect("it ends");
    }
    let done = run(world.ssh("alice").args(["alice+mydev@127.0.0.1", "exit 7"])).await;
    assert_eq!(done.status, 7, "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_guesses_has_to_wait() {
    let world = World::with(Plan { exempt: Vec::new(), ..Plan::default() }).await;
    for _ in 0..4 {
        assert_eq!(run(world.ssh("eve").args(["alice@127.0.0.1", "true"])).await.status, 255);
    }
    let mut stream = TcpStream::connect(world.address).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert_eq!(text, "Not allowed at this time\r\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_does_not_log_in_in_time_is_ended_and_has_to_wait() {
    let grace = Duration::from_secs(1);
    let plan = Plan { exempt: Vec::new(), login_grace: grace, ..Plan::default() };
    let world = World::with(plan).await;
    let begun = Instant::now();
    let mut streams = Vec::new();
    for greeting in ["", "SSH-2.0-slow\r\n", "", "SSH-2.0-slow\r\n"] {
        let mut stream = TcpStream::connect(world.address).await.unwrap();
        stream.write_all(greeting.as_bytes()).await.unwrap();
        streams.push(stream);
    }
    for stream in &mut streams {
        let mut said = Vec::new();
        let _ = timeout(Duration::from_secs(10), stream.read_to_end(&mut said)).await.expect("it ends");
        assert!(begun.elapsed() >= grace);
    }
    let counted = || world.door.metrics.render().unwrap();
    let all = async {
        while !counted().contains("{outcome=\"login took too long\"} 4") {
            sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(timeout(Duration::from_secs(5), all).await.is_ok(), "{}", counted());
    assert!(!world.door.startups.admits(world.address.ip()), "four of these are not forgiven");
}
