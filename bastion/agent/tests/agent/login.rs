//! Who gets in.

use std::{
    fs,
    io::{ErrorKind, Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    process::Stdio,
    time::{Duration, Instant, SystemTime},
};

use crate::{
    clients::{client, complaint, text},
    server::Server,
};

const MINUTES: Duration = Duration::from_mins(5);

fn with_certificate(server: &Server, name: &str) -> std::process::Command {
    let mut ssh = client("ssh");
    ssh.arg("-F").arg(server.at(&format!("config-{name}"))).args(["mydev", "echo in"]);
    ssh
}

#[test]
fn a_certificate_for_this_server_lets_in_and_the_log_says_who() {
    let server = Server::start();
    server.certify("bastion", "dev-alice/mydev", SystemTime::now(), MINUTES);
    assert_eq!(text(&mut with_certificate(&server, "bastion"), b""), "in\n");
    assert!(server.log().contains(r#"certificate "alice" from 127.0.0.1 logs in"#), "{}", server.log());
}

#[test]
fn certificates_for_others_and_of_yesterday_let_nobody_in() {
    let server = Server::start();
    server.certify("other", "dev-alice/otherdev", SystemTime::now(), MINUTES);
    assert!(complaint(&mut with_certificate(&server, "other")).contains("Permission denied"));
    server.eventually("the log says why", || server.log().contains(r#"not for "dev-alice/mydev""#));
    let yesterday = SystemTime::now() - Duration::from_hours(24);
    server.certify("old", "dev-alice/mydev", yesterday, MINUTES);
    assert!(complaint(&mut with_certificate(&server, "old")).contains("Permission denied"));
}

#[test]
fn a_certificate_that_allows_little_allows_no_more() {
    let server = Server::start();
    server.certify("little", "dev-alice/mydev", SystemTime::now(), MINUTES);
    let authority = server.at("authority");
    fs::write(&authority, crate::server::sessions().to_openssh()).unwrap();
    fs::set_permissions(&authority, fs::Permissions::from_mode(0o600)).unwrap();
    let mut sign = client("ssh-keygen");
    sign.args(["-q", "-I", "bob", "-n", "dev-alice/mydev", "-V", "-1m:+5m", "-O", "clear", "-s"]);
    text(sign.arg(&authority).arg(server.at("little.pub")), b"");
    assert_eq!(text(&mut with_certificate(&server, "little"), b""), "in\n");
    let ssh = |args: &[&str]| {
        let mut ssh = client("ssh");
        ssh.arg("-F").arg(server.at("config-little")).args(args);
        ssh
    };
    let said = complaint(&mut ssh(&["-tt", "-o", "LogLevel=INFO", "mydev", "tty"]));
    assert!(said.contains("PTY allocation request failed"), "{said}");
    complaint(&mut ssh(&["-W", "127.0.0.1:1", "mydev"]));
    complaint(&mut ssh(&["-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", "mydev"]));
}

#[test]
fn keys_of_the_owner_let_in_as_long_as_the_file_names_them() {
    let server = Server::start();
    assert_eq!(server.output("echo in"), "in\n");
    let keys = server.at("keys/authorized_keys");
    let owners = fs::read(&keys).unwrap();
    fs::remove_file(&keys).unwrap();
    assert!(complaint(&mut server.ssh(&[], &["true"])).contains("Permission denied"));
    // As the kubelet does it: a link that is moved over the old one.
    fs::create_dir(server.at("keys/..data_1")).unwrap();
    fs::write(server.at("keys/..data_1/authorized_keys"), owners).unwrap();
    std::os::unix::fs::symlink("..data_1", server.at("keys/..data")).unwrap();
    std::os::unix::fs::symlink("..data/authorized_keys", &keys).unwrap();
    assert_eq!(server.output("echo in"), "in\n");
    fs::write(server.at("keys/..data_1/authorized_keys"), "this is no key\n").unwrap();
    assert!(complaint(&mut server.ssh(&[], &["true"])).contains("Permission denied"));
}

#[test]
fn only_public_keys_are_asked_for() {
    let server = Server::start();
    let mut ssh = server.ssh(&["-o", "PreferredAuthentications=password,keyboard-interactive"], &["true"]);
    assert!(complaint(&mut ssh).contains("Permission denied (publickey)"));
}

#[test]
fn a_host_that_another_authority_vouches_for_is_refused_by_the_client() {
    let server = Server::start();
    let other = devplat_keys::HostAuthority::from_seed([8; 32]);
    let line = format!("@cert-authority * {}\n", other.public_key().to_openssh().unwrap());
    fs::write(server.at("known_hosts"), line).unwrap();
    assert!(complaint(&mut server.ssh(&[], &["true"])).contains("Host key verification failed"));
}

#[test]
fn clients_that_do_not_log_in_do_not_keep_out_those_that_do_for_long() {
    let server = Server::start();
    let half_open: Vec<_> =
        (0..60).map(|_| TcpStream::connect(("127.0.0.1", server.port)).unwrap()).collect();
    assert_eq!(server.output("echo in"), "in\n");
    let more: Vec<_> = (0..40).map(|_| TcpStream::connect(("127.0.0.1", server.port)).unwrap()).collect();
    let mut refused = more.last().unwrap();
    refused.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    assert_eq!(refused.read(&mut [0; 64]).unwrap(), 0, "there is room for 64");
    drop((half_open, more));
    server
        .eventually("there is room again", || server.ssh(&[], &["true"]).output().unwrap().status.success());
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
