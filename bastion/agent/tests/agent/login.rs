//! Who gets in.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    process::Stdio,
    time::{Duration, Instant, SystemTime},
};

use devplat_keys::HostAuthority;
use russh::{
    ChannelOpenFailure, MethodKind,
    client::{AuthResult, KeyboardInteractiveAuthResponse},
};

use crate::{
    clients::{client, complaint, text},
    russh_client::{granted, in_time, rejected},
    server::{Server, hosts},
};

const MINUTES: Duration = Duration::from_mins(5);

fn with_certificate(server: &Server, name: &str) -> std::process::Command {
    let mut ssh = client("ssh");
    ssh.arg("-F").arg(server.at(&format!("config-{name}"))).args(["mydev", "echo in"]);
    ssh
}

/// The answer to a login with the key `name` and its certificate.
async fn answer(server: &Server, name: &str) -> AuthResult {
    let (key, certificate) = (server.key(name), server.certificate(name));
    server.connect().await.log_in_certified("dev", &key, certificate).await
}

#[test]
fn a_certificate_for_this_server_lets_in_and_the_log_says_who() {
    let server = Server::start();
    server.certify("bastion", "dev-alice/mydev", SystemTime::now(), MINUTES);
    assert_eq!(text(&mut with_certificate(&server, "bastion"), b""), "in\n");
    assert!(server.log().contains(r#"certificate "alice" from 127.0.0.1 logs in"#), "{}", server.log());
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_for_others_and_of_yesterday_are_rejected() {
    let server = Server::start();
    server.certify("other", "dev-alice/otherdev", SystemTime::now(), MINUTES);
    assert_eq!(answer(&server, "other").await, rejected());
    server.eventually("the log says why", || server.log().contains(r#"not for "dev-alice/mydev""#));
    let yesterday = SystemTime::now() - Duration::from_hours(24);
    server.certify("old", "dev-alice/mydev", yesterday, MINUTES);
    assert_eq!(answer(&server, "old").await, rejected());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_allows_little_allows_no_more() {
    let server = Server::start();
    server.certify("little", "dev-alice/mydev", SystemTime::now(), MINUTES);
    let authority = server.at("authority");
    fs::write(&authority, crate::server::sessions().to_openssh()).unwrap();
    fs::set_permissions(&authority, fs::Permissions::from_mode(0o600)).unwrap();
    let mut sign = client("ssh-keygen");
    sign.args(["-q", "-I", "bob", "-n", "dev-alice/mydev", "-V", "-1m:+5m", "-O", "clear", "-s"]);
    text(sign.arg(&authority).arg(server.at("little.pub")), b"");
    assert_eq!(text(&mut with_certificate(&server, "little"), b""), "in\n");
    let (key, certificate) = (server.key("little"), server.certificate("little"));
    let mut client = server.connect().await;
    assert_eq!(client.log_in_certified("dev", &key, certificate).await, AuthResult::Success);
    let mut session = client.session().await.unwrap();
    session.request_pty(true, "xterm", 80, 24, 0, 0, &[]).await.unwrap();
    assert!(!granted(&mut session).await, "it does not allow a terminal");
    session.agent_forward(true).await.unwrap();
    assert!(!granted(&mut session).await, "it does not allow agent forwarding");
    // A refusal with another reason would come from the port, on which nothing listens.
    let refusal = client.direct_tcpip("127.0.0.1", 1).await.unwrap_err();
    assert_eq!(refusal.reason, ChannelOpenFailure::AdministrativelyProhibited, "{refusal:?}");
    let remote = client.forward_port("localhost", 0).await;
    assert!(matches!(remote, Err(russh::Error::RequestDenied)), "{remote:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_owner_let_in_as_long_as_the_file_names_them() {
    let server = Server::start();
    let answer = async || server.connect().await.log_in("dev", &server.key("key")).await;
    assert_eq!(server.output("echo in"), "in\n");
    let keys = server.at("keys/authorized_keys");
    let owners = fs::read(&keys).unwrap();
    fs::remove_file(&keys).unwrap();
    assert_eq!(answer().await, rejected());
    // As the kubelet does it: a link that is moved over the old one.
    fs::create_dir(server.at("keys/..data_1")).unwrap();
    fs::write(server.at("keys/..data_1/authorized_keys"), owners).unwrap();
    std::os::unix::fs::symlink("..data_1", server.at("keys/..data")).unwrap();
    std::os::unix::fs::symlink("..data/authorized_keys", &keys).unwrap();
    assert_eq!(server.output("echo in"), "in\n");
    fs::write(server.at("keys/..data_1/authorized_keys"), "this is no key\n").unwrap();
    assert_eq!(answer().await, rejected());
}

#[tokio::test(flavor = "multi_thread")]
async fn only_public_keys_are_asked_for() {
    let server = Server::start();
    let mut client = server.connect().await;
    assert_eq!(in_time(client.handle.authenticate_none("dev")).await.unwrap(), rejected());
    assert_eq!(in_time(client.handle.authenticate_password("dev", "secret")).await.unwrap(), rejected());
    let interactive = client.handle.authenticate_keyboard_interactive_start("dev", None::<String>);
    let interactive = in_time(interactive).await.unwrap();
    let KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success: false } = &interactive
    else {
        panic!("{interactive:?}");
    };
    assert_eq!(remaining_methods[..], [MethodKind::PublicKey]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_rejects_a_host_that_another_authority_certified() {
    let server = Server::start();
    let shown = server.connect().await;
    assert_eq!(shown.certificate().unwrap().signature_key(), hosts().public_key().key_data());
    assert_eq!(server.output("echo in"), "in\n");
    let other = HostAuthority::from_seed([8; 32]);
    let line = format!("@cert-authority * {}\n", other.public_key().to_openssh().unwrap());
    fs::write(server.at("known_hosts"), line).unwrap();
    // The call that succeeded above.
    complaint(&mut server.ssh(&[], &["echo in"]));
}

#[test]
fn a_client_waits_for_its_turn_while_many_log_in() {
    let server = Server::start();
    let half_open: Vec<_> = (0..100).map(|_| half_open(&server)).collect();
    let waiting = server.ssh(&[], &["echo in"]).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    // Long enough for it to be refused, if it were.
    std::thread::sleep(Duration::from_millis(500));
    drop(half_open);
    assert_eq!(waiting.wait_with_output().unwrap().stdout, b"in\n", "{}", server.log());
}

#[test]
fn there_is_room_for_so_many_clients_that_do_not_log_in() {
    let server = Server::start();
    let half_open: Vec<_> = (0..512).map(|_| half_open(&server)).collect();
    let mut refused = self::half_open(&server);
    refused.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(refused.read(&mut [0; 64]).unwrap(), 0, "there is room for 512");
    server.eventually("the reason", || server.log().contains("512 connections are not logged in"));
    drop(half_open);
    server
        .eventually("there is room again", || server.ssh(&[], &["true"]).output().unwrap().status.success());
}

fn half_open(server: &Server) -> TcpStream {
    TcpStream::connect(("127.0.0.1", server.port)).unwrap()
}

#[test]
fn clients_that_do_not_log_in_in_time_are_ended_and_those_that_did_stay() {
    let server = Server::start_with(|agent| {
        agent.args(["--ssh-login-grace", "1"]);
    });
    let begun = Instant::now();
    let mut logged_in = server.ssh(&[], &["sleep 1000"]).stdin(Stdio::null()).spawn().unwrap();
    for greeting in ["", "SSH-2.0-slow\r\n"] {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(greeting.as_bytes()).unwrap();
        let connected = Instant::now();
        let ended = stream.read_to_end(&mut Vec::new());
        let silent = ended.is_err_and(|error| error.kind() == ErrorKind::WouldBlock);
        assert!(!silent, "{greeting:?} is ended");
        assert!(connected.elapsed() >= Duration::from_millis(900), "{greeting:?} gets its second");
    }
    assert!(begun.elapsed() > Duration::from_secs(1));
    assert!(logged_in.try_wait().unwrap().is_none());
    logged_in.kill().unwrap();
    logged_in.wait().unwrap();
}

#[test]
fn bytes_that_are_no_ssh_leave_the_agent_as_it_was() {
    let server = Server::start();
    let mut noise = vec![0; 100_000];
    let mut state = 7u64;
    for round in 0..40 {
        for byte in &mut noise {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = state.to_be_bytes()[0];
        }
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
        if round % 2 == 0 {
            // Far enough to be taken for a client.
            let _ = stream.write_all(b"SSH-2.0-noise\r\n");
        }
        let _ = stream.write_all(&noise[..(round + 1) * 2500]);
    }
    assert_eq!(server.output("echo in"), "in\n");
    assert!(!server.log().contains("panicked"), "{}", server.log());
}

#[test]
fn a_front_that_cannot_open_says_why_and_leaves_pid_1_alone() {
    let mut server = Server::start();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    server.terminate();
    let http = crate::server::free_port();
    let mut agent = std::process::Command::new(env!("CARGO_BIN_EXE_devplat-agent"))
        .args(["init", "--principal", "a/b", "--ssh-dir"])
        .arg(server.at("ssh"))
        .args(["--ssh-listen", &format!("127.0.0.1:{port}"), "--http-listen", &format!("127.0.0.1:{http}")])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    server.eventually("the reason", || {
        let url = format!("http://127.0.0.1:{http}/readyz");
        let answer = client("curl").args(["-s", "-w", "%{http_code}", &url]).output().unwrap();
        let answer = String::from_utf8(answer.stdout).unwrap();
        answer.contains("cannot listen on") && answer.ends_with("503")
    });
    drop(taken);
    server.eventually("SSH comes up", || TcpStream::connect(("127.0.0.1", port)).is_ok());
    assert!(agent.try_wait().unwrap().is_none());
    agent.kill().unwrap();
    agent.wait().unwrap();
}
