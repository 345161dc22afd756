//! Diagnoses a failed create of a cluster from facts of the engine and of this machine, read after the failure. The
//! program's own output is only displayed.

use std::net::SocketAddr;

use super::{ClusterError, Maker, Mapping};
use crate::{
    docker::Engine,
    limits,
    ports::{self, Port},
    process,
};

/// The inotify instances of one node: systemd, containerd, the kubelet and its pods. Measured on a node of kind's.
const INSTANCES_OF_A_NODE: u64 = 24;

/// The known facts of a failed create.
pub(super) struct Attempt<'a> {
    pub(super) maker: Maker,
    pub(super) name: &'a str,
    /// The image of its nodes, if known.
    pub(super) image: Option<&'a str>,
    /// The ports of this machine that it wanted.
    pub(super) ports: Vec<SocketAddr>,
}

impl Attempt<'_> {
    /// Returns the wanted ports of the nodes and of the API server.
    pub(super) fn ports(mappings: &[Mapping], api: Option<u16>) -> Vec<SocketAddr> {
        let mapped = mappings.iter().map(|mapping| SocketAddr::from((mapping.address, mapping.host_port)));
        let api = api.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
        mapped.chain(api).filter(|address| address.port() != 0).collect()
    }

    /// Returns the reason for `error`.
    pub(super) async fn diagnose(self, engine: &Engine, error: process::Error) -> ClusterError {
        let Self { maker, name, image, ports } = self;
        let said = match error {
            process::Error::Failed { said, .. } => said,
            error @ (process::Error::Absent { .. }
            | process::Error::Start { .. }
            | process::Error::Slow { .. }
            | process::Error::TooMuch { .. }) => return ClusterError::Tool(error),
        };
        let name = name.to_owned();
        let failed = |source| ClusterError::Engine { name: name.clone(), source };
        // kind and k3d delete their own containers when they fail, so a container that is left existed before.
        match engine.containers(&format!("{}={name}", maker.cluster_label())).await {
            Ok(containers) if containers.is_empty() => {}
            Ok(_) => return ClusterError::AlreadyThere { name },
            Err(error) => return failed(error),
        }
        if let Some(image) = image {
            match engine.image(image).await {
                Ok(Some(_)) => {}
                Ok(None) => return ClusterError::ImageNotPulled { name, image: image.to_owned(), said },
                Err(error) => return failed(error),
            }
        }
        if engine.is_local() {
            for address in ports {
                if let Port::InUse { holder } = ports::check(address) {
                    let (address, port) = (address.ip(), address.port());
                    return ClusterError::PortTaken { name, address, port, holder };
                }
            }
            if let Ok(info) = engine.info().await
                && let Ok(free) = limits::disk_free(&info.data_folder)
                && free < limits::FULL
            {
                return ClusterError::NoSpace { name, folder: info.data_folder, free };
            }
            if let Ok(inotify) = limits::inotify_of_root()
                && inotify.instances_left() < INSTANCES_OF_A_NODE
            {
                let (used, max) = (inotify.instances, inotify.max_instances);
                return ClusterError::Inotify { name, used, max, needed: INSTANCES_OF_A_NODE };
            }
        }
        ClusterError::Other { doing: format!("create cluster {name}"), said }
    }
}
