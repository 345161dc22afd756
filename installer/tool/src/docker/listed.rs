//! The list of all containers, in one call: what the engine reports without a look at each of them.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use bollard::{
    models::{ContainerSummary, PortSummary, PortSummaryTypeEnum},
    query_parameters::ListContainersOptions,
};

use super::{Engine, EngineError};

/// A container in the engine's list, running or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedContainer {
    pub id: String,
    pub name: String,
    pub labels: BTreeMap<String, String>,
    /// The TCP ports of the engine's host that lead to it now; empty while it is stopped.
    pub published: Vec<SocketAddr>,
    /// The paths in it at which something is mounted.
    pub mounts: Vec<String>,
}

impl Engine {
    /// Lists all containers, by name.
    pub async fn all_containers(&self) -> Result<Vec<ListedContainer>, EngineError> {
        let options = ListContainersOptions { all: true, ..Default::default() };
        let listed = self.docker.list_containers(Some(options)).await;
        let listed = listed.map_err(self.error("list all containers"))?;
        let mut all: Vec<ListedContainer> = listed.into_iter().map(ListedContainer::from).collect();
        all.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(all)
    }
}

impl From<ContainerSummary> for ListedContainer {
    fn from(listed: ContainerSummary) -> Self {
        // A container also has a name below each container that links to it, such as `/web/db`.
        let own = |name: &String| !name.trim_start_matches('/').contains('/');
        let name = listed.names.unwrap_or_default().into_iter().find(own).unwrap_or_default();
        Self {
            id: listed.id.unwrap_or_default(),
            name: name.trim_start_matches('/').to_owned(),
            labels: listed.labels.unwrap_or_default().into_iter().collect(),
            published: listed.ports.into_iter().flatten().filter_map(published).collect(),
            mounts: listed.mounts.into_iter().flatten().filter_map(|mount| mount.destination).collect(),
        }
    }
}

fn published(port: PortSummary) -> Option<SocketAddr> {
    if port.typ != Some(PortSummaryTypeEnum::TCP) {
        return None;
    }
    let address = port.ip.and_then(|ip| ip.parse().ok()).unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    Some(SocketAddr::new(address, port.public_port?))
}

#[cfg(test)]
mod tests {
    use super::super::recorded::Recorded;

    #[tokio::test]
    async fn all_containers_are_listed_in_one_call() {
        let listed = r#"[
            {"Id":"2","Names":["/web/db","/db"],"Labels":{"a":"b"},"Ports":[
                {"IP":"127.0.0.1","PrivatePort":80,"PublicPort":8080,"Type":"tcp"},
                {"IP":"::","PrivatePort":53,"PublicPort":53,"Type":"udp"},
                {"PrivatePort":81,"Type":"tcp"}]},
            {"Id":"1","Names":["/a"],"Mounts":[{"Type":"bind","Destination":"/etc/devplat/owner/a"}]}]"#;
        let recorded = Recorded::new().answer("GET /containers/json", 200, listed).serve().await;
        let all = recorded.engine().all_containers().await.unwrap();
        let names: Vec<&str> = all.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["a", "db"]);
        assert_eq!(all[1].labels["a"], "b");
        assert_eq!(all[0].mounts, ["/etc/devplat/owner/a"]);
        assert_eq!(all[1].published, ["127.0.0.1:8080".parse().unwrap()]);
        assert_eq!(recorded.requests().len(), 1);
    }
}
