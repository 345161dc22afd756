//! The SSH server: accepts connections, and ends those that do not log in. What a connection may do is in
//! [`connection`], who gets one in [`login`].

mod connection;
mod forward;
mod keys;
mod lines;
mod login;
mod program;
mod pump;
mod session;
mod sftp;
mod signal;
mod site;
mod turns;

use std::{
    convert::Infallible,
    net::{Shutdown, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use devplat_keys::{Certificate, PrivateKey};
use devplat_transport::Unblocked;
use russh::{
    Disconnect,
    server::{Config, run_stream},
};
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

pub(crate) use self::site::Site;
use self::{
    connection::Connection,
    keys::{Error, read},
    login::Door,
    turns::{NOT_LOGGED_IN, STRANGERS, Turns},
};
use crate::{listener::bind, log::say, readiness::Readiness};

/// What the server calls itself.
const NAME: &str = "SSH-2.0-devplat-agent";
/// How long a client gets to hang up once it was told to.
const HANG_UP: Duration = Duration::from_millis(300);

/// Where things are, and who is let in.
pub(crate) struct Settings {
    /// Folder with the host key, its certificate and the session authority.
    pub(crate) dir: PathBuf,
    /// The owner's keys.
    pub(crate) authorized_keys: Option<PathBuf>,
    /// Who certificates have to be for.
    pub(crate) principal: String,
    /// Where to listen.
    pub(crate) listen: SocketAddr,
    /// How long a client gets to log in.
    pub(crate) login_grace: Duration,
}

/// Accepts connections until it cannot begin to; a connection that fails is its own matter.
pub(crate) async fn serve(
    settings: &Settings,
    site: &Arc<Site>,
    readiness: &Readiness,
) -> Result<Infallible, Error> {
    let Settings { dir, authorized_keys, principal, listen, login_grace } = settings;
    let config = config(dir)?;
    let door = Arc::new(Door::open(dir, authorized_keys.clone(), principal.clone())?);
    let listener = bind(*listen).await.map_err(|source| Error::Listen { address: *listen, source })?;
    let turns = Turns::new();
    say(&format!("SSH answers on {listen} for {principal}"));
    readiness.ready();
    loop {
        match listener.accept().await {
            Ok((socket, peer)) => {
                let Some(place) = turns.enter() else {
                    say(&format!("{NOT_LOGGED_IN} connections are not logged in; no room for one more"));
                    continue;
                };
                let (site, config, door) = (site.clone(), config.clone(), door.clone());
                let login_grace = *login_grace;
                tokio::spawn(async move {
                    let Some(turn) = place.turn().await else {
                        say(&format!("{STRANGERS} connections do not log in; no turn for one more"));
                        return;
                    };
                    let connection = Connection::new(site.clone(), door, peer, &socket, turn);
                    if let Err(error) = attend(config, &site, socket, connection, login_grace).await {
                        // Clients that just go are no news.
                        if !matches!(
                            error,
                            russh::Error::IO(_) | russh::Error::HUP | russh::Error::Disconnect
                        ) {
                            say(&format!("connection from {}: {error}", peer.ip().to_canonical()));
                        }
                    }
                });
            }
            Err(error) => {
                say(&format!("cannot accept a connection: {error}"));
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Sees one connection through.
async fn attend(
    config: Arc<Config>,
    site: &Site,
    socket: TcpStream,
    connection: Connection,
    login_grace: Duration,
) -> Result<(), russh::Error> {
    socket.set_nodelay(true)?;
    let socket = socket.into_std()?;
    // The library has no way to end a client that just sits there.
    let mut cut = Some(socket.try_clone()?);
    let socket = TcpStream::from_std(socket)?;
    let logged_in = connection.logged_in();
    let Ok(running) = timeout(login_grace, run_stream(config, Unblocked::new(socket), connection)).await
    else {
        return Ok(());
    };
    let mut running = running?;
    let handle = running.handle();
    let mut grace = std::pin::pin!(sleep(login_grace));
    loop {
        tokio::select! {
            outcome = &mut running => return outcome,
            () = logged_in.cancelled(), if cut.is_some() => cut = None,
            () = &mut grace, if cut.is_some() => {
                if let Some(cut) = cut.take() {
                    let _ = cut.shutdown(Shutdown::Both);
                }
            }
            () = site.end.cancelled() => {
                let why = "the dev server is stopping".to_owned();
                let _ = handle.disconnect(Disconnect::ByApplication, why, String::new()).await;
                let _ = timeout(HANG_UP, &mut running).await;
                return Ok(());
            }
        }
    }
}

fn config(dir: &std::path::Path) -> Result<Arc<Config>, Error> {
    let (path, text) = read(dir, "host_key")?;
    let key = PrivateKey::from_openssh(text).map_err(|source| Error::Key { path, source })?;
    let (path, text) = read(dir, "host_key-cert.pub")?;
    let certificate = Certificate::from_openssh(&text).map_err(|source| Error::Key { path, source })?;
    Ok(devplat_transport::server(NAME, key, Some(certificate)))
}
