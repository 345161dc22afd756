//! Connecting to what a client names, as the pod sees it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::PathBuf,
    process::Stdio,
    time::Duration,
};

use tokio::{
    net::{TcpStream, UnixStream},
    time::timeout,
};

use super::super::pump::End;
use crate::{
    children::{Children, this_program},
    leader::RESOLVE,
};

/// How long one address gets to answer.
const CONNECT: Duration = Duration::from_secs(15);
/// How long the resolver gets.
const LOOK_UP: Duration = Duration::from_secs(20);
/// Bytes of addresses that are read; more are not tried.
const ADDRESS_BYTES: usize = 4096;

/// What a client wants to be connected with.
pub(in super::super) enum Target {
    /// A port of a host.
    Tcp {
        /// Name or address.
        host: String,
        /// Its port.
        port: u16,
    },
    /// A socket.
    Local {
        /// Where.
        path: PathBuf,
    },
}

impl Target {
    /// A socket that is connected with it.
    pub(super) async fn connect(&self, children: &Children) -> io::Result<OwnedFd> {
        match self {
            Self::Local { path } => Ok(UnixStream::connect(path).await?.into_std()?.into()),
            Self::Tcp { host, port } => {
                let mut failure = io::Error::other(format!("{host} has no address"));
                for address in addresses(host, children).await? {
                    match timeout(CONNECT, TcpStream::connect((address, *port))).await {
                        Ok(Ok(stream)) => {
                            stream.set_nodelay(true)?;
                            return Ok(stream.into_std()?.into());
                        }
                        Ok(Err(error)) => failure = error,
                        Err(_) => failure = io::ErrorKind::TimedOut.into(),
                    }
                }
                Err(failure)
            }
        }
    }
}

async fn addresses(host: &str, children: &Children) -> io::Result<Vec<IpAddr>> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse() {
        return Ok(vec![address]);
    }
    if matches!(host, "localhost" | "") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]);
    }
    if host.starts_with('-') || host.contains('\0') {
        return Err(io::Error::other("not a name of a host"));
    }
    let mut command = this_program();
    command.arg(RESOLVE).arg(host).process_group(0);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let started = children.start(&mut command)?;
    let output = started.child.stdout.ok_or_else(|| io::Error::other("a pipe is missing"))?;
    let text = timeout(LOOK_UP, End::new(output)?.read_to_end(ADDRESS_BYTES)).await;
    if text.is_err() {
        children.signal(started.pid, rustix::process::Signal::KILL);
    }
    let text = text.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    let lines = String::from_utf8_lossy(&text);
    Ok(lines.lines().filter_map(|line| line.parse().ok()).collect())
}
