//! The record of a finished cluster: its configuration and its containers. Every node has a copy, because a user may delete
//! any of them.

use std::{collections::BTreeMap, net::Ipv4Addr};

use devplat_plan::Physical;
use devplat_tool::{
    docker::{Container, Engine},
    local::{ClusterContainers, Maker},
};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::verdict::LOSS;
use crate::{
    failure::{Exit, Failure},
    platform_context::PlatformContext,
    resource::{Cx, network},
};

/// A record.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ClusterRecord {
    platform: String,
    /// Counts replacements; 0 in records of an older devplat.
    #[serde(default)]
    pub(super) generation: u32,
    /// The configuration.
    pub(super) spec: Value,
    /// Its nodes and load balancers, with the addresses that they keep; `None` for an address that Docker chooses at each
    /// start. Empty in records of an older devplat.
    #[serde(default)]
    pub(super) containers: BTreeMap<String, Option<Ipv4Addr>>,
}

impl ClusterRecord {
    /// Parses the record in `node`.
    pub(super) fn parse(
        text: &[u8],
        maker: Maker,
        node: &Container,
        context: &PlatformContext,
    ) -> Result<Self, Failure> {
        serde_json::from_slice(text).map_err(|error| {
            Failure::of(Exit::PartWay, &error)
                .while_doing(format!("{} in container {} is damaged", maker.record_path(), node.name))
                .hint(format!(
                    "`{}` deletes the cluster with {LOSS}; no other command does",
                    context.command("destroy")
                ))
        })
    }

    /// Reads the record of a cluster; `None` if its creation was interrupted.
    pub(super) async fn read(
        maker: Maker,
        found: &ClusterContainers,
        engine: &Engine,
        context: &PlatformContext,
    ) -> Result<Option<Self>, Failure> {
        let Some(first) = found.nodes().first() else { return Ok(None) };
        let text = maker.read_record(engine, &first.name).await?;
        text.map(|text| Self::parse(&text, maker, first, context)).transpose()
    }

    /// Returns the recorded containers that are not there.
    pub(super) fn missing(&self, found: &ClusterContainers) -> Vec<String> {
        let is_there = |name: &str| found.all().iter().any(|one| self.name_of(one) == name);
        self.containers.keys().filter(|name| !is_there(name)).cloned().collect()
    }

    /// Returns the recorded containers that have another name now, with their recorded names.
    pub(super) fn renamed<'a>(&self, found: &'a ClusterContainers) -> Vec<(&'a Container, &'a str)> {
        let named = found.all().iter().map(|one| (one, self.name_of(one)));
        named.filter(|(one, name)| one.name != *name).collect()
    }

    /// Returns the recorded containers that are not in `network`.
    pub(super) fn detached<'a>(&self, found: &'a ClusterContainers, network: &str) -> Vec<&'a Container> {
        let is_recorded = |one: &&Container| self.containers.contains_key(self.name_of(one));
        found.all().iter().filter(is_recorded).filter(|one| !one.networks.contains_key(network)).collect()
    }

    /// Returns the address that a container keeps; `None` if Docker chooses one at each start.
    pub(super) fn address(&self, container: &Container) -> Option<Ipv4Addr> {
        self.containers.get(self.name_of(container)).copied().flatten()
    }

    /// Returns the recorded name of a container. kind and k3d use its name as its hostname, which a rename does not change.
    fn name_of<'a>(&self, container: &'a Container) -> &'a str {
        let Container { name, hostname, .. } = container;
        if self.containers.contains_key(hostname) { hostname } else { name }
    }
}

/// Writes the record of the finished cluster to its nodes. The first one gets it last, because a search reads that copy: an
/// interrupted write must not count as a finished cluster.
pub(in crate::resource) async fn finish(
    maker: Maker,
    spec: &Value,
    engine: &Engine,
    cx: &Cx,
) -> Result<(), Failure> {
    cx.detail("writing its record");
    let platform = &cx.context.platform;
    let found = maker.containers(engine, platform.as_str()).await?;
    let Some((first, others)) = found.nodes().split_first() else {
        let why = "its nodes were deleted while it was created";
        return Err(Failure::new(Exit::PartWay, why).hint("run the same command again"));
    };
    let network = network::named(engine, platform).await?.pop().filter(network::fixes_addresses);
    let record = ClusterRecord {
        platform: platform.to_string(),
        generation: cx.generation(),
        spec: spec.clone(),
        containers: addresses(&found, network.as_ref().map(|network| network.name.as_str())),
    };
    let text = serde_json::to_vec(&record).expect("a record is JSON");
    try_join_all(others.iter().map(|node| write(maker, node, &text, engine, cx))).await?;
    write(maker, first, &text, engine, cx).await
}

