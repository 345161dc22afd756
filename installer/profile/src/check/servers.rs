//! Flavors and defaults of dev servers.

use std::collections::BTreeMap;

use devplat_api::dns::is_subdomain;

use super::{Check, shown};
use crate::{
    FlavorName, document,
    nearest::nearest,
    path::KeyPath,
    profile::{DevServerImage, DevServers, Flavor},
};

impl Check<'_> {
    pub(super) fn flavors(
        &mut self,
        flavors: BTreeMap<String, document::Flavor>,
    ) -> BTreeMap<FlavorName, Flavor> {
        let section = KeyPath::known("flavors");
        if flavors.is_empty() {
            self.wrong_at(&section, "there has to be at least one flavor");
        }
        let mut checked = BTreeMap::new();
        for (name, document::Flavor { resources, node_selector, tolerations }) in flavors {
            let path = section.key(&name);
            self.resources(&path.key("resources"), &resources);
            self.node_selector(&path.key("nodeSelector"), &node_selector);
            self.tolerations(&path.key("tolerations"), &tolerations);
            match name.parse() {
                Ok(name) => {
                    checked.insert(name, Flavor { resources, node_selector, tolerations });
                }
                Err(error) => self.wrong_at(&path, format!("{error}")),
            }
        }
        checked
    }

    pub(super) fn dev_servers(
        &mut self,
        servers: document::DevServers,
        flavors: &BTreeMap<FlavorName, Flavor>,
    ) -> Option<DevServers> {
        let document::DevServers {
            image,
            auto_image,
            default_flavor,
            home_size,
            storage_class,
            pod_security,
        } = servers;
        let section = KeyPath::known("devServers");
        self.home_size(&section.key("homeSize"), &home_size);
        if let Some(class) = &storage_class
            && !is_subdomain(class)
        {
            let path = section.key("storageClass");
            self.wrong_at(&path, format!("{path}: {} is not the name of a StorageClass", shown(class)));
        }
        let image = match image.as_str() {
            "auto" => self.reference(&section.key("autoImage"), auto_image).map(DevServerImage::Auto),
            "debian" => Some(DevServerImage::Debian),
            _ => self.reference(&section.key("image"), image).map(DevServerImage::Reference),
        };
        let default_flavor = flavors.keys().find(|name| **name == *default_flavor).cloned().or_else(|| {
            let names: Vec<&str> = flavors.keys().map(FlavorName::as_str).collect();
            let what = format!("there is no flavor {default_flavor:?}; there are {}", names.join(", "));
            let nearest = nearest(&default_flavor, names);
            // The user removed the default flavor, or named one that does not exist.
            let paths = [section.key("defaultFlavor"), KeyPath::known("flavors").key(&default_flavor)];
            self.report(&paths, what, nearest);
            None
        });
        Some(DevServers {
            image: image?,
            default_flavor: default_flavor?,
            home_size,
            storage_class,
            pod_security,
        })
    }
}
