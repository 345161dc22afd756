//! A connection to the agent of a dev server: there, it is checked to be that server, and the bastion shows a
//! certificate that is good for this server and for minutes.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use devplat_keys::{PrivateKey, server_principal};
use devplat_transport::Unblocked;
use russh::{
    client::{self, AuthResult},
    keys::ssh_key::private::Ed25519Keypair,
};
use rustix::rand::{GetRandomFlags, getrandom};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout, timeout_at},
};

use super::{
    back::{AgentSide, Back},
    dialer::Dialer,
    host::WrongHost,
};
use crate::{
    door::now,
    metrics::{Counted, Metrics},
};

/// How long a certificate lasts: long enough for clocks that differ, and short enough to be of no use to anybody else.
const VALIDITY: Duration = Duration::from_mins(5);
/// How long connecting may take, with the handshake. A dev server whose processors are all busy takes seconds, more so
/// when many channels are opened together.
const CONNECT: Duration = Duration::from_secs(30);
/// How long an address may refuse: a container that restarts is back within that time.
const REFUSED: Duration = Duration::from_secs(2);
/// Between two tries.
const PAUSE: Duration = Duration::from_millis(200);
/// Name that the agent sees; the certificate says who it is.
const USER: &str = "dev";

/// A dev server of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The user.
    pub user: String,
    /// The user's namespace.
    pub namespace: String,
    /// The server.
    pub server: String,
}

/// A connection to an agent. It ends when this and its channels are dropped.
pub(crate) struct Agent {
    pub(crate) handle: client::Handle<AgentSide>,
    pub(crate) back: Arc<Back>,
    _counted: Counted,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DialError {
    /// Nobody answers.
    #[error("nothing answers at {0}")]
    Unreachable(SocketAddr, #[source] io::Error),
    /// It takes too long.
    #[error("no answer from {0} within {secs} s", secs = CONNECT.as_secs())]
    Timeout(SocketAddr),
    /// Somebody else answers.
    #[error("what answers at {0} is not it: {1}")]
    WrongHost(SocketAddr, #[source] WrongHost),
    /// The agent does not let the bastion in.
    #[error("its agent does not accept the platform's certificate")]
    Refused,
    /// Both ends do not understand each other.
    #[error("its SSH server failed: {0}")]
    Protocol(#[source] russh::Error),
    /// No random bytes.
    #[error("no random bytes")]
    Random(#[source] io::Error),
}

impl Dialer {
    /// Connects to the agent of `target` at `address`. Channels that it opens go to `back`.
    pub(crate) async fn dial(
        &self,
        target: &Target,
        address: SocketAddr,
        back: Arc<Back>,
        metrics: &Metrics,
    ) -> Result<Agent, DialError> {
        let whole = self.connect(target, address, back, metrics);
        timeout(CONNECT, whole).await.unwrap_or(Err(DialError::Timeout(address)))
    }

    async fn connect(
        &self,
        target: &Target,
        address: SocketAddr,
        back: Arc<Back>,
        metrics: &Metrics,
    ) -> Result<Agent, DialError> {
        let stream = reach(address).await.map_err(|source| DialError::Unreachable(address, source))?;
        let _ = stream.set_nodelay(true);
        let name = format!("{}.{}", target.server, target.namespace);
        let authorities = self.authorities();
        let (side, verdict) = AgentSide::new(authorities.host.clone(), name, back.clone());
        let connected = client::connect_stream(self.config.clone(), Unblocked::new(stream), side).await;
        let mut handle = connected.map_err(|error| match verdict.take() {
            Some(wrong) => DialError::WrongHost(address, wrong),
            None => DialError::Protocol(error),
        })?;
        let random = random().map_err(DialError::Random)?;
        let key = PrivateKey::from(Ed25519Keypair::from_seed(&random[0]));
        let principal = server_principal(&target.namespace, &target.server);
        let certificate = authorities.session.certify(
            key.public_key(),
            &principal,
            &target.user,
            now(),
            VALIDITY,
            &random[1],
        );
        let outcome = handle.authenticate_openssh_cert(USER, Arc::new(key), certificate).await;
        match outcome.map_err(DialError::Protocol)? {
            AuthResult::Success => Ok(Agent { handle, back, _counted: Counted::new(&metrics.agents) }),
            AuthResult::Failure { .. } => Err(DialError::Refused),
        }
    }
}

/// A pod whose container restarts refuses for a moment.
pub(super) async fn reach(address: SocketAddr) -> io::Result<TcpStream> {
    let end = Instant::now() + REFUSED;
    loop {
        match TcpStream::connect(address).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused && Instant::now() < end => {
                let _ = timeout_at(end, sleep(PAUSE)).await;
            }
            other => return other,
        }
    }
}

/// For a key, and for a certificate.
fn random() -> io::Result<[[u8; 32]; 2]> {
    let mut bytes = [[0; 32]; 2];
    for part in &mut bytes {
        getrandom(part.as_mut_slice(), GetRandomFlags::empty())?;
    }
    Ok(bytes)
}
