//! The cluster of a profile.

use super::Check;
use crate::{
    document::{self, Images},
    path::KeyPath,
    profile::{Cluster, ExistingCluster, K3dCluster, KindCluster, NodeImage, Provider},
};

/// The image whose tags are versions of k3s.
const K3S_IMAGE: &str = "rancher/k3s";

impl Check<'_> {
    pub(super) fn cluster(&mut self, cluster: document::Cluster, images: Images) -> Option<Cluster> {
        let document::Cluster { provider, kind, k3d, context } = cluster;
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
        let node_image = self.image(&section.key("nodeImage"), node_image.as_deref());
        let workers = workers.unwrap_or(0);
        let ports = self.ports(&section, api_server_port, ssh_port, ssh_address, port_mappings);
        let subnet = self.subnet(&section.key("subnet"), subnet, workers + 1);
        let delivery = self.local_delivery(images, Provider::Kind);
        let ports = ports?;
        Some(KindCluster {
            node_image: node_image?,
            workers,
            api_server_port: ports.api_server,
            ssh_port: ports.ssh,
            ssh_address: ports.ssh_address,
            port_mappings: ports.mappings,
            subnet: subnet?,
            config_file: config_file.map(Into::into),
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
        let image = self.k3s_image(&section, image.as_deref(), k3s_version);
        let (servers, agents) = (servers.unwrap_or(1), agents.unwrap_or(0));
        if servers % 2 == 0 {
            let (path, fewer) = (section.key("servers"), servers - 1);
            let why = format!(
                "{servers} servers tolerate no more failures than {fewer}, because etcd needs a majority"
            );
            self.wrong_at(&path, format!("{path}: {why}; use an odd number"));
        }
        let ports = self.ports(&section, api_server_port, ssh_port, ssh_address, port_mappings);
        let subnet = self.subnet(&section.key("subnet"), subnet, servers + agents);
        let delivery = self.local_delivery(images, Provider::K3d);
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
            config_file: config_file.map(Into::into),
            delivery: delivery?,
        })
    }

    fn k3s_image(
        &mut self,
        section: &KeyPath,
        image: Option<&str>,
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
                format!("{version:?} is not a version of k3s; write all of it, such as v1.34.3-k3s1"),
            );
            return None;
        }
        Some(NodeImage::Reference(format!("{K3S_IMAGE}:{tag}")))
    }

    /// Checks an image that can be `auto`.
    pub(super) fn image(&mut self, path: &KeyPath, image: Option<&str>) -> Option<NodeImage> {
        match image {
            None | Some("auto") => Some(NodeImage::Auto),
            Some(text) if is_reference(text) => Some(NodeImage::Reference(text.to_owned())),
            Some(text) => {
                self.wrong_at(path, format!("{text:?} is not an image reference"));
                None
            }
        }
    }
}

/// Returns whether `text` can be an image reference. The container engine checks the whole syntax; this rejects only
/// texts that it would read as something else, such as an option.
pub(super) fn is_reference(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[')
        && text.chars().all(|c| c.is_ascii_graphic())
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
    version.split('.').count() == 3
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

    #[test]
    fn option_or_text_with_spaces_is_not_an_image_reference() {
        for text in ["kindest/node:v1.34.0", "localhost:5001/a@sha256:00", "[::1]:5001/a"] {
            assert!(is_reference(text), "{text}");
        }
        for text in ["", "-v", "a b", "a\n"] {
            assert!(!is_reference(text), "{text}");
        }
    }
}
