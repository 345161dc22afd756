//! How images get to the nodes.

use super::{Check, shown};
use crate::{
    document::{self, Delivery, Images},
    path::KeyPath,
    profile::{ExistingDelivery, LocalDelivery, LocalRegistry, NodeImage, Provider, RemoteRegistry},
    reference, registry,
};

impl Check<'_> {
    pub(super) fn local_delivery(&mut self, images: Images, provider: Provider) -> Option<LocalDelivery> {
        let Images { delivery, registry, pull_registry, plain_http, local } = images;
        let remote = self.remote(delivery, registry, pull_registry, plain_http);
        let section = KeyPath::known("images.local");
        let own = match (delivery, &remote) {
            (_, Remote::Wrong | Remote::Given(_)) | (Delivery::Nodes, Remote::Absent) => false,
            (Delivery::Registry, Remote::Absent) => true,
            (Delivery::Auto, Remote::Absent) => provider == Provider::K3d,
        };
        if !own && !matches!(remote, Remote::Wrong) && self.is_own(&section) {
            let what = format!("{section} needs delivery registry without images.registry");
            self.wrong_at(&section, what);
        }
        let document::LocalRegistry { image, port } = local;
        match remote {
            Remote::Wrong => None,
            Remote::Given(registry) => Some(LocalDelivery::Registry(registry)),
            Remote::Absent if own => {
                let image = self.image(&section.key("image"), image)?;
                let host_port = port.filter(|port| *port != 0);
                Some(LocalDelivery::LocalRegistry(LocalRegistry { image, host_port }))
            }
            Remote::Absent => Some(LocalDelivery::Nodes),
        }
    }

    pub(super) fn existing_delivery(&mut self, images: Images) -> Option<ExistingDelivery> {
        let Images { delivery, registry, pull_registry, plain_http, local: _ } = images;
        let remote = self.remote(delivery, registry, pull_registry, plain_http);
        let section = KeyPath::known("images.local");
        if self.is_own(&section) {
            self.wrong_at(&section, format!("{section} needs provider kind or k3d"));
        }
        match (remote, delivery) {
            (Remote::Wrong, _) => None,
            (Remote::Given(registry), _) => Some(ExistingDelivery::Registry(registry)),
            (Remote::Absent, Delivery::Auto) => Some(ExistingDelivery::Auto),
            (Remote::Absent, Delivery::Nodes) => Some(ExistingDelivery::Nodes),
            (Remote::Absent, Delivery::Registry) => {
                let what = "delivery registry needs images.registry, such as registry.example/team";
                self.wrong(&["images.delivery", "cluster.provider"].map(KeyPath::known), what);
                None
            }
        }
    }

    fn remote(
        &mut self,
        delivery: Delivery,
        registry: Option<String>,
        pull: Option<String>,
        plain_http: Option<bool>,
    ) -> Remote {
        let [push_path, pull_path] = ["images.registry", "images.pullRegistry"].map(KeyPath::known);
        let Some(push) = registry else {
            for (path, given) in
                [(pull_path, pull.is_some()), (KeyPath::known("images.plainHttp"), plain_http.is_some())]
            {
                if given {
                    self.wrong_at(&path, format!("{path} needs images.registry"));
                }
            }
            return Remote::Absent;
        };
        if delivery == Delivery::Nodes {
            let paths = [push_path, KeyPath::known("images.delivery")];
            self.wrong(&paths, "images.registry needs delivery registry or auto; the delivery is nodes");
            return Remote::Wrong;
        }
        let checked_push = self.registry(&push_path, &push);
        let pull = match pull {
            Some(pull) => self.registry(&pull_path, &pull),
            None => checked_push.clone(),
        };
        match (checked_push, pull) {
            (Some(push), Some(pull)) => {
                Remote::Given(RemoteRegistry { push, pull, plain_http: plain_http.unwrap_or(false) })
            }
            (None, _) | (_, None) => Remote::Wrong,
        }
    }

    /// Checks the reference of an image.
    pub(super) fn reference(&mut self, path: &KeyPath, text: String) -> Option<String> {
        match reference::check(&text) {
            Ok(()) => Some(text),
            Err(error) => {
                self.wrong_at(path, format!("{} is not an image reference: {error}", shown(&text)));
                None
            }
        }
    }

    /// Checks an image that can be `auto`.
    pub(super) fn image(&mut self, path: &KeyPath, image: Option<String>) -> Option<NodeImage> {
        match image {
            None => Some(NodeImage::Auto),
            Some(text) if text == "auto" => Some(NodeImage::Auto),
            Some(text) => self.reference(path, text).map(NodeImage::Reference),
        }
    }

    fn registry(&mut self, path: &KeyPath, text: &str) -> Option<String> {
        registry::parse(text)
            .map_err(|error| {
                self.wrong_at(
                    path,
                    format!("{} is not a registry such as registry.example/team: {error}", shown(text)),
                );
            })
            .ok()
    }
}

/// A registry that exists already.
enum Remote {
    Absent,
    Given(RemoteRegistry),
    /// The mistake is reported.
    Wrong,
}
