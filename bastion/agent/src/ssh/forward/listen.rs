//! Ports and sockets in the pod whose connections go to the client.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::{
        fd::OwnedFd,
        unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use russh::{
    Channel, Error,
    server::{Handle, Msg},
};
use rustix::rand::{GetRandomFlags, getrandom};
use tokio::net::{TcpListener, UnixListener};
use tokio_util::task::AbortOnDropHandle;

use super::{super::Site, super::lines::Lines, relay::relay};
use crate::account::Account;

/// Tries to find the same free port for IPv4 and IPv6.
const TRIES: usize = 8;

/// Ports that are listened on until this is dropped.
pub(super) struct Tcp {
    port: u16,
    _accepting: Vec<AbortOnDropHandle<()>>,
}

/// A socket that is listened on, and there, until this is dropped.
pub(super) struct Local {
    path: PathBuf,
    /// Device and number: what is removed in the end must be what was made.
    inode: (u64, u64),
    _accepting: AbortOnDropHandle<()>,
}

/// The socket of a client's agent, in a folder of its own.
pub(super) struct Agent {
    folder: PathBuf,
    path: PathBuf,
    _accepting: AbortOnDropHandle<()>,
}

impl Tcp {
    /// Listens on `port` of `address`; see [`addresses`].
    pub(super) fn open(
        address: &str,
        port: u16,
        handle: &Handle,
        site: &Arc<Site>,
        lines: &Lines,
    ) -> io::Result<Self> {
        let (listeners, port) = bind(&addresses(address)?, port)?;
        let accepting = listeners.into_iter().map(|listener| {
            let (site, lines, handle, address) =
                (site.clone(), lines.clone(), handle.clone(), address.to_owned());
            AbortOnDropHandle::new(tokio::spawn(async move {
                loop {
                    let Some((socket, peer)) = accepted(listener.accept().await).await else { continue };
                    let _ = socket.set_nodelay(true);
                    let (handle, address) = (handle.clone(), address.clone());
                    let opening = async move {
                        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                        handle
                            .channel_open_forwarded_tcpip(
                                address,
                                port.into(),
                                peer.ip().to_string(),
                                peer.port().into(),
                            )
                            .await
                    };
                    connect(opening, socket.into_std(), &site, &lines);
                }
            }))
        });
        Ok(Self { port, _accepting: accepting.collect() })
    }

    /// The port, also where any was wanted.
    pub(super) fn port(&self) -> u16 {
        self.port
    }
}

impl Local {
    /// Listens on the socket `path`, which must not exist; a relative one is in the home.
    pub(super) fn open(path: &str, handle: Handle, site: &Arc<Site>, lines: &Lines) -> io::Result<Self> {
        let name = path.to_owned();
        let path = Account::own().home.join(path);
        let (listener, inode) = listen(&path)?;
        let (site, lines) = (site.clone(), lines.clone());
        let accepting = tokio::spawn(async move {
            loop {
                let Some((socket, _)) = accepted(listener.accept().await).await else { continue };
                let (handle, name) = (handle.clone(), name.clone());
                let opening = async move { handle.channel_open_forwarded_streamlocal(name).await };
                connect(opening, socket.into_std(), &site, &lines);
            }
        });
        Ok(Self { path, inode, _accepting: AbortOnDropHandle::new(accepting) })
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        if inode(&self.path).is_ok_and(|inode| inode == self.inode) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Agent {
    /// Listens on a socket that only this user can reach.
    pub(super) fn open(handle: Handle, site: &Arc<Site>, lines: &Lines) -> io::Result<Self> {
        let folder = private_folder()?;
        let path = folder.join("agent");
        let listener = match listen(&path) {
            Ok((listener, _)) => listener,
            Err(error) => {
                let _ = fs::remove_dir(&folder);
                return Err(error);
            }
        };
        let (site, lines) = (site.clone(), lines.clone());
        let accepting = tokio::spawn(async move {
            loop {
                let Some((socket, _)) = accepted(listener.accept().await).await else { continue };
                let handle = handle.clone();
                let opening = async move { handle.channel_open_agent().await };
                connect(opening, socket.into_std(), &site, &lines);
            }
        });
        Ok(Self { folder, path, _accepting: AbortOnDropHandle::new(accepting) })
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
        let _ = fs::remove_dir(&self.folder);
    }
}

/// What a client means by `address`: nothing or a star is everywhere, `localhost` both loopback addresses.
fn addresses(address: &str) -> io::Result<Vec<IpAddr>> {
    match address {
        "" | "*" => Ok(vec![Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()]),
        "localhost" => Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]),
        other => Ok(vec![other.parse().map_err(|_| io::Error::other("not an address"))?]),
    }
}

