//! One connection: what its client asks for, answered at once. Whatever takes time is a task of its own: the library
//! waits for each answer here before it reads or writes anything else.

use std::{
    collections::HashMap,
    ffi::OsString,
    net::{IpAddr, SocketAddr},
    os::unix::ffi::OsStringExt,
    sync::Arc,
};

use devplat_keys::{Certificate, Permissions};
use russh::{
    Channel, ChannelId, ChannelOpenFailure, Pty, Sig,
    keys::HashAlg,
    server::{Auth, ChannelOpenHandle, Handler, Msg, Session as Protocol, VerifiedPublicKey},
};
use tokio::{
    net::TcpStream,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{
    Site,
    forward::{Forwards, Target},
    lines::{Control, Line, Lines},
    login::Door,
    program::Program,
    session::Session,
    sftp,
    turns::Turn,
};
use crate::{
    account::{Account, Circumstances, may_set},
    activity::Counted,
    log::say,
    terminal::{Size, Terminal},
};

/// Sessions of one connection.
const SESSIONS: usize = 64;
/// Forwarded connections of one connection.
const FORWARDS: usize = 1024;
/// Variables that a client may set for one session, and bytes in them.
const VARIABLES: usize = 256;
const VARIABLE_BYTES: usize = 64 << 10;

/// A client's connection.
pub(super) struct Connection {
    site: Arc<Site>,
    door: Arc<Door>,
    peer: SocketAddr,
    local: SocketAddr,
    /// What whoever logged in may do; nothing before.
    permissions: Option<Permissions>,
    /// Who that is, for the log.
    who: String,
    /// Until somebody logged in.
    turn: Option<Turn>,
    counted: Option<Counted>,
    logged_in: CancellationToken,
    /// Ends whatever belongs to this connection when it goes.
    _alive: DropGuard,
    sessions: Arc<Semaphore>,
    relays: Arc<Semaphore>,
    lines: Lines,
    waiting: HashMap<ChannelId, Waiting>,
    forwards: Forwards,
}

/// A session channel whose program is not known yet.
struct Waiting {
    channel: Channel<Msg>,
    line: Line,
    permit: OwnedSemaphorePermit,
    terminal: Option<Terminal>,
    around: Circumstances,
}

type Answer<T = ()> = Result<T, russh::Error>;

impl Connection {
    /// From `peer`, not logged in.
    pub(super) fn new(
        site: Arc<Site>,
        door: Arc<Door>,
        peer: SocketAddr,
        socket: &TcpStream,
        turn: Turn,
    ) -> Self {
        let alive = CancellationToken::new();
        let lines = Lines::new(alive.clone());
        Self {
            forwards: Forwards::new(site.clone(), lines.clone()),
            lines,
            site,
            door,
            peer: canonical(peer),
            local: socket.local_addr().map_or(peer, canonical),
            permissions: None,
            who: String::new(),
            turn: Some(turn),
            counted: None,
            logged_in: CancellationToken::new(),
            _alive: alive.drop_guard(),
            sessions: Arc::new(Semaphore::new(SESSIONS)),
            relays: Arc::new(Semaphore::new(FORWARDS)),
            waiting: HashMap::new(),
        }
    }

    /// Cancelled once somebody logged in.
    pub(super) fn logged_in(&self) -> CancellationToken {
        self.logged_in.clone()
    }

    fn let_in(&mut self, permissions: Permissions, who: String) -> Auth {
        self.permissions = Some(permissions);
        self.who = who;
        Auth::Accept
    }

    /// Only after login; before, nothing is allowed.
    fn may(&self, what: fn(&Permissions) -> bool) -> bool {
        self.permissions.as_ref().is_some_and(what)
    }

    fn circumstances(&self) -> Circumstances {
        let (peer, local) = (self.peer, self.local);
        Circumstances {
            connection: format!("{} {} {} {}", peer.ip(), peer.port(), local.ip(), local.port()),
            client: format!("{} {} {}", peer.ip(), peer.port(), local.port()),
            ..Circumstances::default()
        }
    }

    /// Answers a request to run something, and does it.
    fn begin(&mut self, id: ChannelId, program: Program, protocol: &mut Protocol) -> Answer {
        let Some(waiting) = self.waiting.remove(&id) else { return protocol.channel_failure(id) };
        protocol.channel_success(id)?;
        let Waiting { channel, line, permit, terminal, mut around } = waiting;
        around.agent = self.forwards.agent_path();
        let (read, write) = channel.split();
        let site = self.site.clone();
        let counted = site.activity.session();
        let session = Session { site, read, write, line, handle: protocol.handle(), terminal, around };
        tokio::spawn(async move {
            session.run(program).await;
            drop((permit, counted));
        });
        Ok(())
    }

    /// Dials `target` for `channel`, and answers when that has come to something.
    fn relay(&mut self, channel: Channel<Msg>, target: Target, reply: ChannelOpenHandle) {
        let dial = self.forwards.dial(channel, target, reply, self.relays.clone());
        tokio::spawn(dial);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if self.counted.is_some() {
            say(&format!("{} from {} is gone", self.who, self.peer.ip()));
        }
    }
}

impl Handler for Connection {
    type Error = russh::Error;

    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Answer<Auth> {
        let print = key.public_key.fingerprint(HashAlg::Sha256);
        if self.door.knows(key.public_key).await {
            return Ok(self.let_in(Permissions::ALL, format!("{user:?} with key {print}")));
        }
        Ok(Auth::reject())
    }

    async fn auth_openssh_certificate(&mut self, user: &str, certificate: &Certificate) -> Answer<Auth> {
        match self.door.admit(certificate, self.peer.ip()) {
            Ok(permissions) => {
                let who = format!("{user:?} with certificate {:?}", certificate.key_id());
                Ok(self.let_in(permissions, who))
            }
            Err(refusal) => {
                say(&format!("refused {user:?} from {}: {refusal}", self.peer.ip()));
                Ok(Auth::reject())
            }
        }
    }

    async fn auth_succeeded(&mut self, _: &mut Protocol) -> Answer {
        self.turn = None;
        self.counted = Some(self.site.activity.connection());
        self.logged_in.cancel();
        say(&format!("{} from {} logs in", self.who, self.peer.ip()));
        Ok(())
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Protocol,
    ) -> Answer {
        let Ok(permit) = self.sessions.clone().try_acquire_owned() else {
            reply.reject(ChannelOpenFailure::ResourceShortage).await;
            return Ok(());
        };
        let id = channel.id();
        let line = self.lines.open(id);
        let waiting = Waiting { channel, line, permit, terminal: None, around: self.circumstances() };
        self.waiting.insert(id, waiting);
        reply.accept().await;
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        channel: Channel<Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Protocol,
    ) -> Answer {
        let port = u16::try_from(port).ok().filter(|_| self.may(|p| p.port_forwarding));
        if let Some(port) = port {
            self.relay(channel, Target::Tcp { host: host.to_owned(), port }, reply);
        }
        // Dropping the reply is a refusal.
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        channel: Channel<Msg>,
        path: &str,
        reply: ChannelOpenHandle,
        _: &mut Protocol,
    ) -> Answer {
        if self.may(|p| p.port_forwarding) {
            let path = Account::own().home.join(path);
            self.relay(channel, Target::Local { path }, reply);
        }
        Ok(())
    }

    async fn channel_close(&mut self, channel: ChannelId, _: &mut Protocol) -> Answer {
        self.waiting.remove(&channel);
        self.lines.close(channel);
        Ok(())
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        term: &str,
        columns: u32,
        rows: u32,
        width: u32,
        height: u32,
        modes: &[(Pty, u32)],
        protocol: &mut Protocol,
    ) -> Answer {
        let allowed = self.may(|p| p.pty);
        let waiting = self.waiting.get_mut(&id).filter(|waiting| allowed && waiting.terminal.is_none());
        let Some(waiting) = waiting else { return protocol.channel_failure(id) };
        match Terminal::open(Size { columns, rows, width, height }, modes) {
            Ok(terminal) => {
                waiting.around.tty = Some(terminal.path.clone());
                waiting.around.term = (!term.is_empty() && !term.contains('\0')).then(|| term.to_owned());
                waiting.terminal = Some(terminal);
                protocol.channel_success(id)
            }
            Err(error) => {
                say(&format!("cannot open a terminal: {error}"));
                protocol.channel_failure(id)
            }
        }
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        columns: u32,
        rows: u32,
        width: u32,
        height: u32,
        _: &mut Protocol,
    ) -> Answer {
        self.lines.control(id, Control::Size(Size { columns, rows, width, height }));
        Ok(())
    }

    async fn signal(&mut self, id: ChannelId, signal: Sig, _: &mut Protocol) -> Answer {
        self.lines.control(id, Control::Signal(signal));
        Ok(())
    }

    async fn x11_request(
        &mut self,
        id: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        protocol: &mut Protocol,
    ) -> Answer {
        protocol.channel_failure(id)
    }

    async fn env_request(
        &mut self,
        id: ChannelId,
        name: &str,
        value: &str,
        protocol: &mut Protocol,
    ) -> Answer {
        let Some(waiting) = self.waiting.get_mut(&id) else { return protocol.channel_failure(id) };
        let set = &mut waiting.around.requested;
        let bytes: usize = set.iter().map(|(name, value)| name.len() + value.len()).sum();
        let room = set.len() < VARIABLES && bytes + name.len() + value.len() <= VARIABLE_BYTES;
        if !room || !may_set(name) || value.contains('\0') {
            return protocol.channel_failure(id);
        }
        set.push((name.to_owned(), value.to_owned()));
        protocol.channel_success(id)
    }

    async fn shell_request(&mut self, id: ChannelId, protocol: &mut Protocol) -> Answer {
        self.begin(id, Program::Shell, protocol)
    }

    async fn exec_request(&mut self, id: ChannelId, command: &[u8], protocol: &mut Protocol) -> Answer {
        if command.contains(&0) {
            return protocol.channel_failure(id);
        }
        self.begin(id, Program::Command(OsString::from_vec(command.to_vec())), protocol)
    }

    async fn subsystem_request(&mut self, id: ChannelId, name: &str, protocol: &mut Protocol) -> Answer {
        let waiting = if name == "sftp" { self.waiting.remove(&id) } else { None };
        let Some(waiting) = waiting else { return protocol.channel_failure(id) };
        protocol.channel_success(id)?;
        let Waiting { channel, line, permit, terminal: _, around: _ } = waiting;
        let site = self.site.clone();
        let counted = site.activity.session();
        tokio::spawn(async move {
            sftp::run(channel, &line, site.activity.clone()).await;
            drop((permit, counted));
        });
        Ok(())
    }

    async fn agent_request(&mut self, _: ChannelId, protocol: &mut Protocol) -> Answer<bool> {
        Ok(self.may(|p| p.agent_forwarding) && self.forwards.agent(protocol.handle()))
    }

    async fn tcpip_forward(
        &mut self,
        address: &str,
        port: &mut u32,
        protocol: &mut Protocol,
    ) -> Answer<bool> {
        let wanted = u16::try_from(*port).ok().filter(|_| self.may(|p| p.port_forwarding));
        let Some(wanted) = wanted else { return Ok(false) };
        let opened = self.forwards.listen_tcp(address, wanted, &protocol.handle());
        *port = opened.map_or(*port, u32::from);
        Ok(opened.is_some())
    }

    async fn cancel_tcpip_forward(&mut self, address: &str, port: u32, _: &mut Protocol) -> Answer<bool> {
        Ok(u16::try_from(port).is_ok_and(|port| self.forwards.stop_tcp(address, port)))
    }

    async fn streamlocal_forward(&mut self, path: &str, protocol: &mut Protocol) -> Answer<bool> {
        Ok(self.may(|p| p.port_forwarding) && self.forwards.listen_local(path, protocol.handle()))
    }

    async fn cancel_streamlocal_forward(&mut self, path: &str, _: &mut Protocol) -> Answer<bool> {
        Ok(self.forwards.stop_local(path))
    }
}

/// Without the form that an IPv4 address has on an IPv6 socket.
fn canonical(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = address.ip().to_canonical();
    SocketAddr::new(ip, address.port())
}
