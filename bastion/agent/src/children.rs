//! Every process that the agent starts, and every one that is left to it as PID 1.
//!
//! Whoever is PID 1 waits for all children at once, so nobody else may wait for a single one: the status of a
//! session's process comes from here. Starting and waiting exclude each other, so that a process that ends at once
//! is never unknown when its status comes.

use std::{
    collections::HashMap,
    ffi::OsStr,
    io,
    process::{Child, Command},
    sync::{Mutex, MutexGuard, PoisonError},
};

use rustix::{
    io::Errno,
    process::{Pid, Signal, WaitOptions, WaitStatus, kill_process_group, wait},
};
use tokio::sync::oneshot;

/// The agent's children. One for the whole program.
#[derive(Default)]
pub(crate) struct Children(Mutex<HashMap<Pid, oneshot::Sender<WaitStatus>>>);

/// A process of a session, leader of a group of its own.
pub(crate) struct Started {
    /// Its id, and that of its group.
    pub(crate) pid: Pid,
    /// Its pipes, as far as they were asked for. Never to be waited for.
    pub(crate) child: Child,
    /// How it ended.
    pub(crate) ended: oneshot::Receiver<WaitStatus>,
}

/// The command to start `program` with.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the one place where the agent starts processes")]
    Command::new(program)
}

/// This very program, whatever has become of its file.
pub(crate) fn this_program() -> Command {
    command("/proc/self/exe")
}

impl Children {
    /// Starts `command`. It has to become leader of its group by itself, before or after.
    pub(crate) fn start(&self, command: &mut Command) -> io::Result<Started> {
        let mut waiting = self.waiting();
        let child = command.spawn()?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let pid = pid.expect("Linux keeps process ids below 2^22");
        let (tell, ended) = oneshot::channel();
        waiting.insert(pid, tell);
        Ok(Started { pid, child, ended })
    }

    /// Takes a child that has ended, if there is one, and tells whoever waits for it. An error: there are no children.
    pub(crate) fn reap(&self) -> Result<Option<(Pid, WaitStatus)>, Errno> {
        let mut waiting = self.waiting();
        let ended = wait(WaitOptions::NOHANG)?;
        if let Some((pid, status)) = ended
            && let Some(tell) = waiting.remove(&pid)
        {
            // Whoever started it may not care any more.
            let _ = tell.send(status);
        }
        Ok(ended)
    }

    /// Sends `signal` to the group that `leader` leads, as long as it has not ended: later its id may be another's.
    pub(crate) fn signal(&self, leader: Pid, signal: Signal) {
        let waiting = self.waiting();
        if waiting.contains_key(&leader) {
            let _ = kill_process_group(leader, signal);
        }
    }

    /// Tells all groups but that of `main` that their terminal or connection is gone: an interactive shell is deaf to
    /// SIGTERM.
    pub(crate) fn hang_up(&self, main: Option<Pid>) {
        for leader in self.waiting().keys().filter(|leader| Some(**leader) != main) {
            let _ = kill_process_group(*leader, Signal::HUP);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<Pid, oneshot::Sender<WaitStatus>>> {
        // A map is whole after each of its operations.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One test, since any other would take its children.
    #[test]
    fn whoever_started_a_process_hears_how_it_ended_however_soon() {
        let children = Children::default();
        let mut ended = Vec::new();
        for code in 0..50 {
            let mut command = command("/bin/sh");
            command.args(["-c", &format!("exit {code}")]);
            ended.push((code, children.start(&mut command).unwrap().ended));
            while let Ok(Some(_)) = children.reap() {}
        }
        while children.reap().is_ok() {}
        for (code, ended) in ended {
            assert_eq!(ended.blocking_recv().unwrap().exit_status(), Some(code));
        }
        assert!(children.start(&mut command("/no/such/program")).is_err());
    }
}
