//! A connection: its login, and the tasks of its channels.

use std::{collections::HashMap, sync::Arc};

use russh::{
    Channel, ChannelId, Disconnect,
    server::{Auth, ChannelOpenHandle, Msg, Session},
};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Control, Front, Pass, Visit,
    control::{self, no_forwards},
};
use crate::{
    audit::Event,
    auth::{Denial, Identity},
    door::Door,
    policy::{Destination, Stage, destination},
    relay::{self, Relay},
};

/// A connection, from the first byte on.
pub(crate) struct Visitor {
    pub(super) door: Arc<Door>,
    pub(super) pass: Arc<Pass>,
    pub(super) state: State,
    pub(super) channels: HashMap<ChannelId, Open>,
    ended: CancellationToken,
    _end: DropGuard,
}

/// What is known of who is there.
pub(super) enum State {
    /// Nothing.
    Stranger,
    /// It has been proved who it is, for the name it was proved for.
    Proved { text: String, identity: Box<Identity> },
    /// `alice`.
    Control(Arc<Visit>),
    /// `alice+mydev`.
    Relay(Arc<Relay>),
}

/// A session channel that the client opened.
pub(super) struct Open {
    controls: mpsc::UnboundedSender<Control>,
    pub(super) closed: CancellationToken,
    started: bool,
}

impl Visitor {
    pub(crate) fn new(door: Arc<Door>, pass: Arc<Pass>) -> Self {
        let ended = CancellationToken::new();
        let end = ended.clone().drop_guard();
        Self { door, pass, state: State::Stranger, channels: HashMap::new(), ended, _end: end }
    }

    pub(super) fn visit(&self) -> Option<&Arc<Visit>> {
        match &self.state {
            State::Stranger | State::Proved { .. } => None,
            State::Control(visit) => Some(visit),
            State::Relay(relay) => Some(relay.visit()),
        }
    }

    /// Forgets who it was when somebody else is asked for.
    pub(super) fn asked_for(&mut self, text: &str) {
        self.pass.reached(Stage::Tried);
        if matches!(&self.state, State::Proved { text: proved, .. } if proved != text) {
            self.state = State::Stranger;
        }
    }

    pub(super) fn decided(&mut self, text: &str, outcome: Result<Identity, Denial>) -> Auth {
        match outcome {
            Ok(identity) => {
                self.state = State::Proved { text: text.to_owned(), identity: Box::new(identity) };
                Auth::Accept
            }
            Err(why) => {
                self.state = State::Stranger;
                self.pass.deny(text, why);
                Auth::reject()
            }
        }
    }

    /// Where forwards back to the client are asked for, if they may be.
    pub(super) fn relay_for_forward(&self) -> Option<Arc<Relay>> {
        let State::Relay(relay) = &self.state else { return None };
        relay.visit().identity().permissions().port_forwarding.then(|| relay.clone())
    }

    /// Answers a request that starts something: only the first of a channel does.
    pub(super) fn start(&mut self, id: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        match self.channels.get_mut(&id) {
            Some(open) if !open.started => {
                open.started = true;
                session.channel_success(id)
            }
            _ => session.channel_failure(id),
        }
    }

    pub(super) fn control(&self, id: ChannelId, control: Control) {
        if let Some(open) = self.channels.get(&id).filter(|open| open.started) {
            let _ = open.controls.send(control);
        }
    }

    /// Begins the visit of a client with a proved identity.
    pub(super) fn enter(&mut self, session: &mut Session) -> Result<(), russh::Error> {
        let State::Proved { identity, .. } = std::mem::replace(&mut self.state, State::Stranger) else {
            // The library says so without our having said yes.
            return Err(russh::Error::Inconsistent);
        };
        let Some(guest) = self.door.guests.enter(identity.login().user()) else {
            self.pass.deny(&identity.login().to_string(), Denial::Crowded);
            let text = "devplat: you have too many connections open; close some of them first";
            return session.disconnect(Disconnect::TooManyConnections, text, "en");
        };
        let (login, proof) = (identity.login().clone(), identity.proof());
        let number = self.pass.number();
        let visit =
            Visit::new(self.door.clone(), number, *identity, session.handle(), self.ended.clone(), guest);
        self.door.audit.note(Event::Login {
            connection: number,
            from: self.pass.from(),
            user: login.user().to_owned(),
            server: login.server().map(str::to_owned),
            proof,
        });
        self.pass.enter(visit.clone());
        self.state = match login.server() {
            None => State::Control(visit),
            Some(server) => {
                let relay = Relay::new(visit, session.handle(), server.to_owned());
                relay.warm_up();
                State::Relay(relay)
            }
        };
        Ok(())
    }

