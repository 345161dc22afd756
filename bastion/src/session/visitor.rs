//! What the library calls for a connection. Answers to requests are given here and at once: the library remembers of the
//! last request only whether it wants an answer, so that a later one would go astray.

use std::{collections::HashMap, sync::Arc};

use devplat_keys::Certificate;
use russh::{
    Channel, ChannelId, Disconnect, Pty, Sig,
    server::{Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey},
};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Control, Front, Pass, Size, Visit,
    control::{self, no_forwards},
};
use crate::{
    audit::Event,
    auth::{self, Denial, Identity},
    door::{Door, now},
    policy::{Destination, Stage, destination},
    relay::{self, Relay},
};

/// A connection, from the first byte on.
pub(crate) struct Visitor {
    door: Arc<Door>,
    pass: Arc<Pass>,
    state: State,
    channels: HashMap<ChannelId, Open>,
    ended: CancellationToken,
    _end: DropGuard,
}

/// What is known of who is there.
enum State {
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
struct Open {
    controls: mpsc::UnboundedSender<Control>,
    closed: CancellationToken,
    started: bool,
}

impl Visitor {
    pub(crate) fn new(door: Arc<Door>, pass: Arc<Pass>) -> Self {
        let ended = CancellationToken::new();
        let end = ended.clone().drop_guard();
        Self { door, pass, state: State::Stranger, channels: HashMap::new(), ended, _end: end }
    }

    fn visit(&self) -> Option<&Arc<Visit>> {
        match &self.state {
            State::Stranger | State::Proved { .. } => None,
            State::Control(visit) => Some(visit),
            State::Relay(relay) => Some(relay.visit()),
        }
    }

    /// Forgets who it was when somebody else is asked for.
    fn asked_for(&mut self, text: &str) {
        self.pass.reached(Stage::Tried);
        if matches!(&self.state, State::Proved { text: proved, .. } if proved != text) {
            self.state = State::Stranger;
        }
    }

    fn decided(&mut self, text: &str, outcome: Result<Identity, Denial>) -> Auth {
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
    fn relay_for_forward(&self) -> Option<Arc<Relay>> {
        let State::Relay(relay) = &self.state else { return None };
        relay.visit().identity().permissions().port_forwarding.then(|| relay.clone())
    }

    /// Answers a request that starts something: only the first of a channel does.
    fn start(&mut self, id: ChannelId, session: &mut Session) -> Result<(), russh::Error> {
        match self.channels.get_mut(&id) {
            Some(open) if !open.started => {
                open.started = true;
                session.channel_success(id)
            }
            _ => session.channel_failure(id),
        }
    }

    fn control(&self, id: ChannelId, control: Control) {
        if let Some(open) = self.channels.get(&id).filter(|open| open.started) {
            let _ = open.controls.send(control);
        }
    }
}

impl Handler for Visitor {
    type Error = russh::Error;

    async fn auth_none(&mut self, text: &str) -> Result<Auth, Self::Error> {
        self.asked_for(text);
        Ok(Auth::reject())
    }

    async fn auth_publickey_offered(
        &mut self,
        text: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Self::Error> {
        self.asked_for(text);
        let Door { directory, authorities, .. } = &*self.door;
        if auth::worth_a_try(directory, authorities, text, offer.public_key) {
            return Ok(Auth::Accept);
        }
        if let Err(why) = auth::by_key(directory, text, offer.public_key) {
            self.pass.deny(text, why);
        }
        Ok(Auth::reject())
    }

    async fn auth_publickey(&mut self, text: &str, key: VerifiedPublicKey<'_>) -> Result<Auth, Self::Error> {
        self.asked_for(text);
        let outcome = auth::by_key(&self.door.directory, text, key.public_key);
        Ok(self.decided(text, outcome))
    }

    async fn auth_openssh_certificate(
        &mut self,
        text: &str,
        certificate: &Certificate,
    ) -> Result<Auth, Self::Error> {
        self.asked_for(text);
        let Door { directory, authorities, .. } = &*self.door;
        let from = self.pass.from().ip();
        let outcome = auth::by_certificate(directory, authorities, text, certificate, from, now());
        Ok(self.decided(text, outcome))
    }

    async fn auth_succeeded(&mut self, session: &mut Session) -> Result<(), Self::Error> {
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

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let Some(visit) = self.visit() else { return Ok(()) };
        let permit = match visit.place_for_session() {
            Ok(permit) => permit,
            Err(refused) => {
                reply.reject(refused).await;
                return Ok(());
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
            State::Stranger | State::Proved { .. } => return Ok(()),
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
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        from: &str,
        from_port: u32,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
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
                let namespace = visit.identity().slug().namespace();
                let Destination::Server(server) = destination(host, port, &namespace) else {
                    visit.denied("direct-tcpip", &target, "not a dev server of the user");
                    reply.reject(no_forwards(visit.user())).await;
                    return Ok(());
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
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
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
        Ok(())
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Result<(), Self::Error> {
        if let Some(open) = self.channels.remove(&id) {
            open.closed.cancel();
        }
        Ok(())
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let allowed = self.visit().is_some_and(|visit| visit.identity().permissions().pty);
        if allowed { session.channel_success(id) } else { session.channel_failure(id) }
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        _: &str,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(id)
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Result<(), Self::Error> {
        self.start(id, session)
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        _: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.start(id, session)
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.start(id, session)
    }

    async fn agent_request(&mut self, _: ChannelId, _: &mut Session) -> Result<bool, Self::Error> {
        Ok(match &self.state {
            State::Relay(relay) => relay.visit().identity().permissions().agent_forwarding,
            State::Stranger | State::Proved { .. } | State::Control(_) => false,
        })
    }

    async fn x11_request(
        &mut self,
        id: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_failure(id)
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        columns: u32,
        rows: u32,
        width: u32,
        height: u32,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.control(id, Control::Window(Size { columns, rows, width, height }));
        session.channel_success(id)
    }

    async fn signal(&mut self, id: ChannelId, signal: Sig, session: &mut Session) -> Result<(), Self::Error> {
        self.control(id, Control::Signal(signal));
        session.channel_success(id)
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        _: &mut Session,
    ) -> Result<bool, Self::Error> {
        let Some(relay) = self.relay_for_forward() else { return Ok(false) };
        let given = relay.forward_port(address, *port).await;
        *port = given.unwrap_or(*port);
        Ok(given.is_some())
    }

    async fn cancel_tcpip_forward(
        &mut self,
        address: &str,
        port: u32,
        _: &mut Session,
    ) -> Result<bool, Self::Error> {
        let Some(relay) = self.relay_for_forward() else { return Ok(false) };
        Ok(relay.cancel_port(address, port).await)
    }

    async fn streamlocal_forward(&mut self, path: &str, _: &mut Session) -> Result<bool, Self::Error> {
        let Some(relay) = self.relay_for_forward() else { return Ok(false) };
        Ok(relay.forward_socket(path).await)
    }

    async fn cancel_streamlocal_forward(&mut self, path: &str, _: &mut Session) -> Result<bool, Self::Error> {
        let Some(relay) = self.relay_for_forward() else { return Ok(false) };
        Ok(relay.cancel_socket(path).await)
    }
}
