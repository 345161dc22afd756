//! What goes over a relay, with OpenSSH's client.

use std::{
    net::SocketAddr,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use devplat_bastion::directory::Readiness;
use russh::{ChannelOpenFailure, Sig};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};

use crate::{
    process::{done, feed, run},
    stub,
    world::{ALICE, World, server},
};

const MYDEV: &str = "alice+mydev@127.0.0.1";
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
    assert_eq!(done.status, 1);
    assert!(done.err.contains("devplat: the dev server has no subsystem \"nothing\""), "{}", done.err);
}

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
    for host in ["mydev", "mydev.dev-alice"] {
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
    for (host, port) in [("127.0.0.1", echo().await), ("169.254.169.254", 80), ("bobs.dev-bob", 22)] {
        let refusal = client.direct_tcpip(host, port).await.unwrap_err();
        assert_eq!(refusal.reason, ChannelOpenFailure::AdministrativelyProhibited);
        assert!(refusal.description.starts_with("devplat: through the bastion only"), "{refusal:?}");
    }
    let remote = client.forward_port("localhost", 0).await;
    assert!(matches!(remote, Err(russh::Error::RequestDenied)), "{remote:?}");
    for host in ["nosuch", "bobs"] {
        let refusal = client.direct_tcpip(host, 22).await.unwrap_err();
        let text = format!(r#"devplat: no dev server "{host}" of yours; "devctl list" shows them"#);
        assert_eq!((refusal.reason, refusal.description), (ChannelOpenFailure::ConnectFailed, text));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_elses_dev_server_looks_like_none() {
    let world = World::new().await;
    let mut texts = Vec::new();
    for name in ["bobs", "none"] {
        let done = run(world.ssh("alice").args([&format!("alice+{name}@127.0.0.1"), "true"])).await;
        assert_eq!((done.status, done.out.as_str()), (1, ""));
        texts.push(done.err.replace(name, "NAME"));
    }
    assert_eq!(texts[0], "devplat: no dev server \"NAME\" of yours; \"devctl list\" shows them\n");
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
    assert_eq!(status.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_terminal_it_fails_clearly_at_once_or_after_a_moment() {
    let world = World::new().await;
    let put = |readiness| world.door.directory.put_server(server("dev-alice", "mydev", readiness));
    put(Readiness::Failed { reason: "ImagePull".into(), message: "no such image".into() });
    let begun = Instant::now();
    let done = run(world.ssh("alice").args([MYDEV, "true"])).await;
    assert_eq!(done.status, 1);
    assert_eq!(done.err, "devplat: \"mydev\" cannot start: ImagePull: no such image\n");
    assert!(begun.elapsed() < Duration::from_secs(3));
    put(starting("Starting", "pulls", None));
    let begun = Instant::now();
    let done = run(world.ssh("alice").args([MYDEV, "true"])).await;
    assert_eq!(
        done.err,
        "devplat: \"mydev\" is not ready yet: Starting: pulls; \"devctl describe mydev\" says more\n"
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

async fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port()
}

pub(crate) async fn echo() -> u16 {
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

fn starting(reason: &str, message: &str, address: Option<SocketAddr>) -> Readiness {
    Readiness::Starting { reason: reason.into(), message: message.into(), address }
}
