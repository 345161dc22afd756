//! Ports that nobody listens on.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::{Context, Result};

/// `N` different addresses on this machine. Another program may take one before it is used: be ready to ask again.
pub fn free<const N: usize>() -> Result<[SocketAddr; N]> {
    // All are held until the last is found, or the same could come twice.
    let mut held = Vec::with_capacity(N);
    let mut found = [SocketAddr::from((Ipv4Addr::LOCALHOST, 0)); N];
    for address in &mut found {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port is free")?;
        *address = listener.local_addr().context("no port is free")?;
        held.push(listener);
    }
    Ok(found)
}
