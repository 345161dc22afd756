//! The cluster of a profile.

use std::path::{Path, PathBuf};

use ipnet::Ipv4Net;

use super::{Check, host::HostValues, shown};
use crate::{
    document::{self, Images},
    path::KeyPath,
    profile::{Cluster, ExistingCluster, K3dCluster, KindCluster, LocalProvider, NodeImage, Provider},
    subnet,
};

/// The image whose tags are versions of k3s.
const K3S_IMAGE: &str = "rancher/k3s";
/// The longest tag of an image.
const TAG_MAX: usize = 128;
/// The longest path that Linux accepts.
const PATH_MAX: usize = 4095;

impl Check<'_> {
    pub(super) fn cluster(&mut self, cluster: document::Cluster, images: Images) -> Option<Cluster> {
        let document::Cluster { provider, kind, k3d, eks, context } = cluster;
        for other in provider.others() {
            let section = KeyPath::known("cluster").key(&other.to_string());
            if self.is_own(&section) {
                self.wrong_at(
                    &section,
                    format!("{section} needs provider {other}; the provider is {provider}"),
                );
            }
        }
        let path = KeyPath::known("cluster.context");
        if context.is_some() && provider != Provider::Existing {
            self.wrong_at(&path, format!("{path} needs provider existing; the provider is {provider}"));
        }
        match provider {
            Provider::Kind => self.kind(kind, images).map(Cluster::Kind),
            Provider::K3d => self.k3d(k3d, images).map(Cluster::K3d),
            Provider::Existing => {
                if context.as_deref() == Some("") {
                    self.wrong_at(&path, "a context has a name");
                }
                let delivery = self.existing_delivery(images)?;
                Some(Cluster::Existing(ExistingCluster { context, delivery }))
            }
            Provider::Eks => self.eks(eks, images).map(Cluster::Eks),
        }
    }

    fn kind(&mut self, kind: document::Kind, images: Images) -> Option<KindCluster> {
        let document::Kind {
            node_image,
            workers,
            api_server_port,
            ssh_port,
            ssh_address,
            port_mappings,
            subnet,
            config_file,
        } = kind;
        let section = KeyPath::known("cluster.kind");
        let node_image = self.image(&section.key("nodeImage"), node_image);
        let workers = workers.unwrap_or(0);
        let config_file = self.config_file(&section.key("configFile"), config_file);
        let delivery = self.local_delivery(images, Provider::Kind);
        let values = HostValues { api_server_port, ssh_port, ssh_address, port_mappings };
        let ports = self.ports(&section, values, delivery.as_ref());
        let inside = ranges_inside(LocalProvider::Kind, config_file.as_deref());
        let wanted = subnet::Use { nodes: workers + 1, inside: &inside };
        let subnet = self.subnet(&section.key("subnet"), subnet, wanted);
        let ports = ports?;
        Some(KindCluster {
            node_image: node_image?,
            workers,
            api_server_port: ports.api_server,
            ssh_port: ports.ssh,
            ssh_address: ports.ssh_address,
            port_mappings: ports.mappings,
            subnet: subnet?,
            config_file,
            delivery: delivery?,
        })
    }

    fn k3d(&mut self, k3d: document::K3d, images: Images) -> Option<K3dCluster> {
        let document::K3d {
            image,
            k3s_version,
            servers,
            agents,
            api_server_port,
            ssh_port,
            ssh_address,
            port_mappings,
            subnet,
            config_file,
        } = k3d;
        let section = KeyPath::known("cluster.k3d");
        let image = self.k3s_image(&section, image, k3s_version);
        let (servers, agents) = (servers.unwrap_or(1), agents.unwrap_or(0));
        if servers % 2 == 0 {
            let (path, fewer) = (section.key("servers"), servers - 1);
            let why = format!(
                "{servers} servers tolerate no more failures than {fewer}, because etcd needs a majority"
            );
            self.wrong_at(&path, format!("{path}: {why}; use an odd number"));
        }
        let config_file = self.config_file(&section.key("configFile"), config_file);
        let delivery = self.local_delivery(images, Provider::K3d);
        let values = HostValues { api_server_port, ssh_port, ssh_address, port_mappings };
        let ports = self.ports(&section, values, delivery.as_ref());
        let inside = ranges_inside(LocalProvider::K3d, config_file.as_deref());
        let wanted = subnet::Use { nodes: servers + agents, inside: &inside };
        let subnet = self.subnet(&section.key("subnet"), subnet, wanted);
        let ports = ports?;
        Some(K3dCluster {
            image: image?,
            servers,
            agents,
            api_server_port: ports.api_server,
            ssh_port: ports.ssh,
            ssh_address: ports.ssh_address,
            port_mappings: ports.mappings,
            subnet: subnet?,
            config_file,
            delivery: delivery?,
        })
    }

    /// Checks the path of a configuration file, which the caller reads.
    fn config_file(&mut self, path: &KeyPath, file: Option<String>) -> Option<PathBuf> {
        let file = file?;
        if file.is_empty() || file.len() > PATH_MAX || file.contains('\0') {
            self.wrong_at(path, format!("{path}: {} is not the path of a file", shown(&file)));
        }
        Some(file.into())
    }

    fn k3s_image(
        &mut self,
        section: &KeyPath,
        image: Option<String>,
        version: Option<String>,
    ) -> Option<NodeImage> {
        let image = self.image(&section.key("image"), image)?;
        let Some(version) = version else { return Some(image) };
        let path = section.key("k3sVersion");
        if let NodeImage::Reference(reference) = &image {
            let what = format!("{path} {version} and image {reference} exclude each other; give one of them");
            self.wrong(&[path, section.key("image")], what);
            return None;
        }
        let tag = version.replace('+', "-");
        if !is_k3s_tag(&tag) {
            self.wrong_at(
                &path,
                format!("{} is not a version of k3s; write all of it, such as v1.34.3-k3s1", shown(&version)),
            );
            return None;
        }
        Some(NodeImage::Reference(format!("{K3S_IMAGE}:{tag}")))
    }
}

/// Returns the ranges of pods and Services in a cluster; none if a configuration file may name others.
fn ranges_inside(provider: LocalProvider, config_file: Option<&Path>) -> Vec<Ipv4Net> {
    match config_file {
        Some(_) => Vec::new(),
        None => provider.ranges().to_vec(),
    }
}

/// Returns whether `text` is a tag such as `v1.34.3-k3s1` or `v1.35.0-rc1-k3s2`.
fn is_k3s_tag(text: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    let Some((version, parts)) = text.strip_prefix('v').and_then(|text| text.split_once('-')) else {
        return false;
    };
    let (candidate, build) = match parts.split_once('-') {
        Some((candidate, build)) => (Some(candidate), build),
        None => (None, parts),
    };
    text.len() <= TAG_MAX
        && version.split('.').count() == 3
        && version.split('.').all(number)
        && candidate.is_none_or(|candidate| candidate.strip_prefix("rc").is_some_and(number))
        && build.strip_prefix("k3s").is_some_and(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_k3s_have_three_numbers_and_a_build() {
        for text in ["v1.34.3-k3s1", "v1.35.0-rc1-k3s12"] {
            assert!(is_k3s_tag(text), "{text}");
        }
        for text in ["1.34.3-k3s1", "v1.34-k3s1", "v1.34.3", "v1.34.3-k3s", "v1.34.3-k3s1-x", "v1.34.x-k3s1"]
        {
            assert!(!is_k3s_tag(text), "{text}");
        }
    }
}
