//! The ports of this machine and the nodes that a configuration for kind names. One that does not parse names none:
//! its use reports the mistake.

use std::net::{IpAddr, SocketAddr};

use serde_json::Value;

use crate::local::overlay::{entries, port, value_of};

/// Returns the TCP ports of this machine that a configuration gives to its nodes and to its API server, without those
/// that kind or Docker chooses.
pub(in crate::local) fn ports(config: &str) -> Vec<SocketAddr> {
    let Some(config) = value_of(config) else { return Vec::new() };
    let everywhere = if config["networking"]["ipFamily"] == "ipv6" { "::" } else { "0.0.0.0" };
    let mapped = |mapping: &Value| {
        let protocol = mapping["protocol"].as_str().unwrap_or("TCP");
        if !protocol.eq_ignore_ascii_case("TCP") {
            return None;
        }
        let address = mapping["listenAddress"].as_str().filter(|address| !address.is_empty());
        let address: IpAddr = address.unwrap_or(everywhere).parse().ok()?;
        Some(SocketAddr::new(address, port(&mapping["hostPort"])?))
    };
    let nodes = entries(&config["nodes"]);
    let mapped = nodes.iter().flat_map(|node| entries(&node["extraPortMappings"])).filter_map(mapped);
    // devplat sets the address of the API server.
    let api = port(&config["networking"]["apiServerPort"]);
    mapped.chain(api.map(|port| SocketAddr::from(([127, 0, 0, 1], port)))).collect()
}

/// Returns the number of nodes of a cluster with at least this many workers, on top of the user's configuration.
pub fn node_count(extra: Option<&str>, workers: u16) -> usize {
    let config = extra.and_then(value_of).unwrap_or_default();
    let nodes = entries(&config["nodes"]);
    // kind creates one control plane if no node is listed.
    nodes.len().max(1) + missing_workers(nodes, workers)
}

/// Returns the names that kind gives to the containers of cluster `name` with at least this many workers, on top of the
/// user's configuration.
pub fn container_names(name: &str, extra: Option<&str>, workers: u16) -> Vec<String> {
    let config = extra.and_then(value_of).unwrap_or_default();
    let nodes = entries(&config["nodes"]);
    let control_planes = nodes.iter().filter(|node| is_control_plane(node)).count();
    let workers = nodes.len() - control_planes + missing_workers(nodes, workers);
    // kind creates one control plane if no node is listed.
    let control_planes = if nodes.is_empty() { 1 } else { control_planes };
    let balancer = (control_planes > 1).then(|| format!("{name}-external-load-balancer"));
    let control_planes = numbered(name, "control-plane", control_planes);
    control_planes.chain(numbered(name, "worker", workers)).chain(balancer).collect()
}

/// Returns the names of this many nodes of one role: `a-worker`, `a-worker2`.
pub(super) fn numbered(name: &str, role: &str, count: usize) -> impl Iterator<Item = String> {
    let first = format!("{name}-{role}");
    (1..=count).map(move |number| if number == 1 { first.clone() } else { format!("{first}{number}") })
}

/// Returns how many workers a list of nodes lacks.
pub(super) fn missing_workers(nodes: &[Value], workers: u16) -> usize {
    let listed = nodes.iter().filter(|node| !is_control_plane(node)).count();
    usize::from(workers).saturating_sub(listed)
}

/// Returns whether a node is a control plane, as one without a role is.
pub(super) fn is_control_plane(node: &Value) -> bool {
    node.get("role").and_then(Value::as_str).unwrap_or("control-plane") == "control-plane"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_the_users_configuration_are_found() {
        let theirs = "\
networking: {apiServerPort: 6443}
nodes:
- extraPortMappings: [{containerPort: 80, hostPort: 8080}, {containerPort: 53, hostPort: 53, protocol: UDP}]
- role: worker
  extraPortMappings:
  - {containerPort: 81, hostPort: 8081, listenAddress: 127.0.0.1, protocol: TCP}
  - {containerPort: 82, hostPort: 0}
  - {containerPort: 83, hostPort: -1}
";
        let found = |config: &str| ports(config).iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(found(theirs), ["0.0.0.0:8080", "127.0.0.1:8081", "127.0.0.1:6443"]);
        let six = "{networking: {ipFamily: ipv6}, nodes: [{extraPortMappings: [{hostPort: 80}]}]}";
        assert_eq!(found(six), ["[::]:80"]);
        assert_eq!(found("nodes: ["), [""; 0]);
    }

    #[test]
    fn nodes_of_the_users_configuration_are_counted() {
        let theirs = "nodes: [{role: control-plane}, {}, {role: worker}]";
        for (extra, workers, count) in
            [(None, 0, 1), (None, 2, 3), (Some(theirs), 0, 3), (Some(theirs), 2, 4), (Some("nodes: ["), 1, 2)]
        {
            assert_eq!(node_count(extra, workers), count, "{extra:?} {workers}");
        }
    }

    #[test]
    fn containers_of_kind_are_numbered_from_the_second_on() {
        let names = |extra, workers| container_names("a", extra, workers);
        assert_eq!(names(None, 0), ["a-control-plane"]);
        assert_eq!(names(None, 2), ["a-control-plane", "a-worker", "a-worker2"]);
        let two = "nodes: [{role: control-plane}, {}, {role: worker}]";
        let expected = ["a-control-plane", "a-control-plane2", "a-worker", "a-external-load-balancer"];
        assert_eq!(names(Some(two), 1), expected);
    }
}
