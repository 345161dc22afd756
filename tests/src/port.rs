//! Free ports.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context, Result};

/// Returns `N` different free addresses on this machine. Another process may take one before its use, so callers retry.
pub fn free<const N: usize>() -> Result<[SocketAddr; N]> {
    // Hold all listeners until the last is found, or the kernel could return a port twice.
    let mut held = Vec::with_capacity(N);
    let mut found = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); N];
    for address in &mut found {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
        *address = listener.local_addr().context("no port is free")?;
        held.push(listener);
    }
    Ok(found)
}
