//! Ctrl-C, SIGTERM and SIGHUP, counted as requests to stop.

use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinHandle,
};

use crate::{
    failure::{Exit, Failure},
    world::Stop,
};

/// Listens until the task is aborted.
pub fn listen(stop: Stop) -> Result<JoinHandle<()>, Failure> {
    let one = |kind| {
        signal(kind)
            .map_err(|error| Failure::of(Exit::Internal, &error).while_doing("cannot listen for signals"))
    };
    let mut interrupt = one(SignalKind::interrupt())?;
    let mut terminate = one(SignalKind::terminate())?;
    // A connection that dropped, or a terminal that was closed.
    let mut hangup = one(SignalKind::hangup())?;
    Ok(tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hangup.recv() => {}
            }
            stop.ask();
        }
    }))
}
