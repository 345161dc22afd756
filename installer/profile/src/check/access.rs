//! The bastion and its users.

use std::collections::BTreeMap;

use devplat_keys::{AuthorizedKeys, Revocations};

use super::{Check, host::NodePorts, shown};
use crate::{
    UserName, document, host_name,
    path::KeyPath,
    profile::{Bastion, Exposure, User},
};

/// The number of characters that a message quotes of a key.
const SHOWN: usize = 24;
/// The most names of the bastion. OpenSSH rejects a certificate with more than 256.
const HOST_NAMES: usize = 64;
/// The most authorities, and the longest one in bytes: all of them are in an annotation of 256 KiB at most.
const AUTHORITIES: (usize, usize) = (64, 4000);
/// The most bytes of all revocations together: a ConfigMap holds 1 MiB.
const REVOCATIONS: usize = 512 << 10;
/// The most keys of a user, and the longest one in bytes, by the CRD.
const KEYS: (usize, usize) = (64, 16_384);
/// The most groups of a user, by the CRD.
const GROUPS: usize = 256;
/// The most characters of a group or a full name, by the CRD.
const TEXT: usize = 253;

impl Check<'_> {
    pub(super) fn bastion(&mut self, bastion: document::Bastion, node_ports: &NodePorts) -> Option<Bastion> {
        let document::Bastion {
            replicas,
            resources,
            devctl_resources,
            exposure,
            node_port,
            host_names,
            user_authorities,
            user_revocations,
            grace_seconds,
        } = bastion;
        let section = KeyPath::known("bastion");
        self.resources(&section.key("resources"), &resources);
        self.resources(&section.key("devctlResources"), &devctl_resources);
        self.host_names(&section.key("hostNames"), &host_names);
        let user_authorities = self.keys(&section.key("userAuthorities"), user_authorities, AUTHORITIES);
        let user_revocations = self.revocations(&section.key("userRevocations"), user_revocations);
        let exposure = match (exposure, node_port) {
            (document::ExposureKind::NodePort, Some(port)) => {
                self.node_port(&section.key("nodePort"), port, node_ports);
                Exposure::NodePort(port)
            }
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
            devctl_resources,
            exposure,
            host_names,
            user_authorities,
            user_revocations,
            grace_seconds,
        })
    }

    fn node_port(&mut self, path: &KeyPath, port: u16, node_ports: &NodePorts) {
        let NodePorts { range, on_host } = node_ports;
        if range.contains(&port) {
            return;
        }
        let (first, last) = (range.start(), range.end());
        let mut what = format!("{path}: {port} is outside {first} to {last}, the node ports of Kubernetes");
        if let Some(on_host) = on_host {
            what = format!("{what}; {on_host} is the port of this machine");
        }
        self.wrong_at(path, what);
    }

    fn host_names(&mut self, path: &KeyPath, names: &[String]) {
        self.at_most(path, names.len(), HOST_NAMES);
        for (index, name) in names.iter().enumerate() {
            if let Err(error) = host_name::check(name) {
                self.wrong_at(&path.index(index), format!("{} is not a host name: {error}", shown(name)));
            }
        }
    }

    /// Checks the lines of a revocation list, and returns them without spaces around them.
    fn revocations(&mut self, path: &KeyPath, lines: Vec<String>) -> Vec<String> {
        let size: usize = lines.iter().map(|line| line.len() + 1).sum();
        if size > REVOCATIONS {
            self.wrong_at(path, format!("{path}: {size} bytes; at most {REVOCATIONS} are allowed"));
        }
        let lines: Vec<String> = lines.into_iter().map(|line| line.trim().to_owned()).collect();
        for (index, line) in lines.iter().enumerate() {
            if let Err(why) = revoked(line) {
                self.wrong_at(&path.index(index), format!("{} revokes nothing: {why}", shown(line)));
            }
        }
        lines
    }

    pub(super) fn users(&mut self, users: BTreeMap<String, document::User>) -> BTreeMap<UserName, User> {
        let mut checked = BTreeMap::new();
        for (name, document::User { display_name, ssh_keys, groups, generate_key }) in users {
            let path = KeyPath::known("users").key(&name);
            // The generated key is one more.
            let (most, longest) = KEYS;
            let most = most - usize::from(generate_key);
            let ssh_keys = self.keys(&path.key("sshKeys"), ssh_keys, (most, longest));
            if ssh_keys.is_empty() && !generate_key {
                let paths = [path.key("sshKeys"), path.key("generateKey"), path.clone()];
                self.wrong(&paths, format!("user {name:?} has no key; set sshKeys, or generateKey: true"));
            }
            if let Some(name) = &display_name {
                self.line(&path.key("displayName"), name);
            }
            self.groups(&path.key("groups"), &groups);
            match name.parse() {
                Ok(name) => {
                    checked.insert(name, User { display_name, ssh_keys, groups, generate_key });
                }
                Err(error) => self.wrong_at(&path, format!("{error}")),
            }
        }
        checked
    }

    fn groups(&mut self, path: &KeyPath, groups: &[String]) {
        self.at_most(path, groups.len(), GROUPS);
        for (index, group) in groups.iter().enumerate() {
            let path = path.index(index);
            if group.is_empty() {
                self.wrong_at(&path, format!("{path}: a group has a name"));
            }
            self.line(&path, group);
        }
    }

    /// Checks a text for people.
    fn line(&mut self, path: &KeyPath, text: &str) {
        if text.chars().count() > TEXT || text.chars().any(char::is_control) {
            let what = format!("{path}: {} is not one line of at most {TEXT} characters", shown(text));
            self.wrong_at(path, what);
        }
    }

    /// Checks public keys, and returns them without spaces around them, which a block of YAML adds. `limits` are the most
    /// keys and the most bytes of one.
    fn keys(&mut self, path: &KeyPath, keys: Vec<String>, limits: (usize, usize)) -> Vec<String> {
        let (most, longest) = limits;
        self.at_most(path, keys.len(), most);
        let keys: Vec<String> = keys.into_iter().map(|key| key.trim().to_owned()).collect();
        for (index, key) in keys.iter().enumerate() {
            let path = path.index(index);
            if key.len() > longest {
                let what = format!("{path}: a key of {} bytes; at most {longest} are allowed", key.len());
                self.wrong_at(&path, what);
            } else if !is_key(key) {
                let start: String = key.chars().take(SHOWN).collect();
                self.wrong_at(
                    &path,
                    format!("{start:?}… is not a public key; take the line of a file that ends in .pub"),
                );
            }
        }
        keys
    }
}

