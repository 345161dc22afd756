//! The ports of this machine and the address ranges that a configuration for k3d names. One that does not parse names
//! none: its use reports the mistake.

use std::net::{IpAddr, SocketAddr};

use crate::local::overlay::{entries, port, value_of};

/// Returns the TCP ports of this machine that a configuration gives to its nodes and to its API server, without those
/// that k3d or Docker chooses.
pub(in crate::local) fn ports(config: &str) -> Vec<SocketAddr> {
    let Some(config) = value_of(config) else { return Vec::new() };
    let texts = entries(&config["ports"]).iter().filter_map(|entry| entry["port"].as_str());
    let mapped = texts.filter_map(mapped).flatten();
    // devplat sets the address of the API server.
    let api = port(&config["kubeAPI"]["hostPort"]);
    mapped.chain(api.map(|port| SocketAddr::from(([127, 0, 0, 1], port)))).collect()
}

/// Returns the TCP ports of this machine in a mapping in the format of Docker's command:
/// `[ADDRESS:][PORT[-PORT]:]PORT[-PORT][/PROTOCOL]`. Without a port of this machine, Docker takes a free one.
fn mapped(text: &str) -> Option<Vec<SocketAddr>> {
    let (text, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    if !protocol.eq_ignore_ascii_case("tcp") {
        return None;
    }
    let (host, _) = text.rsplit_once(':')?;
    let (address, range) = host.rsplit_once(':').unwrap_or(("0.0.0.0", host));
    let address: IpAddr = address.trim_matches(['[', ']']).parse().ok()?;
    let (first, last) = range.split_once('-').unwrap_or((range, range));
    let (first, last): (u16, u16) = (first.parse().ok()?, last.parse().ok()?);
    Some((first..=last).filter(|port| *port != 0).map(|port| SocketAddr::new(address, port)).collect())
}

/// Returns the address ranges of pods and of Services in the arguments for k3s.
pub(super) fn ranges(config: &str) -> Vec<String> {
    let Some(config) = value_of(config) else { return Vec::new() };
    let arguments =
        entries(&config["options"]["k3s"]["extraArgs"]).iter().filter_map(|entry| entry["arg"].as_str());
    let flags = ["--cluster-cidr=", "--service-cidr="];
    let named = arguments.filter_map(|one| flags.into_iter().find_map(|flag| one.strip_prefix(flag)));
    named.flat_map(|ranges| ranges.split(',')).map(|range| range.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_the_users_configuration_are_found() {
        let theirs = "\
kubeAPI: {hostPort: '6550'}
ports:
- {port: '8080:80', nodeFilters: ['server:0:direct']}
- {port: '127.0.0.1:8081:81/tcp'}
- {port: '[::1]:8082:82'}
- {port: '9000-9001:9000-9001'}
- {port: '127.0.0.1::83'}
- {port: '84'}
- {port: '53:53/udp'}
";
        let found = |config: &str| ports(config).iter().map(ToString::to_string).collect::<Vec<_>>();
        let expected = [
            "0.0.0.0:8080",
            "127.0.0.1:8081",
            "[::1]:8082",
            "0.0.0.0:9000",
            "0.0.0.0:9001",
            "127.0.0.1:6550",
        ];
        assert_eq!(found(theirs), expected);
        assert_eq!(found("kubeAPI: {hostPort: 6550}"), ["127.0.0.1:6550"]);
        assert_eq!(found("kubeAPI: {hostPort: random}"), [""; 0]);
        assert_eq!(found("ports: ["), [""; 0]);
    }

    #[test]
    fn ranges_of_the_users_configuration_are_found() {
        let theirs = "\
options:
  k3s:
    extraArgs:
    - {arg: '--cluster-cidr=10.1.0.0/16,fd01::/64', nodeFilters: ['server:*']}
    - {arg: --service-cidr=10.2.0.0/16}
    - {arg: --tls-san=x}
";
        assert_eq!(ranges(theirs), ["10.1.0.0/16", "fd01::/64", "10.2.0.0/16"]);
        assert_eq!(ranges(""), [""; 0]);
    }
}
