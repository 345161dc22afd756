//! The limits of this process: the files that it may open, and the processes of its account. A system call that reaches
//! one of them fails with `EMFILE` or `EAGAIN`, whose texts name neither the limit nor a remedy.

use std::{error::Error, io, sync::Mutex, thread};

use rustix::{
    io::Errno,
    process::{Resource, Rlimit, getrlimit, setrlimit},
};

/// The number of files that devplat and its children may open, if the hard limit allows it. The hard limit itself can be
/// a billion, and some programs close every possible file at their start.
const OPEN_FILES: u64 = 4096;
/// The smallest limit of open files that devplat works with.
const LEAST_OPEN_FILES: u64 = 64;
/// How many threads devplat needs to start.
const THREADS: usize = 8;

/// The reason why devplat cannot work within its limits.
#[derive(Debug, thiserror::Error)]
pub enum RlimitError {
    /// It may open too few files.
    #[error("devplat may open {limit} files, and needs {}", LEAST_OPEN_FILES)]
    OpenFiles { limit: u64 },
    /// It may not start its threads.
    #[error("cannot start {} threads", THREADS)]
    Threads {
        /// The error of the operating system.
        source: io::Error,
    },
}

impl RlimitError {
    /// The remedy, where one is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::OpenFiles { .. } => Some(more_open_files()),
            Self::Threads { source } => processes_hint(source),
        }
    }
}

/// Raises the soft limit of open files, which children inherit, and checks that this process can work within its limits.
/// Without this check, the runtime would panic.
pub fn prepare() -> Result<(), RlimitError> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if let Some(wanted) = raised(current, maximum) {
        // If it fails, the present limit may suffice.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    }
    match getrlimit(Resource::Nofile).current {
        Some(limit) if limit < LEAST_OPEN_FILES => return Err(RlimitError::OpenFiles { limit }),
        Some(_) | None => {}
    }
    try_threads().map_err(|source| RlimitError::Threads { source })
}

/// Returns the soft limit of open files to set; `None` if the present one stays. A limit of `None` is infinite.
fn raised(soft: Option<u64>, hard: Option<u64>) -> Option<u64> {
    let wanted = hard.map_or(OPEN_FILES, |hard| hard.min(OPEN_FILES));
    soft.filter(|soft| *soft < wanted).map(|_| wanted)
}

/// Starts threads that are alive at the same time, and ends them.
fn try_threads() -> io::Result<()> {
    let gate = Mutex::new(());
    thread::scope(|scope| -> io::Result<()> {
        let _closed = gate.lock();
        for _ in 0..THREADS {
            thread::Builder::new().spawn_scoped(scope, || drop(gate.lock()))?;
        }
        Ok(())
    })
}

/// Returns the remedy for an error that too many open files caused, here or on the whole machine.
pub fn open_files_hint(error: &(dyn Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let errno = error.downcast_ref::<io::Error>().and_then(Errno::from_io_error);
        if errno == Some(Errno::MFILE) {
            return Some(more_open_files());
        }
        if errno == Some(Errno::NFILE) {
            return Some(
                "close some programs: this machine has as many open files as fs.file-max allows".to_owned(),
            );
        }
        cause = error.source();
    }
    None
}

/// Returns the remedy for a process or thread that could not be started because there are too many.
pub fn processes_hint(error: &io::Error) -> Option<String> {
    if Errno::from_io_error(error) != Some(Errno::AGAIN) {
        return None;
    }
    Some(match getrlimit(Resource::Nproc).current {
        Some(limit) => format!(
            "end some processes of this account (`ps -u \"$USER\"` lists them), or allow more than {limit}: `ulimit -u 4096`; if the shell refuses, raise nproc in /etc/security/limits.conf and log in again"
        ),
        None => {
            "allow more processes: the limit is that of the control group (TasksMax of systemd, --pids-limit of Docker)"
                .to_owned()
        }
    })
}

fn more_open_files() -> String {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    format!(
        "allow more open files than {limit}: `ulimit -n {OPEN_FILES}`; if the shell refuses, raise nofile in /etc/security/limits.conf and log in again"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_limit_of_open_files_is_raised_within_the_hard_one() {
        for (soft, hard, expected) in [
            (Some(64), Some(1024), Some(1024)),
            (Some(1024), Some(1_000_000_000), Some(OPEN_FILES)),
            (Some(1024), None, Some(OPEN_FILES)),
            (Some(64), Some(64), None),
            (Some(65_536), Some(1_048_576), None),
            (None, None, None),
        ] {
            assert_eq!(raised(soft, hard), expected, "{soft:?} {hard:?}");
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("cannot connect")]
    struct Unconnected(#[source] io::Error);

    #[test]
    fn too_many_open_files_have_a_remedy_below_other_errors() {
        let hint = |errno: Errno| open_files_hint(&Unconnected(errno.into()));
        assert!(hint(Errno::MFILE).unwrap().contains("`ulimit -n 4096`"));
        assert!(hint(Errno::NFILE).unwrap().contains("fs.file-max"));
        assert_eq!(hint(Errno::CONNREFUSED), None);
        assert_eq!(open_files_hint(&io::Error::other("too many open files")), None);
    }

    #[test]
    fn process_that_cannot_be_started_has_a_remedy() {
        assert!(processes_hint(&Errno::AGAIN.into()).is_some());
        assert_eq!(processes_hint(&Errno::NOENT.into()), None);
    }

    #[test]
    fn limits_of_a_test_are_sufficient() {
        prepare().unwrap();
    }
}
