//! The inputs of the creation of a kind or k3d cluster: ports, needs and the user's own configuration file.

use std::net::{IpAddr, Ipv4Addr};

use devplat_kubernetes::context;
use devplat_plan::{ClusterProgram, Physical, Requirement};
use devplat_profile::{Exposure, PlatformName, PortMapping};
use devplat_tool::{
    docker::Container,
    local::{ClusterError, ExtraConfig, Maker, Mapping},
};

use super::Cx;
use crate::{failure::Failure, platform::PlatformInputs};

/// Drives `aside` while a cluster is being created, and drops it when the creation ends.
pub(super) async fn beside<T>(creating: impl Future<Output = T>, aside: impl Future<Output = ()>) -> T {
    let (mut creating, mut aside) = (Box::pin(creating), Box::pin(aside));
    tokio::select! {
        created = &mut creating => created,
        () = &mut aside => creating.await,
    }
}

/// Deletes the nodes of a failed creation, as one call. A failure is only traced: the next run finds half a cluster.
pub(super) async fn discard(
    call: String,
    cluster: Physical,
    deletion: impl Future<Output = Result<(), ClusterError>>,
    cx: &Cx,
) {
    if let Err(failure) = cx.call(call, |()| Some(cluster), deletion).await {
        tracing::debug!(why = %failure.one_line(), "cannot delete the nodes of the failed creation");
    }
}

/// Returns the mapping of the bastion's node port and the profile's own mappings. Port 0 of this machine takes a free
/// one.
pub(super) fn mappings(
    inputs: &PlatformInputs,
    ssh_port: Option<u16>,
    ssh_address: IpAddr,
    others: &[PortMapping],
) -> Vec<Mapping> {
    let bastion = match inputs.profile.bastion.exposure {
        Exposure::NodePort(node_port) => {
            Some(Mapping { address: ssh_address, host_port: ssh_port.unwrap_or(0), node_port })
        }
        Exposure::LoadBalancer | Exposure::PortForward => None,
    };
    let others = others.iter().map(|PortMapping { host_port, node_port, listen_address }| Mapping {
        address: *listen_address,
        host_port: *host_port,
        node_port: *node_port,
    });
    bastion.into_iter().chain(others).collect()
}

/// Returns the needs of creating a cluster: the engine, the program, its ports and the names of its containers.
pub(super) fn requirements(
    maker: Maker,
    mappings: &[Mapping],
    api_port: Option<u16>,
    nodes: u32,
    cluster: &PlatformName,
    names: Vec<String>,
) -> Vec<Requirement> {
    let api = api_port.map(|port| (IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    let ports = mappings.iter().map(|mapping| (mapping.address, mapping.host_port)).chain(api);
    // Docker chooses a port for 0, which still needs an address of this machine.
    let ports = ports.map(|address| Requirement::FreePort(address.into()));
    let docker = maker.uses_docker_command().then_some(Requirement::Tool("docker"));
    let engine = Requirement::EngineOf(context::IMAGE_ARCHITECTURE);
    let nodes = Requirement::Nodes { new: nodes, ended: 0 };
    let program = match maker {
        Maker::Kind => ClusterProgram::Kind,
        Maker::K3d => ClusterProgram::K3d,
    };
    let names = Requirement::FreeNames { program, cluster: cluster.to_string(), names };
    [engine, Requirement::Tool(maker.name()), nodes, names].into_iter().chain(docker).chain(ports).collect()
}

/// Returns the needs that the user's configuration file adds: its ports, and that it can be used.
pub(super) fn requirements_of_file(
    maker: Maker,
    inputs: &PlatformInputs,
    usable: Result<(), ClusterError>,
) -> Vec<Requirement> {
    let ports = extra(inputs).map(|extra| maker.ports(extra.text)).unwrap_or_default();
    let mistake = usable.err().map(|error| {
        let failure = Failure::from(error);
        Requirement::UsableFile { mistake: failure.one_line(), hint: failure.hints.first().cloned() }
    });
    ports.into_iter().map(Requirement::FreePort).chain(mistake).collect()
}

/// Returns the ports that a container publishes again when it starts.
pub(super) fn ports_of(container: &Container) -> impl Iterator<Item = Requirement> + '_ {
    let needs = |address| Requirement::PortOf { container: container.name.clone(), address };
    container.idle_ports().into_iter().map(needs)
}

/// Returns the user's configuration file for kind or k3d.
pub(super) fn extra(inputs: &PlatformInputs) -> Option<ExtraConfig<'_>> {
    inputs.config_file.as_ref().map(|(path, text)| ExtraConfig { path, text })
}

/// Returns the digest of that file for the record.
pub(super) fn extra_digest(inputs: &PlatformInputs) -> Option<String> {
    let (_, text) = inputs.config_file.as_ref()?;
    Some(devplat_image::Digest::of(text.as_bytes()).to_string())
}
