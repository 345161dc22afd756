//! devctl behind the front door, with a stub of it.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Stdio, time::Duration};

use devplat_bastion::devctl::{Runner, runner};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    process::{done, feed, run},
    world::{Plan, World},
};

/// A shell instead of devctl: it shows what it got, and asks for a relay as devctl does.
const STUB: &str = r#"#!/bin/sh
case "$1" in
"") test -t 0 && echo "prompt on $(tty | cut -c1-9) $(stty size)"; read -r line; echo "got $line" ;;
help) echo "help" ;;
env) env | sort | grep -v -e ^PWD= -e ^SHLVL= -e ^_= ;;
args) shift; for word in "$@"; do echo "<$word>"; done ;;
cat) cat ;;
fail) echo "no" >&2; exit 9 ;;
token) printf '{"token":{}}\n' >&3; read -r answer <&3; echo "answer $answer" ;;
late) sleep 0.3; printf '{"relay":{"server":"%s","command":"%s"}}\n' "$2" "$3" >&3; read -r answer <&3; cat ;;
sleep) echo $$; exec sleep 1000 ;;
ssh)
    printf '{"relay":{"server":"%s","command":"%s"}}\n' "$2" "$3" >&3
    read -r answer <&3
    echo "answer $answer"
    ;;
esac
"#;

struct Front {
    world: World,
    end: CancellationToken,
    _folder: tempfile::TempDir,
}

impl Drop for Front {
    fn drop(&mut self) {
        self.end.cancel();
    }
}

async fn front() -> Front {
    let folder = tempfile::tempdir().unwrap();
    let (listen, program) = (folder.path().join("runner.sock"), folder.path().join("devctl"));
    fs::write(&program, STUB).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let end = CancellationToken::new();
    let enter = PathBuf::from(env!("CARGO_BIN_EXE_devplat-bastion"));
    tokio::spawn(runner::serve(Runner { listen: listen.clone(), program, enter }, end.clone()));
    let world = World::with(Plan { devctl: Some(listen), ..Plan::default() }).await;
    Front { world, end, _folder: folder }
}

