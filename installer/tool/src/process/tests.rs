//! A child's environment, input and output, and its end.

use std::time::Instant;

use super::*;
use crate::Surroundings;

fn here() -> Surroundings {
    Surroundings::new([("PATH", "/usr/bin:/bin"), ("K3D_CONFIG", "x"), ("KEPT", "yes"), ("GONE", "x")], None)
}

fn shell(script: &str) -> Command {
    Command::new("sh", &here()).args(["-c", script])
}

#[tokio::test]
async fn absent_program_is_reported_with_the_searched_folders() {
    let surroundings = Surroundings::new([("PATH", "/usr/bin:/bin")], Some("/home/ada".into()));
    let error = Command::new("devplat-no-such-program", &surroundings).run().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "devplat-no-such-program is not installed: it is not in /usr/bin:/bin:/home/ada/.local/bin:/usr/local/bin"
    );
    assert!(error.hint().unwrap().contains("PATH"));
}

#[test]
fn program_that_cannot_be_started_among_too_many_has_a_remedy() {
    let start = |source| Error::Start { program: "kind".to_owned(), source };
    let hint = start(rustix::io::Errno::AGAIN.into()).hint().unwrap();
    assert!(hint.contains("processes"), "{hint}");
    assert_eq!(start(rustix::io::Errno::NOEXEC.into()).hint(), None);
}

#[tokio::test]
async fn failure_reports_command_status_and_last_lines() {
    let error = shell("echo no room >&2; exit 7").run().await.unwrap_err();
    assert_eq!(error.to_string(), "sh -c echo no room >&2; exit 7: exit status 7: no room");
    let error = shell("printf '\\033[31mFATA\\033[0m[0009] no room\\n' >&2; exit 1").run().await.unwrap_err();
    assert_eq!(error.said(), "FATA[0009] no room");
    let error = shell("kill -9 $$").run().await.unwrap_err();
    assert_eq!(error.to_string(), "sh -c kill -9 $$: ended by signal 9");
}

#[tokio::test]
async fn secret_output_is_not_quoted() {
    let script = "echo token; exit 1";
    assert_eq!(shell(script).run().await.unwrap_err().said(), "token");
    assert_eq!(shell(script).secret().run().await.unwrap_err().said(), "");
    let both = shell("echo token; echo why >&2; exit 1").secret().run().await.unwrap_err();
    assert_eq!(both.said(), "why");
}

#[tokio::test]
async fn child_reads_its_input_and_its_lines_are_passed_on() {
    let mut told = Vec::new();
    let script = "cat; echo; echo one >&2; echo two >&2";
    let output = shell(script)
        .stdin("given")
        .run_lines(|line| {
            told.push(match line {
                Line::Out(line) => format!("out {line}"),
                Line::Err(line) => format!("err {line}"),
            });
        })
        .await
        .unwrap();
    assert_eq!((output.stdout.as_str(), output.stderr.as_str()), ("given\n", "one\ntwo\n"));
    told.sort();
    assert_eq!(told, ["err one", "err two", "out given"]);
}

#[tokio::test]
async fn environment_is_that_of_the_surroundings_without_removed_variables() {
    let output = Command::new("env", &here())
        .env("SET", "1")
        .env_remove("GONE")
        .env_clear_prefix("K3D_")
        .run()
        .await
        .unwrap();
    let mut lines: Vec<&str> = output.stdout.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["KEPT=yes", "PATH=/usr/bin:/bin:/usr/local/bin", "SET=1"]);
}

#[tokio::test]
async fn endless_output_is_an_error() {
    let error = Command::new("yes", &here()).run().await.unwrap_err();
    assert_eq!(error.to_string(), "yes: wrote more than 16 MiB to standard output");
}

#[tokio::test]
async fn only_the_end_of_a_long_standard_error_is_kept() {
    let output = shell("yes words | head -c 1000000 >&2; echo last >&2").run().await.unwrap();
    assert!(output.stderr.len() <= 64 << 10 && output.stderr.ends_with("last\n"));
}

#[tokio::test]
async fn deadline_kills_child_and_grandchild() {
    let mut grandchild = String::new();
    let limit = Duration::from_millis(300);
    let run = shell("sleep 1000 & echo $! >&2; wait").deadline(limit);
    let error = run.run_telling(|line| line.clone_into(&mut grandchild)).await.unwrap_err();
    assert!(matches!(error, Error::Slow { .. }), "{error}");
    gone(&grandchild).await;
}

#[tokio::test]
async fn dropping_the_future_kills_the_child() {
    let (send, pid) = tokio::sync::oneshot::channel();
    let mut send = Some(send);
    let run = shell("echo $$ >&2; sleep 1000").run_telling(move |line| {
        if let Some(send) = send.take() {
            let _ = send.send(line.to_owned());
        }
    });
    let run = tokio::spawn(run);
    let pid = pid.await.unwrap();
    run.abort();
    gone(&pid).await;
}

#[tokio::test]
async fn child_on_this_terminal_can_tidy_up_when_it_is_over() {
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let script = format!("trap 'exit 7' TERM; : > {}; while :; do sleep 0.01; done", ready.display());
    let over = async {
        while !ready.exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert_eq!(shell(&script).on_this_terminal(over).await.unwrap(), 7);
}

/// Waits until a process has ended or is a zombie.
async fn gone(pid: &str) {
    let begun = Instant::now();
    loop {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if stat.is_empty() || stat.contains(") Z ") {
            return;
        }
        assert!(begun.elapsed() < Duration::from_secs(10), "process {pid} is running: {stat}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
