//! A client's channel and devctl: bytes between both, and the client led to a dev server when devctl asks for that.

use std::{future::pending, sync::Arc, time::Duration};

use bytes::Bytes;
use devplat_api::FailureKind;
use russh::Sig;
use tokio::{
    net::UnixStream,
    sync::mpsc::UnboundedReceiver,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{
    handover::{Outcome, Wish},
    protocol::{self, Answer},
    start::{NoDevctl, Running, begin, token},
    terminal::End,
};
use crate::{
    policy::unknown,
    relay::{self, Flow, Relay},
    session::{Control, Exit, Front, Setup, Size, Start, Visit, Words},
};

/// How long what devctl wrote last may take after it has ended.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long what it wrote before it asked for a dev server may take: it is in the pipe already.
const SETTLED: Duration = Duration::from_millis(20);

/// Runs devctl in the client's channel. Says to the client what went wrong.
pub(crate) async fn run(
    visit: &Arc<Visit>,
    front: &mut Front,
    setup: Setup,
    arguments: Vec<String>,
    flow: &Flow,
) -> Exit {
    let terminal = setup.terminal.is_some();
    match begin(visit, &setup, arguments).await {
        Ok((runner, running)) => go_on(running, runner, visit, front, setup, flow).await,
        Err(NoDevctl { kind, why }) => {
            front.say(&why, terminal).await;
            kind.into()
        }
    }
}

/// What happens that is more than bytes.
enum Event {
    Ended(Answer),
    Asked(Option<Result<Wish, String>>),
    ClientGone,
}

/// Until devctl ends, or the client goes away; then `runner` is closed, which is a hangup for devctl.
async fn go_on(
    running: Running,
    mut runner: UnixStream,
    visit: &Arc<Visit>,
    front: &mut Front,
    mut setup: Setup,
    flow: &Flow,
) -> Exit {
    let Running { mut control, mut input, output, errors } = running;
    let mut listening = true;
    // One future each for the whole time: half an answer, or bytes that were read and not yet sent, must not be lost.
    let answer = protocol::receive::<Answer>(&mut runner);
    let words = front.words();
    let written = CancellationToken::new();
    let down = async {
        tokio::join!(copy(Some(&output), flow, &words, false), copy(errors.as_ref(), flow, &words, true));
        written.cancel();
        pending::<()>().await;
    };
    tokio::pin!(answer, down);
    loop {
        let event = tokio::select! {
            answer = &mut answer => Event::Ended(
                answer.unwrap_or_else(|_| Answer::Error("the runner of devctl has gone".to_owned())),
            ),
            wish = control.next(), if listening => Event::Asked(wish),
            () = input.feed(&mut front.read, &output, flow) => Event::ClientGone,
            () = overtake(&mut front.controls, &output, &mut setup) => Event::ClientGone,
            () = &mut down => Event::ClientGone,
            () = front.closed.cancelled() => Event::ClientGone,
        };
        match event {
            Event::Ended(answer) => {
                tokio::select! {
                    () = down => {}
                    () = written.cancelled() => {}
                    () = sleep(LAST_WORDS) => {}
                }
                return match answer {
                    Answer::Exit(status) => Exit::Status(status),
                    Answer::Error(why) => {
                        front.say(&why, setup.terminal.is_some()).await;
                        FailureKind::Internal.into()
                    }
                };
            }
            Event::Asked(None) => listening = false,
            Event::Asked(Some(wish)) => {
                let outcome = match wish {
                    Ok(Wish::Token {}) => {
                        token(visit).await.map_or_else(|none| Outcome::Error(none.why), Outcome::Token)
                    }
                    Ok(Wish::Relay { server, command }) => {
                        let _ = timeout(SETTLED, &mut down).await;
                        input.take_back(&mut front.read, &output).await;
                        let outcome = lead(visit, front, &setup, server, command, flow).await;
                        // The end went to the dev server, and is devctl's as well.
                        if front.read.has_ended() {
                            input.end();
                        }
                        outcome
                    }
                    Err(why) => Outcome::Error(why),
                };
                control.answer(&outcome).await;
            }
            Event::ClientGone => return Exit::Unknown,
        }
    }
}

/// What devctl writes goes to the client, until devctl writes no more.
async fn copy(end: Option<&End>, flow: &Flow, words: &Words, errors: bool) {
    let Some(end) = end else { return };
    while let Some(bytes) = end.read().await {
        flow.add_down(bytes.len());
        if errors {
            words.send_errors(bytes).await;
        } else {
            words.send(bytes).await;
        }
    }
}

/// The window and signals. Goes on as long as the channel does.
async fn overtake(controls: &mut UnboundedReceiver<Control>, output: &End, setup: &mut Setup) {
    while let Some(control) = controls.recv().await {
        match (control, &mut setup.terminal) {
            (Control::Window(size), Some(terminal)) => resize(output, &mut terminal.size, size),
            // A signal means what its key means in the terminal; without one, there is only going away.
            (Control::Signal(Sig::INT), Some(_)) => press(output, &[3]).await,
            (Control::Signal(Sig::QUIT), Some(_)) => press(output, &[28]).await,
            _ => {}
        }
    }
    pending::<()>().await;
}

async fn press(output: &End, key: &'static [u8]) {
    let _ = output.write(&mut Bytes::from_static(key)).await;
}

fn resize(output: &End, known: &mut Size, size: Size) {
    *known = size;
    output.resize(size);
}

/// Leads the client to a dev server until that ends.
async fn lead(
    visit: &Arc<Visit>,
    front: &mut Front,
    setup: &Setup,
    server: String,
    command: Option<String>,
    flow: &Flow,
) -> Outcome {
    let relay = Relay::new(visit.clone(), front.handle.clone(), server);
    let directory = &visit.door().directory;
    let relay::Target { namespace, server, .. } = relay.target();
    if directory.server(namespace, server).is_none() {
        return Outcome::Absent(unknown(server, &directory.names(namespace)));
    }
    let start = command.map_or(Start::Shell, |command| Start::Exec(command.into_bytes()));
    let wanted = Setup { start, ..setup.clone() };
    let log = visit.channel(front.write.id(), wanted.start.kind(), &relay.target().to_string());
    let (exit, why) = relay::attach(&relay, front, wanted, &log.flow).await;
    let (up, down) = log.flow.so_far();
    flow.add_up(usize::try_from(up).unwrap_or(0));
    flow.add_down(usize::try_from(down).unwrap_or(0));
    let status = match exit {
        Exit::Status(status) => status,
        Exit::Signal { .. } | Exit::Unknown => 255,
    };
    log.end(Some(status), why);
    Outcome::Exit(status)
}
