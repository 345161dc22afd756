//! What goes over a relay, with OpenSSH's client.

use std::{
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use devplat_bastion::directory::Readiness;
use russh::Sig;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::sleep,
};

use crate::{
    keys::ALICE,
    process::{done, feed, run},
    stub,
    world::{MYDEV, World, server},
};

/// Bytes that may be on their way to a command that reads nothing.
const MOST: usize = 3 * devplat_transport::WINDOW as usize;

#[tokio::test(flavor = "multi_thread")]
async fn standard_error_status_and_signals_come_through() {
    let world = World::new().await;
    let done = run(world.ssh("alice").args([MYDEV, "stderr oops"])).await;
    assert_eq!((done.status, done.out.as_str(), done.err.as_str()), (0, "", "oops"));
    let done = run(world.ssh("alice").args([MYDEV, "nonsense"])).await;
    assert_eq!(done.status, 127);
    let ended = world.client("alice+mydev", ALICE).await.run("killed").await;
    assert!(matches!(ended.signal, Some(Sig::KILL)) && ended.status.is_none(), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn standard_input_ends_while_output_goes_on() {
    let world = World::new().await;
    let input: Vec<u8> = (0..5_000_000_u32).map(|number| number.to_le_bytes()[0]).collect();
    let output = feed(world.ssh("alice").args([MYDEV, "count"]), &input).await;
    assert_eq!(done(&output).out, "5000000\n");
    let output = feed(world.ssh("alice").args([MYDEV, "cat"]), &input).await;
    assert!(output.stdout == input, "{} bytes came back", output.stdout.len());
    world.audit.has(&[r#""up":5000000,"down":5000000,"status":0"#]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_has_its_kind_size_and_variables() {
    let world = World::new().await;
    let mut ssh = world.ssh("alice");
    ssh.env("TERM", "xterm-test").env("LC_TEST", "x").args(["-tt", "-o", "SendEnv=LC_TEST", MYDEV]);
    let done = run(ssh.arg("terminal")).await;
    assert!(done.out.starts_with("xterm-test "), "{done:?}");
    let mut ssh = world.ssh("alice");
    ssh.env("LC_TEST", "ä b").args(["-o", "SendEnv=LC_TEST", MYDEV, "env"]);
    assert_eq!(run(&mut ssh).await.out, "LC_TEST=ä b\n\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_started_is_told() {
    let world = World::new().await;
    let done = run(world.ssh("alice").args(["-s", MYDEV, "nothing"])).await;
    assert_eq!(done.status, 2);
    assert!(done.err.contains("devplat: the dev server has no subsystem \"nothing\""), "{}", done.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_dev_server_looks_like_none() {
    let world = World::new().await;
    let mut texts = Vec::new();
    for name in ["bobs", "none"] {
        let done = run(world.ssh("alice").args([&format!("alice+{name}@127.0.0.1"), "true"])).await;
        assert_eq!((done.status, done.out.as_str()), (3, ""));
        texts.push(done.err.replace(name, "NAME"));
    }
    assert_eq!(texts[0], "devplat: no dev server \"NAME\" of yours; you have mydev\n");
    assert_eq!(texts[0], texts[1]);
    let done = run(world.ssh("alice").args(["alice+mydve@127.0.0.1", "true"])).await;
    assert!(done.err.ends_with("did you mean \"mydev\"?\n"), "{}", done.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_leads_to_another_pod_is_refused_and_noted() {
    let world = World::new().await;
    // Bob's address leads to Alice's server.
    let done = run(world.ssh("bob").args(["bob+bobs@127.0.0.1", "true"])).await;
    assert_eq!(done.status, 255);
    assert!(done.err.contains("what answers at 127.0.0.1") && done.err.contains("is not it"), "{}", done.err);
    world.audit.has(&[r#""event":"wrong-host""#, "dev-bob/bobs"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_nobody_drains_holds_up_only_itself() {
    let world = World::new().await;
    let (_master, control) = world.master(MYDEV).await;
    // One that writes without end, and whose reader does not read.
    let mut ssh = world.ssh("alice");
    let _stuck = ssh.args(["-o", &control, MYDEV, "burst 1000000000"]).spawn().unwrap();
    sleep(Duration::from_secs(1)).await;
    for _ in 0..5 {
        let done = run(world.ssh("alice").args(["-o", &control, MYDEV, "exit 9"])).await;
        assert_eq!(done.status, 9, "{done:?}");
    }
    let output = feed(world.ssh("alice").args(["-o", &control, MYDEV, "cat"]), &vec![1; 3_000_000]).await;
    assert_eq!(output.stdout.len(), 3_000_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_reads_nothing_holds_up_only_itself() {
    let world = World::new().await;
    let (_master, control) = world.master(MYDEV).await;
    let mut ssh = world.ssh("alice");
    let mut stuck = ssh
        .args(["-o", &control, MYDEV, "hang"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut stdin = stuck.stdin.take().unwrap();
    let taken = Arc::<AtomicUsize>::default();
    let count = taken.clone();
    let _feeding = tokio::spawn(async move {
        while let Ok(length) = stdin.write(&[0; 8 << 10]).await {
            count.fetch_add(length, Ordering::Relaxed);
        }
    });
    let taken = || taken.load(Ordering::Relaxed);
    // On a busy machine the windows fill slowly: it stands still once a second brought nothing.
    let mut so_far = 0;
    loop {
        sleep(Duration::from_secs(1)).await;
        let now = taken();
        if now > MOST || (now == so_far && now > 0) {
            break;
        }
        so_far = now;
    }
    let so_far = taken();
    for _ in 0..5 {
        let done = run(world.ssh("alice").args(["-o", &control, MYDEV, "exit 9"])).await;
        assert_eq!(done.status, 9, "{done:?}");
    }
    // A window to the bastion and one to the dev server, and a little of ssh's own; then it has to wait.
    assert!(so_far < MOST, "{so_far} bytes are on their way to nobody");
    assert_eq!(taken(), so_far, "nobody reads");
    // Nor does it hold up what it writes itself.
    let output = feed(world.ssh("alice").args([MYDEV, "burst 40000000"]), &vec![0; 40_000_000]).await;
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 40_000_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_to_the_agent_are_used_again() {
    let world = World::new().await;
    let (_master, control) = world.master(MYDEV).await;
    for _ in 0..10 {
        let done = run(world.ssh("alice").args(["-o", &control, MYDEV, "exit 0"])).await;
        assert_eq!(done.status, 0, "{done:?}\n{}", world.audit.text());
    }
    assert_eq!(world.stub.accepted.load(Ordering::Relaxed), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clients_keys_are_asked_for_only_where_it_allowed_that() {
    let world = World::new().await;
    let done = run(world.ssh("alice").args([MYDEV, "agent"])).await;
    assert_eq!(done.out, "refused\n");
    // An agent that answers everything with a failure.
    let agent = world.folder.path().join("agent");
    let listener = tokio::net::UnixListener::bind(&agent).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut bytes = [0; 1024];
                while stream.read(&mut bytes).await.is_ok_and(|length| length > 0) {
                    let _ = stream.write_all(&[0, 0, 0, 1, 5]).await;
                }
            });
        }
    });
    let mut ssh = world.ssh("alice");
    let done = run(ssh.env("SSH_AUTH_SOCK", &agent).args(["-A", MYDEV, "agent"])).await;
    assert_eq!(done.out, "opened\n", "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_server_of_the_same_user_is_reached_by_its_name() {
    let world = World::new().await;
    let other = stub::start("dev-alice", "other").await;
    world.door.directory.put_server(server("dev-alice", "other", Readiness::Ready(other.address)));
    let done = run(world.ssh("alice").args(["alice+other@127.0.0.1", "exit 8"])).await;
    assert_eq!(done.status, 8);
}