/// Returns whether a text is the one line of a public key. A file can also have empty lines and comments.
fn is_key(text: &str) -> bool {
    let (keys, wrong) = AuthorizedKeys::parse([text]);
    !keys.is_empty() && wrong.is_empty() && !text.chars().any(char::is_control)
}

/// Checks a line of a revocation list. Fails with the reason if it revokes nothing.
fn revoked(line: &str) -> Result<(), String> {
    let mut revocations = Revocations::default();
    revocations.add(line).map_err(|error| error.to_string())?;
    let Revocations { fingerprints, serials: _, key_ids } = revocations;
    // A SHA-256 digest in base64 without padding.
    let digest = |text: &String| {
        let base64 = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
        text.strip_prefix("SHA256:").is_some_and(|digits| digits.len() == 43 && digits.chars().all(base64))
    };
    if line.chars().any(char::is_control) {
        return Err("it has more than one line".to_owned());
    }
    if key_ids.contains("") {
        return Err("the id is empty".to_owned());
    }
    if fingerprints.iter().all(digest) {
        Ok(())
    } else {
        Err("a fingerprint is SHA256: and 43 characters of base64".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBtb2sPrlWyAosqg7/PUsc9ZY10Ec64MAlZbmu0KIkn1";

    #[test]
    fn key_is_one_line() {
        assert!(is_key(KEY));
        assert!(is_key(&format!("{KEY} alice@laptop")));
        for text in ["", "# mine", "ssh-ed25519 AAAA", &format!("{KEY}\n{KEY}")] {
            assert!(!is_key(text), "{text:?}");
        }
    }

    #[test]
    fn line_that_revokes_nothing_is_reported_with_the_reason() {
        let digest = "a".repeat(43);
        for line in ["serial: 7", "id: alice@laptop", KEY, &format!("hash: SHA256:{digest}")] {
            assert_eq!(revoked(line), Ok(()), "{line}");
        }
        for (line, why) in [
            ("serial: x", "not a serial number"),
            ("id:", "the id is empty"),
            ("id: a\nserial: 7", "it has more than one line"),
            ("hash: SHA256:abc", "a fingerprint is SHA256: and 43 characters of base64"),
            ("hash: MD5:00", "not a fingerprint as SHA256:…"),
        ] {
            assert_eq!(revoked(line).unwrap_err(), why, "{line:?}");
        }
    }
}
