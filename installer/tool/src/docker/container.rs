//! Containers: reading, creating, starting and stopping them.

use std::{
    collections::{BTreeMap, HashMap},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use bollard::{
    models::{
        ContainerCreateBody, ContainerInspectResponse, EndpointSettings, HostConfig, NetworkingConfig,
        PortBinding, RestartPolicy, RestartPolicyNameEnum,
    },
    query_parameters::{
        CreateContainerOptions, InspectContainerOptions, ListContainersOptions, RenameContainerOptions,
        StartContainerOptions, StopContainerOptions,
    },
};
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::{Engine, EngineError, absent_is_none, filters};

/// How many containers of a list are read concurrently.
const AT_ONCE: usize = 8;
/// How long the engine may take to create a listed container.
const CREATION_PATIENCE: Duration = Duration::from_mins(1);
/// The period between two looks at it.
const CREATION_PERIOD: Duration = Duration::from_millis(100);

/// A container, running or not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    pub id: String,
    pub name: String,
    /// Its hostname, which a rename does not change.
    pub hostname: String,
    /// The name of its image.
    pub image: String,
    /// The ID of that image.
    pub image_id: String,
    pub labels: BTreeMap<String, String>,
    /// Whether it is running and not paused.
    pub running: bool,
    /// Whether it is paused, as by `docker pause`.
    pub paused: bool,
    /// The time of its last start, if it was ever started.
    pub started_at: Option<Timestamp>,
    /// Its exit status, if it ended.
    pub exit_status: Option<i64>,
    /// The targets of its mounts.
    pub mounts: Vec<String>,
    /// Its networks, with its address in each; the address is empty while it is stopped.
    pub networks: BTreeMap<String, String>,
    /// The ports of its configuration: ports of the host by the TCP port of the container. 0 takes a free port at each
    /// start.
    pub configured: BTreeMap<u16, Vec<Binding>>,
    /// The ports of the host that lead to it now; empty while it is stopped.
    pub bound: BTreeMap<u16, Vec<Binding>>,
}

/// An address and a port of the engine's host.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Binding {
    /// The address; unspecified for all addresses.
    pub address: IpAddr,
    /// The port; 0 for a free one.
    pub port: u16,
}

impl Binding {
    /// Returns the address to connect to from the engine's host: a port that is bound on all addresses is bound on
    /// loopback as well.
    pub fn reached_at(&self) -> IpAddr {
        match self.address {
            IpAddr::V4(address) if address.is_unspecified() => IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
            IpAddr::V6(address) if address.is_unspecified() => IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
            address => address,
        }
    }
}

/// Whether the engine starts a container again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// Never.
    No,
    /// Always, also when the engine starts, unless the user stopped the container.
    UnlessStopped,
}

/// A container to create.
#[derive(Debug, Clone)]
pub struct NewContainer<'a> {
    pub name: &'a str,
    /// Its image, which the engine must have.
    pub image: &'a str,
    /// Its command; the image's own if empty.
    pub command: &'a [String],
    pub labels: &'a [(String, String)],
    pub network: &'a str,
    /// Variables, as `NAME=value`.
    pub variables: &'a [String],
    /// Ports of the host, by the TCP port of the container.
    pub ports: &'a [(u16, Binding)],
    /// Volumes, by their mount point. An absent volume is created.
    pub volumes: &'a [(String, String)],
    /// Whether the engine starts it again.
    pub restart: Restart,
}

impl Container {
    /// Returns why it does not work now; `None` while it is running. `name` is the beginning of the text.
    pub fn idle(&self, name: &str) -> Option<String> {
        let Self { running, paused, .. } = self;
        match (running, paused) {
            (true, _) => None,
            (false, true) => Some(format!("{name} is paused (`docker unpause {}` resumes it)", self.name)),
            (false, false) => Some(format!("{name} is stopped")),
        }
    }

    /// Returns `start`, or `resume` if it is paused: the first word of the call [`Engine::start`].
    pub fn starting(&self) -> &'static str {
        if self.paused { "resume" } else { "start" }
    }

    /// Returns the binding of a port of the container: the present one, or else the configured one. An engine also reports
    /// bindings of IPv6, each with a port of its own, on a machine without IPv6, so those of IPv4 come first.
    pub fn binding(&self, port: u16) -> Option<&Binding> {
        let first = |all: &'_ BTreeMap<u16, Vec<Binding>>| all.get(&port).is_some_and(|all| !all.is_empty());
        let all = if first(&self.bound) { &self.bound } else { &self.configured };
        all.get(&port)?.iter().min_by_key(|binding| binding.address.is_ipv6())
    }

    /// Returns the ports of the host that its next start needs: those of its configuration that do not lead to it now,
    /// because it is stopped or in no network.
    pub fn idle_ports(&self) -> Vec<SocketAddr> {
        if self.running && !self.networks.is_empty() {
            return Vec::new();
        }
        let bound = |port: u16| self.bound.values().flatten().any(|binding| binding.port == port);
        let named = self.configured.values().flatten().filter(|binding| binding.port != 0);
        let idle = named.filter(|binding| !bound(binding.port));
        idle.map(|binding| SocketAddr::new(binding.address, binding.port)).collect()
    }
}