#[tokio::test(flavor = "multi_thread")]
async fn devctl_is_run_with_or_without_its_name_and_with_quotes() {
    let front = front().await;
    for command in ["devctl args 'a b' c", "args 'a b' c"] {
        let done = run(front.world.ssh("alice").args(["alice@127.0.0.1", command])).await;
        assert_eq!((done.status, done.out.as_str()), (0, "<a b>\n<c>\n"), "{done:?}");
    }
    let done = run(front.world.ssh("alice").args(["alice@127.0.0.1", "fail"])).await;
    assert_eq!((done.status, done.err.as_str()), (9, "no\n"));
    let done = run(front.world.ssh("alice").args(["alice@127.0.0.1", "args '"])).await;
    assert_eq!(
        (done.status, done.err.as_str()),
        (2, "devplat: the command has a quote that is not closed\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn devctl_has_its_own_environment_and_the_users_own_token() {
    let front = front().await;
    let mut ssh = front.world.ssh("alice");
    let ssh = ssh.env("LC_ALL", "C.UTF-8").env("EVIL", "1").args(["-o", "SendEnv=LC_ALL EVIL"]);
    let done = run(ssh.args(["alice@127.0.0.1", "env"])).await;
    assert_eq!(
        done.out,
        "DEVCTL_BASTION=1\nDEVCTL_CA_FILE=/ca.crt\nDEVCTL_CONTROL_FD=3\nDEVCTL_HOST=dev.example.com:2222\n\
         DEVCTL_NAMESPACE=dev-alice\nDEVCTL_PLATFORM=devplat\n\
         DEVCTL_SERVER=https://api.test\nDEVCTL_TOKEN=alices-token\nDEVCTL_USER=alice\nHOME=/nonexistent\n\
         LC_ALL=C.UTF-8\n"
    );
    assert!(!front.world.audit.text().contains("alices-token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_gets_the_prompt_and_a_pipe_gets_help() {
    let front = front().await;
    let done = run(front.world.ssh("alice").args(["-T", "alice@127.0.0.1"])).await;
    assert_eq!((done.status, done.out.as_str()), (0, "help\n"));
    let output = feed(front.world.ssh("alice").args(["-tt", "alice@127.0.0.1"]), b"hello\n").await;
    let text = done_out(&output);
    assert!(text.contains("prompt on /dev/pts") && text.contains("got hello"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bytes_go_through_devctl_unchanged() {
    let front = front().await;
    let input = vec![7; 3_000_000];
    let output = feed(front.world.ssh("alice").args(["alice@127.0.0.1", "cat"]), &input).await;
    assert!(output.stdout == input, "{}", output.stdout.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn devctl_hands_the_session_over_and_goes_on_afterwards() {
    let front = front().await;
    let done = run(front.world.ssh("alice").args(["alice@127.0.0.1", "ssh mydev 'stderr oops'"])).await;
    assert_eq!((done.out.as_str(), done.err.as_str()), ("answer {\"exit\":0}\n", "oops"), "{done:?}");
    let done = run(front.world.ssh("alice").args(["alice@127.0.0.1", "ssh mydev 'exit 7'"])).await;
    assert_eq!(done.out, "answer {\"exit\":7}\n");
    let done = run(front.world.ssh("alice").args(["alice@127.0.0.1", "ssh bobs true"])).await;
    let text = r#"no dev server \"bobs\" of yours; you have mydev"#;
    assert_eq!(done.out, format!("answer {{\"absent\":\"{text}\"}}\n"));
    let mut ssh = front.world.ssh("alice");
    let done =
        run(ssh.env("TERM", "xterm-test").args(["-tt", "alice@127.0.0.1", "ssh mydev terminal"])).await;
    assert!(done.out.contains("xterm-test") && done.out.contains("answer"), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_has_a_terminal_only_where_the_session_has_one() {
    let front = front().await;
    let done = run(front.world.ssh("alice").args(["alice@127.0.0.1", "ssh mydev terminal"])).await;
    assert_eq!(done.out, "none\nanswer {\"exit\":0}\n", "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_piped_in_early_reaches_the_dev_server_to_the_last_byte() {
    let front = front().await;
    for length in [0, 5, 3_000_000] {
        let input: Vec<u8> = (0..length).map(|n: u32| u8::try_from(n % 251).unwrap()).collect();
        let output = feed(front.world.ssh("alice").args(["alice@127.0.0.1", "late mydev cat"]), &input).await;
        assert!(output.stdout == input, "{} of {length}: {output:?}", output.stdout.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_typed_early_on_a_terminal_reaches_the_dev_server_with_its_end() {
    let front = front().await;
    // The terminal shows it as it comes, with lines of its own; the stub gives back what it was given, and ends there.
    for input in ["one\ntwo\n", "one\ntwo"] {
        let mut ssh = front.world.ssh("alice");
        let output = feed(ssh.args(["-tt", "alice@127.0.0.1", "late mydev cat"]), input.as_bytes()).await;
        let out = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(out.starts_with("one\r\ntwo") && out.contains(input), "{out:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn devctl_gets_another_token_when_it_asks() {
    let front = front().await;
    let done = run(front.world.ssh("alice").args(["alice@127.0.0.1", "token"])).await;
    assert_eq!(done.out, "answer {\"token\":\"alices-token\"}\n", "{done:?}");
    assert!(!front.world.audit.text().contains("alices-token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn devctl_is_hung_up_on_when_the_client_goes() {
    let front = front().await;
    let mut ssh = front.world.ssh("alice");
    let mut child = ssh.args(["alice@127.0.0.1", "sleep"]).spawn().unwrap();
    let mut number = [0; 32];
    let length = child.stdout.as_mut().unwrap().read(&mut number).await.unwrap();
    let process = format!("/proc/{}", String::from_utf8_lossy(&number[..length]).trim());
    assert!(fs::exists(&process).unwrap(), "{process}");
    child.kill().await.unwrap();
    let wait = async {
        while fs::exists(&process).unwrap() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_secs(10), wait).await.expect("devctl hears of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn sftp_is_told_where_to_go() {
    let front = front().await;
    let done = run(front.world.ssh("alice").args(["-s", "alice@127.0.0.1", "sftp"])).await;
    assert_eq!(done.status, 2);
    assert!(done.err.contains("name a dev server: alice+NAME@..."), "{}", done.err);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_runner_that_is_said() {
    let world = World::new().await;
    let mut ssh = world.ssh("alice");
    let mut child = ssh.args(["alice@127.0.0.1", "list"]).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(b"").await.unwrap();
    let output = timeout(Duration::from_secs(10), child.wait_with_output()).await.unwrap().unwrap();
    let done = done(&output);
    assert_eq!((done.status, done.err.as_str()), (1, "devplat: devctl is not set up on this bastion\n"));
}

fn done_out(output: &std::process::Output) -> String {
    done(output).out
}