    /// Starts the task of a session channel.
    pub(super) async fn open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) {
        let Some(visit) = self.visit() else { return };
        let permit = match visit.place_for_session() {
            Ok(permit) => permit,
            Err(refused) => {
                reply.reject(refused).await;
                return;
            }
        };
        let (sender, controls) = mpsc::unbounded_channel();
        let closed = self.ended.child_token();
        let id = channel.id();
        let open = Open { controls: sender, closed: closed.clone(), started: false };
        let (read, write) = channel.split();
        let (read, write, handle) = (read.into(), Arc::new(write), session.handle());
        let front = Front { read, write, handle, controls, closed, runs: true };
        match &self.state {
            State::Stranger | State::Proved { .. } => return,
            State::Control(visit) => {
                let visit = visit.clone();
                tokio::spawn(async move {
                    control::run(visit, front).await;
                    drop(permit);
                });
            }
            State::Relay(relay) => {
                let relay = relay.clone();
                tokio::spawn(async move {
                    relay::run(relay, front).await;
                    drop(permit);
                });
            }
        }
        self.channels.insert(id, open);
        reply.accept().await;
    }

    /// Starts the task of a channel to a port: a forward of a dev server, or a jump.
    pub(super) async fn open_port(
        &self,
        channel: Channel<Msg>,
        (host, port): (&str, u32),
        (from, from_port): (&str, u32),
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) {
        let target = format!("{host}:{port}");
        match &self.state {
            State::Stranger | State::Proved { .. } => {}
            State::Relay(relay) => match relay.visit().place_for_port("direct-tcpip", &target) {
                Ok(permit) => {
                    let (to, from) = ((host.to_owned(), port), (from.to_owned(), from_port));
                    let relay = relay.clone();
                    tokio::spawn(async move {
                        relay::tcpip(relay, channel, reply, to, from).await;
                        drop(permit);
                    });
                }
                Err(refused) => reply.reject(refused).await,
            },
            State::Control(visit) => {
                let Destination::Server(server) = destination(host, port, visit.identity().slug()) else {
                    visit.denied("direct-tcpip", &target, "not a dev server of the user");
                    reply.reject(no_forwards(visit.user())).await;
                    return;
                };
                match visit.place_for_port("jump", &target) {
                    Ok(permit) => {
                        let relay = Relay::new(visit.clone(), session.handle(), server);
                        tokio::spawn(async move {
                            relay::jump(relay, channel, reply).await;
                            drop(permit);
                        });
                    }
                    Err(refused) => reply.reject(refused).await,
                }
            }
        }
    }

    /// Starts the task of a channel to a socket of a dev server.
    pub(super) async fn open_socket(&self, channel: Channel<Msg>, path: &str, reply: ChannelOpenHandle) {
        match &self.state {
            State::Stranger | State::Proved { .. } => {}
            State::Relay(relay) => match relay.visit().place_for_port("direct-streamlocal", path) {
                Ok(permit) => {
                    let (relay, path) = (relay.clone(), path.to_owned());
                    tokio::spawn(async move {
                        relay::unix(relay, channel, reply, path).await;
                        drop(permit);
                    });
                }
                Err(refused) => reply.reject(refused).await,
            },
            State::Control(visit) => {
                visit.denied("direct-streamlocal", path, "not through the bastion");
                reply.reject(no_forwards(visit.user())).await;
            }
        }
    }
}
