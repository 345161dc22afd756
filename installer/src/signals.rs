//! Counts Ctrl-C, SIGTERM and SIGHUP as requests to stop.

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinHandle,
};

use crate::{
    failure::{Exit, Failure},
    platform_context::Stop,
};

/// Listens until the task is aborted.
pub fn listen(stop: Stop) -> Result<JoinHandle<()>, Failure> {
    let mut interrupt = one(SignalKind::interrupt())?;
    let mut ended = EndSignals::listen()?;
    Ok(tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                () = ended.recv() => {}
            }
            stop.ask();
        }
    }))
}

/// SIGTERM and SIGHUP, which end devplat even while Ctrl-C goes to a program on its terminal.
pub struct EndSignals {
    terminate: Signal,
    /// A lost connection, or a closed terminal; `None` if devplat was started to outlive it, as by `nohup`.
    hangup: Option<Signal>,
}

impl EndSignals {
    /// Starts to listen.
    pub fn listen() -> Result<Self, Failure> {
        let hangup = SignalKind::hangup();
        let hangup = if is_ignored(hangup) { None } else { Some(one(hangup)?) };
        Ok(Self { terminate: one(SignalKind::terminate())?, hangup })
    }

    /// Waits for the next signal.
    pub async fn recv(&mut self) {
        let Self { terminate, hangup } = self;
        let hung_up = async {
            match hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = hung_up => {}
        }
    }
}

/// Returns whether this process ignores a signal. A handler that is installed nevertheless would undo that.
fn is_ignored(kind: SignalKind) -> bool {
    // Without /proc, the signal counts as one to obey.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignores(&status, kind.as_raw_value())
}

/// Returns whether the text of `/proc/PID/status` has this signal among the ignored ones.
fn ignores(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    (mask >> (signal - 1)) & 1 == 1
}

fn one(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::of(Exit::Internal, &error).while_doing("cannot listen for signals"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_mask() {
        let status = "Name:\tdevplat\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001001\n";
        for (signal, ignored) in [(1, true), (2, false), (13, true), (15, false)] {
            assert_eq!(ignores(status, signal), ignored, "{signal}");
        }
        assert!(!ignores("", 1));
    }
}
