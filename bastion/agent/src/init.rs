//! PID 1 of a dev server: starts the user's command, reaps whatever is left to it, passes signals on, and ends
//! everything in order when the pod is to go. It stays alive when there is no command, and after it ended.

use std::{
    ffi::OsString,
    io,
    os::unix::process::CommandExt,
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, getpid, kill_process, kill_process_group, set_child_subreaper};
use signal_hook::{
    consts::{SIGCHLD, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH},
    iterator::Signals,
};

use crate::{
    children::{Children, command},
    front::{self, Front},
    log::say,
};

/// Why PID 1 cannot do its work.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The kernel refuses signals.
    #[error("cannot listen to signals")]
    Signals(#[source] io::Error),
}

/// How long the kernel may take to end what was killed; a process in an uninterruptible wait takes longer, and is
/// the kernel's to end.
const KILL_PATIENCE: Duration = Duration::from_secs(2);

/// Runs `command`, if there is one, until SIGTERM has ended it and all it left. Beside it, `front` is what others
/// reach the dev server by; whatever becomes of that, PID 1 goes on.
pub(crate) fn run(
    command: &[OsString],
    grace: Duration,
    front: Option<front::Settings>,
) -> Result<(), Error> {
    let mut signals = Signals::new([SIGCHLD, SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH])
        .map_err(Error::Signals)?;
    if getpid() != Pid::INIT {
        // Only PID 1 gets orphans by itself; in a shared process namespace the kernel has to be asked.
        if let Err(error) = set_child_subreaper(Some(getpid())) {
            say(&format!("cannot become reaper: {error}"));
        }
    }
    let children = Arc::new(Children::default());
    let front = front.and_then(|settings| match Front::start(settings, children.clone()) {
        Ok(front) => Some(front),
        Err(error) => {
            say(&format!("no SSH: {error}"));
            None
        }
    });
    let mut main = start(&children, command);
    for signal in signals.forever() {
        match signal {
            SIGCHLD => main = reap(&children, main),
            SIGTERM => {
                if let Some(front) = &front {
                    front.stop_accepting();
                }
                end_all(&children, main, grace);
                if let Some(front) = front {
                    front.end();
                }
                return Ok(());
            }
            other => forward(main, other),
        }
    }
    Ok(())
}

/// The command's process, leader of a group of its own.
fn start(children: &Children, words: &[OsString]) -> Option<Pid> {
    let Some((program, args)) = words.split_first() else {
        say("no command: staying alive");
        return None;
    };
    match children.start(command(program).args(args).process_group(0)) {
        Ok(started) => Some(started.pid),
        Err(error) => {
            say(&format!("cannot start {}: {error}; staying alive without it", program.display()));
            None
        }
    }
}

/// Takes every ended child; the command's own end is worth a line.
fn reap(children: &Children, main: Option<Pid>) -> Option<Pid> {
    let mut main = main;
    while let Ok(Some((pid, status))) = children.reap() {
        if Some(pid) == main {
            main = None;
            match (status.exit_status(), status.terminating_signal()) {
                (Some(code), _) => say(&format!("command ended with status {code}; staying alive")),
                (None, Some(signal)) => say(&format!("command ended by signal {signal}; staying alive")),
                (None, None) => say("command ended; staying alive"),
            }
        }
    }
    main
}

fn forward(main: Option<Pid>, signal: i32) {
    if let (Some(main), Some(signal)) = (main, Signal::from_named_raw(signal)) {
        // It may have ended this moment.
        let _ = kill_process_group(main, signal);
    }
}

/// SIGTERM to all, SIGHUP to sessions, then up to `grace` for them to end, then SIGKILL.
fn end_all(children: &Children, main: Option<Pid>, grace: Duration) {
    let deadline = Instant::now() + grace;
    signal_all(main, Signal::TERM);
    children.hang_up(main);
    while Instant::now() < deadline {
        match children.reap() {
            Ok(Some(_)) => {}
            Ok(None) => pause(),
            Err(_) => return,
        }
    }
    say("grace period over: killing what is left");
    // Whatever a killed process leaves comes to us, and is killed in the next round.
    let last = Instant::now() + KILL_PATIENCE;
    while Instant::now() < last {
        signal_all(main, Signal::KILL);
        match children.reap() {
            Ok(Some(_)) => {}
            Ok(None) => pause(),
            Err(_) => return,
        }
    }
}

/// As PID 1 of a container, everything in it; elsewhere, the command's group and all our children.
fn signal_all(main: Option<Pid>, signal: Signal) {
    if getpid() == Pid::INIT {
        for pid in others() {
            let _ = kill_process(pid, signal);
        }
        return;
    }
    if let Some(main) = main {
        let _ = kill_process_group(main, signal);
    }
    for child in own_children() {
        let _ = kill_process(child, signal);
    }
}

fn others() -> Vec<Pid> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(Pid::from_raw)
        .filter(|pid| *pid != Pid::INIT)
        .collect()
}

fn own_children() -> Vec<Pid> {
    let own = getpid().as_raw_nonzero();
    let text = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

fn pause() {
    #[expect(
        clippy::disallowed_methods,
        reason = "waits for children with a bound; SIGCHLD may come before the wait begins"
    )]
    std::thread::sleep(Duration::from_millis(20));
}