impl Engine {
    /// Lists the containers with `label` (`key` or `key=value`), running or not, by name.
    pub async fn containers(&self, label: &str) -> Result<Vec<Container>, EngineError> {
        self.containers_filtered("label", label).await
    }

    /// Lists the containers in a network, running or not, by name.
    pub async fn containers_of_network(&self, network: &str) -> Result<Vec<Container>, EngineError> {
        self.containers_filtered("network", network).await
    }

    /// Docker lists a container while it still copies the volumes of its image, which takes seconds, and finds it by its
    /// ID only afterwards. So this waits until each listed container is found.
    async fn containers_filtered(&self, key: &str, value: &str) -> Result<Vec<Container>, EngineError> {
        let doing = || format!("list containers of {key} {value}");
        let end = Instant::now() + CREATION_PATIENCE;
        loop {
            let options =
                ListContainersOptions { all: true, filters: Some(filters(key, value)), ..Default::default() };
            let listed = self.docker.list_containers(Some(options)).await.map_err(self.error(doing()))?;
            let ids = listed.into_iter().filter_map(|container| container.id);
            let reads: Vec<_> = ids.map(|id| async move { self.container(&id).await }).collect();
            let read: Vec<Option<Container>> = stream::iter(reads).buffered(AT_ONCE).try_collect().await?;
            let listed = read.len();
            let mut containers: Vec<Container> = read.into_iter().flatten().collect();
            if containers.len() == listed {
                containers.sort_by(|one, other| one.name.cmp(&other.name));
                return Ok(containers);
            }
            if Instant::now() >= end {
                let message = format!("{} of {listed} are listed, but not found", listed - containers.len());
                return Err(EngineError::Api { doing: doing(), status: 404, message });
            }
            sleep(CREATION_PERIOD).await;
        }
    }

    /// Reads the container of that name or ID.
    pub async fn container(&self, name: &str) -> Result<Option<Container>, EngineError> {
        let found = self.docker.inspect_container(name, None::<InspectContainerOptions>).await;
        let found = found.map_err(self.error(format!("read container {name}")));
        Ok(absent_is_none(found)?.map(Container::from))
    }

    /// Renames a container. Docker's DNS immediately knows it by the new name only.
    pub async fn rename_container(&self, id: &str, name: &str) -> Result<(), EngineError> {
        let options = RenameContainerOptions { name: name.to_owned() };
        let renamed = self.docker.rename_container(id, options).await;
        renamed.map_err(self.error(format!("rename container {id} to {name}")))
    }

    /// Starts a container, or resumes a paused one. A running one is not changed.
    pub async fn start(&self, name: &str) -> Result<(), EngineError> {
        let started = self.docker.start_container(name, None::<StartContainerOptions>).await;
        match started.map_err(self.error(format!("start container {name}"))) {
            Ok(()) => Ok(()),
            // The engine's answer for a container that is paused or being deleted.
            Err(error) if error.is_conflict() => self.docker.unpause_container(name).await.map_err(|_| error),
            Err(error) => match self.taken_port(name).await {
                Some(taken) => Err(taken),
                None => Err(self.explained(error).await),
            },
        }
    }

    /// Stops a container, which has `seconds` to end by itself.
    pub async fn stop(&self, name: &str, seconds: u16) -> Result<(), EngineError> {
        let options = StopContainerOptions { t: Some(i32::from(seconds)), ..Default::default() };
        self.docker
            .stop_container(name, Some(options))
            .await
            .map_err(self.error(format!("stop container {name}")))
    }

    /// Creates a container, which [`Engine::start`] starts, and returns its ID. Fails with a conflict if the name is taken.
    pub async fn create_container(&self, wanted: &NewContainer<'_>) -> Result<String, EngineError> {
        let options = CreateContainerOptions { name: Some(wanted.name.to_owned()), ..Default::default() };
        let created = self.docker.create_container(Some(options), wanted.body()).await;
        match created.map_err(self.error(format!("create container {}", wanted.name))) {
            Ok(created) => Ok(created.id),
            Err(error) => Err(self.explained(error).await),
        }
    }
}

