//! Who gets in, who does not, and for how long.

use std::{fs, time::Duration};

use devplat_bastion::directory::User;
use russh::{Disconnect, client::AuthResult};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, timeout};

use crate::{
    keys::{ALICE, BOB, EVE, key},
    process::run,
    russh_client::{Client, rejected},
    world::{Plan, World, bastion, user},
};

#[tokio::test(flavor = "multi_thread")]
async fn alice_gets_to_her_dev_server_with_her_key() {
    let world = World::new().await;
    let done = run(world.ssh("alice").args(["alice+mydev@127.0.0.1", "exit 7"])).await;
    assert_eq!((done.status, done.out.as_str(), done.err.as_str()), (7, "", ""));
    world.audit.has(&[r#""event":"login""#, r#""user":"alice","server":"mydev""#, "SHA256:"]).await;
    world.audit.has(&[r#""event":"end""#, r#""status":7"#]).await;
    world.audit.has(&[r#""event":"logout""#, r#""why":"left""#]).await;
    assert!(!world.audit.text().contains("exit 7"), "commands are not logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_and_unknown_users_get_the_same_answer() {
    let world = World::new().await;
    for (seed, login) in
        [(EVE, "alice"), (BOB, "alice+mydev"), (ALICE, "carol"), (ALICE, "Alice"), (ALICE, "alice+")]
    {
        assert_eq!(world.answer(login, seed).await, rejected(), "{login}");
    }
    world.audit.has(&[r#""event":"refused""#, r#""user":"carol""#, "there is no such user"]).await;
    world.audit.has(&[r#""event":"refused""#, r#""user":"alice""#, "not a key of the user"]).await;
    assert_eq!(run(world.ssh("eve").args(["alice@127.0.0.1", "true"])).await.status, 255);
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_user_names_are_rejected_and_leave_the_log_clean() {
    let world = World::new().await;
    let endless = "a".repeat(100_000);
    let odd = [
        "alice\u{1b}[2J",
        "alice\0",
        "alice\r",
        "alice+a\nb",
        "alice+\u{7}",
        "älice",
        "\u{202e}",
        "-oProxyCommand=x",
        "'; ls",
        &endless,
    ];
    for (number, login) in (1..).zip(odd) {
        assert_eq!(world.answer(login, ALICE).await, rejected(), "name {number}");
        // The reason is an error of the name, so the server has read it.
        let connection = format!(r#""event":"refused","connection":{number},"#);
        world.audit.has(&[&connection, r#""why":"the "#, "name"]).await;
    }
    let log = world.audit.text();
    assert_eq!(log.lines().count(), odd.len(), "{log:?}");
    assert!(!log.contains(r#""user""#), "{log:?}");
    assert!(log.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "{log:?}");
    // The connection and the server go on.
    let mut client = Client::connect(world.address).await;
    assert_eq!(client.log_in(odd[0], &key(ALICE)).await, rejected());
    assert_eq!(client.log_in("alice+mydev", &key(ALICE)).await, AuthResult::Success);
    assert_eq!(client.run("exit 3").await.status, Some(3));
    assert_eq!(run(world.ssh("alice").args(["alice+mydev@127.0.0.1", "exit 3"])).await.status, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_taken_away_ends_open_sessions_and_new_logins() {
    let world = World::new().await;
    let mut child = world.ssh("alice").args(["alice+mydev@127.0.0.1", "hang"]).spawn().unwrap();
    world.audit.has(&[r#""event":"channel""#, r#""kind":"exec""#]).await;
    let begun = Instant::now();
    world.door.directory.put_user(User::new("alice", &[]));
    let status = timeout(Duration::from_secs(10), child.wait()).await.expect("it ends").unwrap();
    assert_eq!(status.code(), Some(255));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    world.audit.has(&[r#""event":"logout""#, "key or user taken away"]).await;
    assert_eq!(world.answer("alice+mydev", ALICE).await, rejected());
    // Others do not notice, and she comes back with her key.
    world.door.directory.put_user(user("alice", ALICE));
    assert_eq!(run(world.ssh("alice").args(["alice+mydev@127.0.0.1", "exit 0"])).await.status, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_so_many_connections_and_no_more() {
    let world = World::with(Plan { sessions: 1, ..Plan::default() }).await;
    let _first = world.ssh("alice").args(["alice+mydev@127.0.0.1", "hang"]).spawn().unwrap();
    world.audit.has(&[r#""event":"channel""#]).await;
    // The key is right, so the login succeeds before the bastion disconnects.
    let last = world.client("alice+mydev", ALICE).await.disconnected().await.unwrap();
    assert!(matches!(last.reason_code, Disconnect::TooManyConnections), "{last:?}");
    assert!(last.message.contains("too many connections open"), "{last:?}");
    world.audit.has(&[r#""event":"refused""#, r#""user":"alice""#, "too many connections open"]).await;
    assert!(world.door.metrics.render().unwrap().contains("too many of the user"));
    // The limit is per user.
    assert!(world.client("bob+bobs", BOB).await.session().await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drain_lets_open_sessions_go_on_and_takes_no_new_ones() {
    let world = World::with(Plan { grace: Duration::from_secs(4), ..Plan::default() }).await;
    let mut child = world.ssh("alice").args(["alice+mydev@127.0.0.1", "hang"]).spawn().unwrap();
    world.audit.has(&[r#""event":"channel""#]).await;
    let begun = Instant::now();
    world.end.cancel();
    world.door.drain.begun().await;
    let done = run(world.ssh("bob").args(["bob+bobs@127.0.0.1", "true"])).await;
    assert_eq!(done.status, 255);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert!(child.try_wait().unwrap().is_none(), "open sessions go on");
    let status = timeout(Duration::from_secs(10), child.wait()).await.unwrap().unwrap();
    assert_eq!(status.code(), Some(255));
    assert!(begun.elapsed() >= Duration::from_secs(4));
    timeout(Duration::from_secs(10), world.serving).await.expect("it ends").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_host_certificate_is_shown_to_whoever_comes_next() {
    let world = World::new().await;
    let mut before = world.ssh("alice").args(["alice+mydev@127.0.0.1", "hang"]).spawn().unwrap();
    world.audit.has(&[r#""event":"channel""#]).await;
    let path = world.folder.path().join("host_key-cert.pub");
    fs::write(&path, bastion("dev.example.com").certificate_text()).unwrap();
    world.host.reread().unwrap();
    let shown = Client::connect(world.address).await;
    assert_eq!(shown.certificate().unwrap().valid_principals(), ["dev.example.com"]);
    let told = async |options: &[&str]| {
        let mut ssh = world.ssh("alice");
        run(ssh.args(options).args(["alice+mydev@127.0.0.1", "exit 7"])).await
    };
    let done = told(&["-o", "HostKeyAlias=dev.example.com"]).await;
    assert_eq!(done.status, 7, "{done:?}");
    assert_eq!(told(&[]).await.status, 255, "the certificate is for another name");
    assert!(before.try_wait().unwrap().is_none(), "open sessions go on");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_without_a_sign_of_life_is_given_up() {
    let world = World::with(Plan { keepalive: Some(Duration::from_millis(500)), ..Plan::default() }).await;
    let hang = || world.ssh("alice").args(["alice+mydev@127.0.0.1", "hang"]).spawn().unwrap();
    let mut lively = hang();
    world.audit.has(&[r#""event":"channel""#, r#""connection":1"#]).await;
    let stopped = hang();
    world.audit.has(&[r#""event":"channel""#, r#""connection":2"#]).await;
    let pid = stopped.id().and_then(|id| Pid::from_raw(id.try_into().unwrap())).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    world.audit.has(&[r#""event":"logout","connection":2"#, r#""why":"no sign of life""#]).await;
    assert!(lively.try_wait().unwrap().is_none(), "silence is no fault where questions are answered");
}
