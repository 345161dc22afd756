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
    let mut ended = Ended::listen()?;
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
pub struct Ended {
    terminate: Signal,
    /// A lost connection, or a closed terminal.
    hangup: Signal,
}

impl Ended {
    /// Starts to listen.
    pub fn listen() -> Result<Self, Failure> {
        Ok(Self { terminate: one(SignalKind::terminate())?, hangup: one(SignalKind::hangup())? })
    }

    /// Waits for the next signal.
    pub async fn recv(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.hangup.recv() => {}
        }
    }
}

fn one(kind: SignalKind) -> Result<Signal, Failure> {
    signal(kind).map_err(|error| Failure::of(Exit::Internal, &error).while_doing("cannot listen for signals"))
}
