//! The engine's own description.

use std::path::PathBuf;

use bollard::models::{SystemInfo, SystemInfoCgroupVersionEnum};
use ipnet::Ipv4Net;

/// The version of the control groups that containers get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cgroups {
    /// Version 1, which kubelets reject by default from Kubernetes 1.35 on.
    V1,
    /// Version 2.
    V2,
}

/// An engine's own description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Its unique ID.
    pub id: String,
    /// The name of the host that it runs on.
    pub name: String,
    pub version: String,
    /// The version of the control groups that containers get.
    pub cgroups: Cgroups,
    /// The storage driver: `overlay2`, or `overlayfs` of containerd's image store.
    pub storage_driver: String,
    /// Whether the engine runs without root.
    pub rootless: bool,
    /// The processor: `x86_64`, `aarch64`.
    pub architecture: String,
    /// The folder of its data, on its own host.
    pub data_folder: PathBuf,
    /// The configured address ranges of networks; empty if they are the built-in ones.
    pub pools: Vec<Pool>,
}

/// A range that the engine divides into address ranges of networks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pool {
    /// The range.
    pub base: Ipv4Net,
    /// The prefix length of each network.
    pub size: u8,
}

impl From<SystemInfo> for Info {
    fn from(info: SystemInfo) -> Self {
        let rootless = info
            .security_options
            .iter()
            .flatten()
            .any(|option| option.split(',').any(|part| part == "name=rootless"));
        let pools = info.default_address_pools.into_iter().flatten().filter_map(|pool| {
            Some(Pool { base: pool.base?.parse().ok()?, size: u8::try_from(pool.size?).ok()? })
        });
        Self {
            id: info.id.unwrap_or_default(),
            name: info.name.unwrap_or_default(),
            version: info.server_version.unwrap_or_default(),
            // Engines before 20.10 do not report the version, and support only version 1.
            cgroups: match info.cgroup_version {
                Some(SystemInfoCgroupVersionEnum::_2) => Cgroups::V2,
                Some(SystemInfoCgroupVersionEnum::_1 | SystemInfoCgroupVersionEnum::EMPTY) | None => {
                    Cgroups::V1
                }
            },
            storage_driver: info.driver.unwrap_or_default(),
            rootless,
            architecture: info.architecture.unwrap_or_default(),
            data_folder: info.docker_root_dir.unwrap_or_default().into(),
            pools: pools.collect(),
        }
    }
}
