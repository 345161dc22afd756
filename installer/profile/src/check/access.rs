//! The bastion and its users.

use std::collections::BTreeMap;

use devplat_keys::{AuthorizedKeys, Revocations};

use super::Check;
use crate::{
    UserName, document,
    path::KeyPath,
    profile::{Bastion, Exposure, User},
};

/// The number of characters that a message quotes of a text.
const SHOWN: usize = 24;

impl Check<'_> {
    pub(super) fn bastion(&mut self, bastion: document::Bastion) -> Option<Bastion> {
        let document::Bastion {
            replicas,
            resources,
            exposure,
            node_port,
            host_names,
            user_authorities,
            user_revocations,
            grace_seconds,
        } = bastion;
        let section = KeyPath::known("bastion");
        self.resources(&section.key("resources"), &resources);
        for (index, name) in host_names.iter().enumerate() {
            if name.is_empty() || name.contains(|c: char| c == ',' || c.is_whitespace() || c.is_control()) {
                self.wrong_at(&section.key("hostNames").index(index), format!("{name:?} is not a host name"));
            }
        }
        self.keys(&section.key("userAuthorities"), &user_authorities);
        for (index, line) in user_revocations.iter().enumerate() {
            if let Err(error) = Revocations::default().add(line) {
                self.wrong_at(
                    &section.key("userRevocations").index(index),
                    format!("{line:?} revokes nothing: {error}"),
                );
            }
        }
        let exposure = match (exposure, node_port) {
            (document::ExposureKind::NodePort, Some(port)) => Exposure::NodePort(port),
            (document::ExposureKind::NodePort, None) => {
                let paths = ["nodePort", "exposure"].map(|key| section.key(key));
                self.wrong(&paths, "exposure nodePort needs bastion.nodePort, such as 30022");
                return None;
            }
            // A lower layer may have left a port, which has no effect here.
            (document::ExposureKind::LoadBalancer, _) => Exposure::LoadBalancer,
            (document::ExposureKind::PortForward, _) => Exposure::PortForward,
        };
        Some(Bastion {
            replicas,
            resources,
            exposure,
            host_names,
            user_authorities,
            user_revocations,
            grace_seconds,
        })
    }

    pub(super) fn users(&mut self, users: BTreeMap<String, document::User>) -> BTreeMap<UserName, User> {
        let mut checked = BTreeMap::new();
        for (name, document::User { display_name, ssh_keys, groups, generate_key }) in users {
            let path = KeyPath::known("users").key(&name);
            self.keys(&path.key("sshKeys"), &ssh_keys);
            if ssh_keys.is_empty() && !generate_key {
                let paths = [path.key("sshKeys"), path.key("generateKey"), path.clone()];
                self.wrong(&paths, format!("user {name:?} has no key; set sshKeys, or generateKey: true"));
            }
            match name.parse() {
                Ok(name) => {
                    checked.insert(name, User { display_name, ssh_keys, groups, generate_key });
                }
                Err(error) => self.wrong_at(&path, format!("{error}")),
            }
        }
        checked
    }

    fn keys(&mut self, path: &KeyPath, keys: &[String]) {
        let (_, wrong) = AuthorizedKeys::parse(keys.iter().map(String::as_str));
        for number in wrong {
            let index = number - 1;
            let start: String = keys.get(index).map_or("", String::as_str).chars().take(SHOWN).collect();
            self.wrong_at(
                &path.index(index),
                format!("{start:?}… is not a public key; take the line of a file that ends in .pub"),
            );
        }
    }
}
