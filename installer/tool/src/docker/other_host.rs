//! The host of an engine behind a forwarded socket, whose address does not show that it is another machine.

use std::{fmt, fs};

use super::endpoint::Endpoint;

/// A host that is not this machine although its engine has an address of this machine, as behind a forwarded socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherHost {
    pub name: String,
    /// The name of this machine.
    pub own: String,
}

/// The beginnings of the names of virtual machines, and of their Docker contexts, that forward the ports of their
/// containers to this machine.
const FORWARDING: [&str; 7] =
    ["docker-desktop", "desktop-", "colima", "lima-", "rancher-desktop", "orbstack", "podman-machine"];

impl OtherHost {
    /// Compares the name that an engine reports with the name of this machine. An unknown name is not another one, and
    /// a rootless engine may have a name of its own.
    pub(super) fn of(endpoint: &Endpoint, engine: &str, rootless: bool, own: &str) -> Option<Self> {
        let forwards = |name: &str| {
            let name = name.to_ascii_lowercase();
            FORWARDING.iter().any(|known| name.starts_with(known))
        };
        let same = engine.eq_ignore_ascii_case(own);
        if engine.is_empty() || own.is_empty() || same || rootless {
            return None;
        }
        if !endpoint.address.is_local() || forwards(engine) || forwards(&endpoint.context) {
            return None;
        }
        Some(Self { name: engine.to_owned(), own: own.to_owned() })
    }

    /// Returns the remedy if the ports of a cluster do not answer.
    pub fn hint(&self) -> String {
        let Self { name, own: _ } = self;
        format!(
            "run devplat on host {name}, which has the engine: the cluster's ports are on 127.0.0.1 there"
        )
    }
}

impl fmt::Display for OtherHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, own } = self;
        write!(
            f,
            "the Docker engine reports that it is on host {name}, and this machine is {own}: unless {name} forwards them, the cluster's ports are on 127.0.0.1 of {name}"
        )
    }
}

/// Returns the name of this machine; empty if it cannot be read.
pub(super) fn own_name() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{address::Address, setting::Setting},
        *,
    };

    #[test]
    fn engine_with_another_host_name_is_elsewhere() {
        let of = |context: &str, host: &str, engine: &str, rootless: bool| {
            let address = Address::parse(host, None, &Setting::Default).unwrap();
            let endpoint = Endpoint { context: context.to_owned(), address, setting: Setting::Default };
            OtherHost::of(&endpoint, engine, rootless, "laptop").map(|other| other.name)
        };
        let (socket, loopback) = ("unix:///run/docker.sock", "tcp://127.0.0.1:2375");
        assert_eq!(of("default", socket, "build7", false).as_deref(), Some("build7"));
        assert_eq!(of("default", loopback, "build7", false).as_deref(), Some("build7"));
        for (context, host, engine, rootless) in [
            ("default", socket, "laptop", false),
            ("default", socket, "Laptop", false),
            ("default", socket, "", false),
            ("rootless", socket, "build7", true),
            ("default", socket, "docker-desktop", false),
            ("desktop-linux", socket, "linuxkit-1", false),
            ("colima", socket, "build7", false),
            ("default", socket, "lima-rancher-desktop", false),
            // Such an address is refused before, with the reason.
            ("default", "tcp://10.9.0.2:2375", "build7", false),
        ] {
            assert_eq!(of(context, host, engine, rootless), None, "{context} {host} {engine}");
        }
    }
}
