//! One session channel once its program is known: starts it, moves its bytes, passes signals on, says how it ended.

use std::{
    pin::pin,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use futures::future::join_all;
use russh::{
    ChannelReadHalf, ChannelWriteHalf,
    server::{Handle, Msg},
};
use rustix::process::{Signal, WaitStatus};
use tokio::time::{Instant, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Site,
    lines::{Control, Line},
    program::{Program, Running, STDERR, start},
    pump::{End, Flow, Input, inward, outward},
    signal,
};
use crate::{
    account::{Account, Circumstances},
    log::say,
    terminal::{Terminal, resize},
};

/// Status of a session whose program cannot be run, as shells give it.
const CANNOT_RUN: u32 = 127;
/// How long a terminal has to be quiet after its program ended: then what holds it open is in the background.
const QUIET: Duration = Duration::from_millis(50);
/// How long output may come after the program ended before the status is told all the same.
const LATE_OUTPUT: Duration = Duration::from_millis(500);

/// A session that is to begin.
pub(super) struct Session {
    /// What all connections share.
    pub(super) site: Arc<Site>,
    /// The channel.
    pub(super) read: ChannelReadHalf,
    /// Its other half.
    pub(super) write: ChannelWriteHalf<Msg>,
    /// What overtakes its bytes.
    pub(super) line: Line,
    /// For what only the connection can say.
    pub(super) handle: Handle,
    /// Its terminal, if it asked for one.
    pub(super) terminal: Option<Terminal>,
    /// What goes into its environment.
    pub(super) around: Circumstances,
}

impl Session {
    /// From start to end.
    pub(super) async fn run(self, program: Program) {
        let Self { site, read, write, line, handle, terminal, around } = self;
        let write = Arc::new(write);
        let account = Account::own();
        let tty = terminal.is_some();
        match start(&site, &account, terminal, &around, &program) {
            Ok(running) => converse(running, &site, read, &write, line, &handle).await,
            Err(why) => {
                let line_end = if tty { "\r\n" } else { "\n" };
                let text = format!("devplat-agent: {why}{line_end}");
                let _ = if tty {
                    write.data_bytes(text).await
                } else {
                    write.extended_data_bytes(STDERR, text).await
                };
                let _ = write.exit_status(CANNOT_RUN).await;
            }
        }
        let _ = write.eof().await;
        let _ = write.close().await;
    }
}

/// Until the program and its output have ended, or the channel has.
async fn converse(
    running: Running,
    site: &Site,
    read: ChannelReadHalf,
    write: &Arc<ChannelWriteHalf<Msg>>,
    mut line: Line,
    handle: &Handle,
) {
    let Running { pid, mut ended, stdin, outputs, tty } = running;
    let (children, activity) = (&*site.children, &site.activity);
    let flow = Arc::new(Flow::default());
    let terminal = tty.then(|| stdin.clone());
    // Whatever it ends with: a pipe is closed with it, and a terminal has no half that could be.
    let mut input = AbortOnDropHandle::new(tokio::spawn(inward(read, stdin, activity.clone())));
    let pumps = outputs.into_iter().map(|(end, ext)| {
        let pump = outward(end, write.clone(), ext, line.end(), activity.clone(), flow.clone());
        AbortOnDropHandle::new(tokio::spawn(pump))
    });
    let mut drained = pin!(join_all(pumps.collect::<Vec<_>>()));
    let mut silent = pin!(quiet(terminal.clone(), &flow));
    let mut late = pin!(sleep(Duration::ZERO));
    let closed = line.end();
    let (mut status, mut told, mut all_out, mut all_in) = (None, false, false, false);
    while status.is_none() || !all_out {
        tokio::select! {
            how = &mut input, if !all_in => {
                all_in = true;
                if matches!(how, Ok(Input::Closed)) {
                    closed.cancel();
                }
            }
            control = line.control() => match control {
                Control::Signal(signal) => {
                    if let Some(signal) = signal::number(&signal) {
                        children.signal(pid, signal);
                    }
                }
                Control::Size(wanted) => {
                    if let Some(terminal) = &terminal {
                        let _ = resize(terminal.fd(), wanted);
                    }
                }
            },
            () = closed.cancelled() => {
                if status.is_none() {
                    children.signal(pid, Signal::HUP);
                }
                return;
            }
            outcome = &mut ended, if status.is_none() => {
                let Ok(outcome) = outcome else {
                    say(&format!("process {pid} of a session was lost"));
                    return;
                };
                status = Some(outcome);
                late.as_mut().reset(Instant::now() + LATE_OUTPUT);
            }
            _ = &mut drained, if !all_out => all_out = true,
            () = &mut silent, if tty && status.is_some() && !all_out => all_out = true,
            () = &mut late, if status.is_some() && !told => {
                if let Some(status) = status {
                    tell(status, write, handle).await;
                }
                told = true;
            }
        }
    }
    if let Some(status) = status
        && !told
    {
        tell(status, write, handle).await;
    }
}

/// Until nothing has come from the terminal for a moment and nothing waits in it. Begins when it is first polled.
async fn quiet(terminal: Option<Arc<End>>, flow: &Flow) {
    let Some(terminal) = terminal else { return std::future::pending().await };
    loop {
        let before = flow.moved.load(Ordering::Acquire);
        sleep(QUIET).await;
        let waits = rustix::io::ioctl_fionread(terminal.fd()).unwrap_or(0) > 0;
        let moved = flow.moved.load(Ordering::Acquire) != before;
        if !waits && !moved && !flow.sending.load(Ordering::Acquire) {
            return;
        }
    }
}

async fn tell(status: WaitStatus, write: &ChannelWriteHalf<Msg>, handle: &Handle) {
    match (status.exit_status(), status.terminating_signal()) {
        (None, Some(signal)) => {
            let _ = handle
                .exit_signal_request(write.id(), signal::name(signal), false, String::new(), String::new())
                .await;
        }
        (code, _) => {
            let code = code.and_then(|code| u32::try_from(code).ok()).unwrap_or(CANNOT_RUN);
            let _ = write.exit_status(code).await;
        }
    }
}
