//! Checks whether a port of this machine is free, and finds the process that has it. Only for an engine on this
//! machine.

use std::{
    fs, io,
    net::{IpAddr, SocketAddr, TcpListener},
    path::Path,
};

/// The state of a port of this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Port {
    /// It is free.
    Free,
    /// A process listens on it.
    InUse {
        /// Its name and process ID, if this user may see them.
        holder: Option<String>,
    },
    /// This user may not listen on the port; the engine may.
    NotPermitted,
    /// This machine does not have the address.
    NotAnAddressHere {
        /// The addresses of this machine.
        addresses: Vec<IpAddr>,
    },
    /// The operating system refuses the port for another reason.
    Refused(io::ErrorKind),
}

/// Returns whether `address` is free; port 0 always is.
pub fn check(address: SocketAddr) -> Port {
    if address.port() == 0 && address.ip().is_unspecified() {
        return Port::Free;
    }
    match TcpListener::bind(address) {
        Ok(_) => Port::Free,
        Err(error) => match error.kind() {
            io::ErrorKind::AddrInUse => Port::InUse { holder: holder(Path::new("/proc"), address) },
            // The kernel checks the permission first, so it does not report that the port is taken as well.
            io::ErrorKind::PermissionDenied if taken(Path::new("/proc"), address) => {
                Port::InUse { holder: holder(Path::new("/proc"), address) }
            }
            io::ErrorKind::PermissionDenied => Port::NotPermitted,
            io::ErrorKind::AddrNotAvailable => {
                Port::NotAnAddressHere { addresses: addresses(Path::new("/proc")) }
            }
            kind => Port::Refused(kind),
        },
    }
}

/// Returns whether a process that listens on one of them keeps another from listening on the other.
pub fn overlap(one: &SocketAddr, other: &SocketAddr) -> bool {
    let same_address = one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified();
    one.port() == other.port() && same_address
}

/// Returns the addresses of this machine.
pub fn own_addresses() -> Vec<IpAddr> {
    addresses(Path::new("/proc"))
}

/// Returns whether a process of any user listens on `address`.
fn taken(proc: &Path, address: SocketAddr) -> bool {
    !sockets(proc, address).is_empty()
}

/// Returns the inodes of the sockets that listen on `address`.
fn sockets(proc: &Path, address: SocketAddr) -> Vec<u64> {
    let tables = if address.is_ipv4() { ["net/tcp", "net/tcp6"] } else { ["net/tcp6", "net/tcp"] };
    let read = |table: &&str| fs::read_to_string(proc.join(table)).unwrap_or_default();
    tables.iter().flat_map(|table| listeners(&read(table), address)).collect()
}

/// Returns the process that listens on `address`, as `name (process 42)`.
fn holder(proc: &Path, address: SocketAddr) -> Option<String> {
    let sockets: Vec<String> =
        sockets(proc, address).iter().map(|inode| format!("socket:[{inode}]")).collect();
    for entry in fs::read_dir(proc).ok()?.flatten() {
        let process = entry.path();
        if !entry.file_name().as_encoded_bytes().iter().all(u8::is_ascii_digit) {
            continue;
        }
        // The kernel does not show the files of other users' processes.
        let Ok(files) = fs::read_dir(process.join("fd")) else { continue };
        let mut targets = files.flatten().filter_map(|file| fs::read_link(file.path()).ok());
        if targets.any(|target| sockets.iter().any(|socket| target.as_os_str() == socket.as_str())) {
            let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
            return Some(format!("{} (process {})", name.trim(), entry.file_name().to_string_lossy()));
        }
    }
    None
}

/// Returns the inodes of the sockets in a table of the kernel's that listen on `address`.
fn listeners(table: &str, address: SocketAddr) -> Vec<u64> {
    const LISTEN: &str = "0A";
    table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let (local, state, inode) = (columns.get(1)?, columns.get(3)?, columns.get(9)?);
            let (ip, port) = local.split_once(':')?;
            let port = u16::from_str_radix(port, 16).ok()?;
            let ip = kernel_address(ip)?;
            let same = ip == address.ip() || ip.is_unspecified() || address.ip().is_unspecified();
            (*state == LISTEN && port == address.port() && same).then(|| inode.parse().ok())?
        })
        .collect()
}

/// Parses an address of the kernel's tables: words of 32 bits, each in the processor's byte order.
fn kernel_address(hex: &str) -> Option<IpAddr> {
    let word = |at: usize| Some(u32::from_str_radix(hex.get(at..at + 8)?, 16).ok()?.to_ne_bytes());
    match hex.len() {
        8 => Some(IpAddr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for part in 0..4 {
                bytes[part * 4..part * 4 + 4].copy_from_slice(&word(part * 8)?);
            }
            Some(IpAddr::from(bytes).to_canonical())
        }
        _ => None,
    }
}

/// Reads the addresses of this machine from the kernel's tables: `fib_trie` marks those of IPv4 as local to the host,
/// and `if_inet6` lists those of IPv6.
fn addresses(proc: &Path) -> Vec<IpAddr> {
    let mut found = Vec::new();
    let trie = fs::read_to_string(proc.join("net/fib_trie")).unwrap_or_default();
    let mut last = None;
    for line in trie.lines() {
        if let Some(address) = line.trim().strip_prefix("|-- ") {
            last = address.parse::<IpAddr>().ok();
        } else if line.trim() == "/32 host LOCAL" {
            found.extend(last);
        }
    }
    let six = fs::read_to_string(proc.join("net/if_inet6")).unwrap_or_default();
    found.extend(six.lines().filter_map(|line| {
        let number = u128::from_str_radix(line.split_whitespace().next()?, 16).ok()?;
        Some(IpAddr::from(number.to_be_bytes()))
    }));
    found.sort();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn port_in_use_names_its_holder() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(taken(Path::new("/proc"), address));
        let Port::InUse { holder: Some(holder) } = check(address) else { panic!("{:?}", check(address)) };
        assert!(holder.ends_with(&format!("(process {})", std::process::id())), "{holder}");
        drop(listener);
        // A child of another test may have inherited the listener, until it has started its program.
        let begun = std::time::Instant::now();
        while check(address) != Port::Free {
            assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", check(address));
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    #[test]
    fn foreign_address_is_reported_with_those_of_this_machine() {
        let Port::NotAnAddressHere { addresses } = check("192.0.2.7:30022".parse().unwrap()) else {
            panic!("{:?}", check("192.0.2.7:30022".parse().unwrap()))
        };
        assert!(addresses.contains(&"127.0.0.1".parse().unwrap()), "{addresses:?}");
    }

    #[test]
    fn listeners_are_read_from_the_kernels_table() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
             0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1\n\
             1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 22 1\n\
             2: 0100007F:1F90 0100007F:BEEF 01 00000000:00000000 00:00000000 00000000     0        0 9 1\n";
        assert_eq!(listeners(table, "127.0.0.1:8080".parse().unwrap()), [4711]);
        assert_eq!(listeners(table, "0.0.0.0:8080".parse().unwrap()), [4711]);
        assert_eq!(listeners(table, "192.0.2.7:22".parse().unwrap()), [22], "bound everywhere");
        assert!(listeners(table, "192.0.2.7:8080".parse().unwrap()).is_empty());
        assert_eq!(kernel_address("00000000000000000000000001000000").unwrap().to_string(), "::1");
    }
}