impl NewContainer<'_> {
    fn body(&self) -> ContainerCreateBody {
        let Self { name: _, image, command, labels, network, variables, ports, volumes, restart } = self;
        let restart = match restart {
            Restart::No => RestartPolicyNameEnum::NO,
            Restart::UnlessStopped => RestartPolicyNameEnum::UNLESS_STOPPED,
        };
        let mut bindings: HashMap<String, Option<Vec<PortBinding>>> = HashMap::default();
        for (port, Binding { address, port: host_port }) in *ports {
            let binding =
                PortBinding { host_ip: Some(address.to_string()), host_port: Some(host_port.to_string()) };
            bindings.entry(format!("{port}/tcp")).or_default().get_or_insert_default().push(binding);
        }
        ContainerCreateBody {
            image: Some((*image).to_owned()),
            cmd: (!command.is_empty()).then(|| command.to_vec()),
            labels: Some(labels.iter().cloned().collect()),
            env: Some(variables.to_vec()),
            exposed_ports: Some(ports.iter().map(|(port, _)| format!("{port}/tcp")).collect()),
            host_config: Some(HostConfig {
                binds: Some(volumes.iter().map(|(volume, place)| format!("{volume}:{place}")).collect()),
                network_mode: Some((*network).to_owned()),
                port_bindings: Some(bindings),
                restart_policy: Some(RestartPolicy { name: Some(restart), maximum_retry_count: None }),
                ..Default::default()
            }),
            networking_config: Some(NetworkingConfig {
                endpoints_config: Some([((*network).to_owned(), EndpointSettings::default())].into()),
            }),
            ..Default::default()
        }
    }
}

impl From<ContainerInspectResponse> for Container {
    fn from(found: ContainerInspectResponse) -> Self {
        let state = found.state.unwrap_or_default();
        let config = found.config.unwrap_or_default();
        let running = state.running.unwrap_or_default();
        let network = found.network_settings.unwrap_or_default();
        let networks = network.networks.into_iter().flatten();
        Self {
            id: found.id.unwrap_or_default(),
            name: found.name.unwrap_or_default().trim_start_matches('/').to_owned(),
            hostname: config.hostname.unwrap_or_default(),
            image: config.image.unwrap_or_default(),
            image_id: found.image.unwrap_or_default(),
            labels: config.labels.unwrap_or_default().into_iter().collect(),
            running: running && state.paused != Some(true),
            paused: running && state.paused == Some(true),
            // The engine reports the year 1 for a container that was never started.
            started_at: state
                .started_at
                .and_then(|text| text.parse::<Timestamp>().ok())
                .filter(|time| *time > Timestamp::UNIX_EPOCH),
            exit_status: state.exit_code.filter(|_| !running),
            mounts: found.mounts.into_iter().flatten().filter_map(|mount| mount.destination).collect(),
            networks: networks.map(|(name, of)| (name, of.ip_address.unwrap_or_default())).collect(),
            configured: bindings(found.host_config.and_then(|host| host.port_bindings)),
            bound: bindings(network.ports),
        }
    }
}

fn bindings(raw: Option<HashMap<String, Option<Vec<PortBinding>>>>) -> BTreeMap<u16, Vec<Binding>> {
    let binding = |raw: PortBinding| {
        let address = match raw.host_ip.as_deref() {
            None | Some("") => IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            Some(address) => address.parse().ok()?,
        };
        let port = match raw.host_port.as_deref() {
            None | Some("") => 0,
            Some(port) => port.parse().ok()?,
        };
        Some(Binding { address, port })
    };
    raw.into_iter()
        .flatten()
        .filter_map(|(port, all)| {
            // k3d does not set the protocol of its API server's port; Docker's default is TCP.
            let port = port.strip_suffix("/tcp").unwrap_or(&port).parse().ok()?;
            Some((port, all.into_iter().flatten().filter_map(binding).collect()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_start_needs_the_ports_that_do_not_lead_to_the_container() {
        let binding = |port| Binding { address: "127.0.0.1".parse().unwrap(), port };
        let stopped = Container {
            configured: [(22, vec![binding(2222)]), (80, vec![binding(0)])].into(),
            ..Container::default()
        };
        let port = "127.0.0.1:2222".parse().unwrap();
        assert_eq!(stopped.idle_ports(), [port]);
        let outside = Container { running: true, ..stopped.clone() };
        assert_eq!(outside.idle_ports(), [port]);
        let bound = Container { bound: [(22, vec![binding(2222)])].into(), ..outside.clone() };
        let inside = Container { networks: [("a".to_owned(), String::new())].into(), ..outside };
        assert_eq!((bound.idle_ports(), inside.idle_ports()), (Vec::new(), Vec::new()));
    }
}