/// Listens on the same port of all `addresses`; where there is only one of IPv4 and IPv6, on that one.
fn bind(addresses: &[IpAddr], port: u16) -> io::Result<(Vec<TcpListener>, u16)> {
    let mut failure = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for _ in 0..if port == 0 { TRIES } else { 1 } {
        let (mut listeners, mut port) = (Vec::new(), port);
        let mut taken = false;
        for address in addresses {
            match bind_one(SocketAddr::new(*address, port)) {
                Ok(listener) => {
                    port = listener.local_addr()?.port();
                    listeners.push(listener);
                }
                Err(error) => {
                    taken |= error.kind() == io::ErrorKind::AddrInUse;
                    failure = error;
                }
            }
        }
        if !listeners.is_empty() && !taken {
            return Ok((listeners, port));
        }
    }
    Err(failure)
}

fn bind_one(address: SocketAddr) -> io::Result<TcpListener> {
    use rustix::net::{
        AddressFamily, SocketFlags, SocketType, bind, listen, socket_with,
        sockopt::{set_ipv6_v6only, set_socket_reuseaddr},
    };
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        // IPv4 has a listener of its own on the same port.
        set_ipv6_v6only(&socket, true)?;
    }
    bind(&socket, &address)?;
    listen(&socket, 128)?;
    TcpListener::from_std(socket.into())
}

fn listen(path: &Path) -> io::Result<(UnixListener, (u64, u64))> {
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    Ok((listener, inode(path)?))
}

fn inode(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}

fn private_folder() -> io::Result<PathBuf> {
    let mut random = [0; 8];
    getrandom(&mut random[..], GetRandomFlags::empty())?;
    let name = format!("ssh-{:016x}", u64::from_ne_bytes(random));
    let mut failure = io::Error::from(io::ErrorKind::NotFound);
    let temporary = std::env::temp_dir();
    for parent in [temporary.as_path(), Path::new("/run"), Path::new("/dev/shm"), &Account::own().home] {
        let folder = parent.join(&name);
        match fs::DirBuilder::new().mode(0o700).create(&folder) {
            Ok(()) => return Ok(folder),
            Err(error) => failure = error,
        }
    }
    Err(failure)
}

/// What was accepted; after a failure, a moment later, nothing: it is one of this connection, or of all of them.
async fn accepted<T>(outcome: io::Result<T>) -> Option<T> {
    if outcome.is_err() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    outcome.ok()
}

/// Connects `socket` with the channel that `opening` gives; a client that wants none closes it.
fn connect<S: Into<OwnedFd> + Send + 'static>(
    opening: impl Future<Output = Result<Channel<Msg>, Error>> + Send + 'static,
    socket: io::Result<S>,
    site: &Arc<Site>,
    lines: &Lines,
) {
    let Ok(socket) = socket else { return };
    let (lines, activity) = (lines.clone(), site.activity.clone());
    tokio::spawn(async move {
        tokio::select! {
            channel = opening => if let Ok(channel) = channel {
                let line = lines.open(channel.id());
                relay(channel, socket.into(), &line, activity).await;
            },
            () = lines.gone() => {}
        }
    });
}
