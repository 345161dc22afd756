//! Who gets in, who does not, and for how long.

use std::{fs, time::Duration};

use devplat_bastion::directory::User;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, timeout};

use crate::{
    process::run,
    world::{ALICE, Plan, World, bastion, user},
};

const DENIED: &str = "Permission denied (publickey)";

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
async fn wrong_keys_and_unknown_users_hear_the_same() {
    let world = World::new().await;
    let mut texts = Vec::new();
    for (who, login) in [
        ("eve", "alice"),
        ("bob", "alice+mydev"),
        ("alice", "carol"),
        ("alice", "Alice"),
        ("alice", "alice+"),
    ] {
        let done = run(world.ssh(who).args(["-l", login, "127.0.0.1", "true"])).await;
        assert_eq!(done.status, 255, "{login}");
        texts.push(done.err.trim().replace(login, "USER"));
    }
    assert!(texts[0].contains(DENIED), "{texts:?}");
    assert!(texts.iter().all(|text| *text == texts[0]), "{texts:?}");
    world.audit.has(&[r#""event":"refused""#, r#""user":"carol""#, "there is no such user"]).await;
    world.audit.has(&[r#""event":"refused""#, r#""user":"alice""#, "not a key of the user"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_no_one_has_do_no_harm() {
    let world = World::new().await;
    let long = "a".repeat(100_000);
    for login in ["alice\u{1b}[2J", "alice+a\nb", "älice", "\u{202e}", "-oProxyCommand=x", "'; ls", &long] {
        let login = format!("User={login}");
        let done = run(world.ssh("alice").args(["-o", &login, "127.0.0.1", "true"])).await;
        assert_eq!(done.status, 255, "{:?}", done.err);
    }
    let done = run(world.ssh("alice").args(["alice+mydev@127.0.0.1", "exit 3"])).await;
    assert_eq!(done.status, 3);
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
    let done = run(world.ssh("alice").args(["alice+mydev@127.0.0.1", "true"])).await;
    assert!(done.err.contains(DENIED), "{}", done.err);
    // Others do not notice, and she comes back with her key.
    world.door.directory.put_user(user("alice", ALICE));
    assert_eq!(run(world.ssh("alice").args(["alice+mydev@127.0.0.1", "exit 0"])).await.status, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_has_so_many_connections_and_no_more() {
    let world = World::with(Plan { sessions: 1, ..Plan::default() }).await;
    let _first = world.ssh("alice").args(["alice+mydev@127.0.0.1", "hang"]).spawn().unwrap();
    world.audit.has(&[r#""event":"channel""#]).await;
    let done = run(world.ssh("alice").args(["alice+mydev@127.0.0.1", "true"])).await;
    assert_eq!(done.status, 255);
    assert!(done.err.contains("too many connections open"), "{}", done.err);
    world.audit.has(&[r#""event":"refused""#, r#""user":"alice""#, "too many connections open"]).await;
    assert!(world.door.metrics.render().unwrap().contains("too many of the user"));
    // What bob has is bob's.
    let done = run(world.ssh("bob").args(["bob+bobs@127.0.0.1", "true"])).await;
    assert!(!done.err.contains("too many"), "{}", done.err);
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
    let told = async |options: &[&str]| {
        let mut ssh = world.ssh("alice");
        run(ssh.args(options).args(["alice+mydev@127.0.0.1", "exit 7"])).await
    };
    let done = told(&["-o", "HostKeyAlias=dev.example.com"]).await;
    assert_eq!(done.status, 7, "{done:?}");
    let done = told(&[]).await;
    assert!(done.err.contains("Certificate invalid"), "{done:?}");
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