/// Returns the containers, with their addresses in the network that fixes them.
fn addresses(found: &ClusterContainers, fixing: Option<&str>) -> BTreeMap<String, Option<Ipv4Addr>> {
    let address = |one: &Container| one.networks.get(fixing?)?.parse().ok();
    found.all().iter().map(|one| (one.name.clone(), address(one))).collect()
}

async fn write(maker: Maker, node: &Container, text: &[u8], engine: &Engine, cx: &Cx) -> Result<(), Failure> {
    let (path, name) = (maker.record_path(), &node.name);
    let physical = Some(Physical(format!("{name}:{path}")));
    let work = maker.write_record(engine, name, text);
    cx.call(format!("write {path} in {name}"), |()| physical, work).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn server(number: u8, network: &str) -> Container {
        Container {
            name: format!("k3d-a-server-{number}"),
            hostname: format!("k3d-a-server-{number}"),
            labels: [("k3d.role".to_owned(), "server".to_owned())].into(),
            networks: [(network.to_owned(), format!("172.30.0.{number}"))].into(),
            ..Container::default()
        }
    }

    fn found(all: &[Container]) -> ClusterContainers {
        ClusterContainers::of(all.to_vec())
    }

    fn record(containers: BTreeMap<String, Option<Ipv4Addr>>) -> ClusterRecord {
        ClusterRecord { platform: "a".to_owned(), generation: 0, spec: json!({}), containers }
    }

    #[test]
    fn deleted_node_is_missing_and_detached_one_is_not() {
        let all = [server(0, "devplat-a"), server(1, "bridge"), server(2, "devplat-a")];
        let record = record(addresses(&found(&all), None));
        let left = found(&all[..2]);
        assert_eq!(record.missing(&left), ["k3d-a-server-2"]);
        let detached = record.detached(&left, "devplat-a");
        assert_eq!(detached.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["k3d-a-server-1"]);
    }

    #[test]
    fn renamed_node_is_neither_missing_nor_another_one() {
        let all = [server(0, "devplat-a"), server(1, "devplat-a")];
        let record = record(addresses(&found(&all), Some("devplat-a")));
        let [first, _] = all;
        // With the name of a deleted node, and in no network.
        let renamed = Container { name: "k3d-a-server-1".to_owned(), networks: BTreeMap::new(), ..first };
        let left = found(std::slice::from_ref(&renamed));
        assert_eq!(record.missing(&left), ["k3d-a-server-1"]);
        assert_eq!(record.renamed(&left), [(&renamed, "k3d-a-server-0")]);
        assert_eq!(record.detached(&left, "devplat-a"), [&renamed]);
        assert_eq!(record.address(&renamed), Some(Ipv4Addr::new(172, 30, 0, 0)));
    }

    #[test]
    fn older_record_lists_no_containers_and_none_is_missing() {
        let old: ClusterRecord = serde_json::from_value(json!({"platform": "a", "spec": {}})).unwrap();
        let all = found(&[server(0, "bridge")]);
        assert_eq!(old.missing(&all), [""; 0]);
        assert!(old.detached(&all, "devplat-a").is_empty() && old.renamed(&all).is_empty());
    }

    #[test]
    fn address_is_recorded_only_in_a_network_that_fixes_it() {
        let all = found(&[server(7, "devplat-a")]);
        let address = |fixing| addresses(&all, fixing).remove("k3d-a-server-7").unwrap();
        assert_eq!(address(Some("devplat-a")), Some(Ipv4Addr::new(172, 30, 0, 7)));
        assert_eq!(address(None), None);
        assert_eq!(address(Some("devplat-b")), None);
    }
}
