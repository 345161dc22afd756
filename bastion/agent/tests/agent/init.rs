//! The built program as reaper, without a container.

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStderr, Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

struct Agent {
    child: Child,
    log: BufReader<ChildStderr>,
}

impl Agent {
    fn init(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_devplat-agent"))
            .arg("init")
            .args(args)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = BufReader::new(child.stderr.take().unwrap());
        Self { child, log }
    }

    fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "the agent's log ended");
            // The command's own words stand in the same log.
            if line.starts_with("devplat-agent: ") {
                return line.trim_end().to_owned();
            }
        }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_raw(self.child.id().try_into().unwrap()).unwrap(), signal).unwrap();
    }

    fn children(&self) -> String {
        let id = self.child.id();
        std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap()
    }

    fn ends_within(&mut self, bound: Duration) -> i32 {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code().unwrap();
            }
            assert!(start.elapsed() < bound, "still running");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(5), "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn stays_alive_without_a_command_and_ends_on_term() {
    let mut agent = Agent::init(&[]);
    assert_eq!(agent.line(), "devplat-agent: no command: staying alive");
    assert!(agent.child.try_wait().unwrap().is_none());
    agent.signal(Signal::TERM);
    assert_eq!(agent.ends_within(Duration::from_secs(2)), 0);
}

#[test]
fn stays_alive_after_its_command_ended() {
    let mut agent = Agent::init(&["--", "sh", "-c", "exit 7"]);
    assert_eq!(agent.line(), "devplat-agent: command ended with status 7; staying alive");
    assert!(agent.child.try_wait().unwrap().is_none());
}

#[test]
fn command_that_cannot_start_is_named() {
    let mut agent = Agent::init(&["--", "/no/such/program"]);
    let line = agent.line();
    assert!(line.starts_with("devplat-agent: cannot start /no/such/program: No such file"), "{line}");
}

#[test]
fn orphans_are_reaped() {
    let mut agent = Agent::init(&["--", "sh", "-c", "(sleep 0.2 & exit 0); exit 0"]);
    assert_eq!(agent.line(), "devplat-agent: command ended with status 0; staying alive");
    assert_ne!(agent.children().trim(), "", "the orphan came to the agent");
    eventually("the orphan is reaped", || agent.children().trim().is_empty());
}

#[test]
fn signals_reach_the_command() {
    let mut agent =
        Agent::init(&["--", "sh", "-c", "trap 'exit 9' USR1; echo up; while :; do sleep 0.05; done"]);
    let mut up = String::new();
    BufReader::new(agent.child.stdout.take().unwrap()).read_line(&mut up).unwrap();
    agent.signal(Signal::USR1);
    assert_eq!(agent.line(), "devplat-agent: command ended with status 9; staying alive");
}

#[test]
fn command_deaf_to_term_is_killed_after_the_grace_period() {
    let mut agent = Agent::init(&[
        "--grace",
        "1",
        "--",
        "sh",
        "-c",
        "trap '' TERM; echo up; while :; do sleep 0.05; done",
    ]);
    let mut up = String::new();
    BufReader::new(agent.child.stdout.take().unwrap()).read_line(&mut up).unwrap();
    agent.signal(Signal::TERM);
    assert_eq!(agent.line(), "devplat-agent: grace period over: killing what is left");
    assert_eq!(agent.ends_within(Duration::from_secs(3)), 0);
}

#[test]
fn install_puts_a_program_there_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let dest = folder.path().join("agent");
    for _ in 0..2 {
        let status =
            Command::new(env!("CARGO_BIN_EXE_devplat-agent")).arg("install").arg(&dest).status().unwrap();
        assert!(status.success());
    }
    assert!(Command::new(&dest).arg("--version").stdout(Stdio::null()).status().unwrap().success());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn deaf_child_in_a_session_of_its_own_is_killed_too() {
    let mut agent = Agent::init(&[
        "--grace",
        "1",
        "--",
        "sh",
        "-c",
        "setsid sh -c \"trap '' TERM; echo up; while :; do sleep 0.05; done\"",
    ]);
    let mut up = String::new();
    BufReader::new(agent.child.stdout.take().unwrap()).read_line(&mut up).unwrap();
    agent.signal(Signal::TERM);
    assert_eq!(agent.line(), "devplat-agent: grace period over: killing what is left");
    assert_eq!(agent.ends_within(Duration::from_secs(3)), 0);
}

#[test]
fn failed_install_leaves_nothing_beside_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let dest = folder.path().join("taken");
    std::fs::create_dir(&dest).unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_devplat-agent"))
        .arg("install")
        .arg(&dest)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(!status.success());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}
