//! The address of an engine, as `DOCKER_HOST` and Docker's contexts write it.

use std::{net::Ipv6Addr, path::PathBuf};

use super::{error::EngineError, setting::Setting};
use crate::server_address::ServerAddress;

/// The address of an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// A socket of this machine.
    Unix(PathBuf),
    /// A host and its port.
    Tcp {
        /// `host:port`.
        authority: String,
        /// The folder with ca.pem, cert.pem and key.pem; without it, plain HTTP.
        certificates: Option<PathBuf>,
    },
}

impl Address {
    /// Reads an address that `setting` names.
    pub(super) fn parse(
        host: &str,
        certificates: Option<PathBuf>,
        setting: &Setting,
    ) -> Result<Self, EngineError> {
        let unsupported = |what| EngineError::Unsupported { setting: setting.clone(), what };
        let malformed = || EngineError::Address { setting: setting.clone() };
        // Docker's command takes a host without a scheme for TCP.
        let (scheme, rest) = host.split_once("://").unwrap_or(("tcp", host));
        match scheme {
            "unix" if rest.starts_with('/') => Ok(Self::Unix(rest.into())),
            "tcp" | "http" | "https" => {
                let usual = if certificates.is_some() { 2376 } else { 2375 };
                let authority = authority(rest.trim_end_matches('/'), usual).ok_or_else(malformed)?;
                Ok(Self::Tcp { authority, certificates })
            }
            "ssh" => Err(unsupported("an engine reached over SSH")),
            "npipe" | "fd" => Err(unsupported("this kind of address")),
            _ => Err(malformed()),
        }
    }

    /// Returns the address in the format of `DOCKER_HOST`.
    pub fn url(&self) -> String {
        match self {
            Self::Unix(path) => format!("unix://{}", path.display()),
            Self::Tcp { authority, .. } => format!("tcp://{authority}"),
        }
    }

    /// Returns whether the engine's ports are this machine's, by its address. A socket may be forwarded from another
    /// machine; only the engine's host name shows that.
    pub fn is_local(&self) -> bool {
        match self {
            Self::Unix(_) => true,
            Self::Tcp { authority, .. } => ServerAddress::of(authority).is_loopback_by_name(),
        }
    }
}

/// Returns `host:port` with the usual port if there is none; `None` if the text is not a host with at most a port.
fn authority(text: &str, usual: u16) -> Option<String> {
    let ServerAddress { name, port } = ServerAddress::of(text);
    let host = match text.strip_prefix('[') {
        Some(_) => format!("[{}]", name.parse::<Ipv6Addr>().ok()?),
        // Docker's command takes `:2375` for a port of this machine.
        None if name.is_empty() => port.map(|_| "localhost".to_owned())?,
        None => {
            let is_of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
            name.bytes().all(is_of_a_name).then_some(name)?
        }
    };
    // After the bracket of an IPv6 address, anything but a port.
    let rest = text.rsplit_once(']').map_or("", |(_, rest)| rest);
    (rest.is_empty() || port.is_some()).then(|| format!("{host}:{}", port.unwrap_or(usual)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tcp_address_gets_the_usual_port_and_is_remote() {
        let of = |host: &str, certificates: Option<PathBuf>| {
            Address::parse(host, certificates, &Setting::Default).unwrap()
        };
        assert_eq!(of("tcp://engine", None).url(), "tcp://engine:2375");
        assert_eq!(of("engine", Some("/c".into())).url(), "tcp://engine:2376");
        assert!(!of("tcp://10.9.0.2:2375", None).is_local());
        assert!(of("tcp://127.0.0.1:2375", None).is_local() && of("tcp://[::1]:2375", None).is_local());
    }

    #[test]
    fn host_may_lack_scheme_and_port() {
        let of = |host: &str| Address::parse(host, None, &Setting::Default).map(|address| address.url());
        for (host, url) in [
            ("garbage", "tcp://garbage:2375"),
            ("tcp://:2380", "tcp://localhost:2380"),
            ("tcp://[::1]", "tcp://[::1]:2375"),
            ("http://10.0.0.1:80/", "tcp://10.0.0.1:80"),
        ] {
            assert_eq!(of(host).unwrap(), url);
        }
    }
}
