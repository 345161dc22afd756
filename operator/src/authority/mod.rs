//! The platform's SSH authorities, and the keys that they make: for the bastion, and for each dev server.
//!
//! All of it comes from one seed, so that whatever is lost but the seed is made again with the same bytes, and no key
//! of a server has to be read, which the operator may not. Keys are in no decision, no snapshot and no log.

mod establish;
mod manifest;
mod metadata;
mod publish;
mod seed;

use std::{collections::BTreeMap, fmt};

use devplat_api::{Slug, name};
use devplat_keys::{HostAuthority, HostIdentity, PublicKey, SessionAuthority};
use k8s_openapi::ByteString;

pub(crate) use self::establish::{establish, keep};
use self::seed::Seed;

/// What a Secret holds.
pub(crate) type Sealed = BTreeMap<&'static str, ByteString>;

/// Both authorities.
pub(crate) struct Authority {
    seed: Seed,
    host: HostAuthority,
    session: SessionAuthority,
    /// The platform's name, if the operator knows it.
    platform: Option<String>,
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({:?}, {:?})", self.host, self.session)
    }
}

impl Authority {
    fn of(seed: Seed, platform: Option<&str>) -> Self {
        let (host, session) =
            (HostAuthority::from_seed(seed.bytes()), SessionAuthority::from_seed(seed.bytes()));
        Self { seed, host, session, platform: platform.map(str::to_owned) }
    }

    /// What a dev server proves itself with, and whom it lets in; the same bytes each time.
    pub(crate) fn server_keys(&self, namespace: &str, server: &str) -> Sealed {
        // For clients that have the hosts of several platforms in one configuration.
        let alias = self.platform.as_ref().zip(Slug::of_namespace(namespace));
        let alias = alias.map(|(platform, user)| format!("{server}.{user}.{platform}"));
        let mut keys = identity(&self.host.server(namespace, server, alias));
        keys.insert(name::SESSION_AUTHORITY, sealed(line(self.session.public_key())));
        keys
    }

    /// What the bastion proves itself with as any of `names`, and lets itself in with.
    fn bastion_keys(&self, names: &[String]) -> Sealed {
        let mut keys = identity(&self.host.bastion(names));
        keys.insert(name::SESSION_AUTHORITY_KEY, sealed(self.session.to_openssh()));
        keys.insert(name::SESSION_AUTHORITY, sealed(line(self.session.public_key())));
        keys
    }

    /// What everybody may know.
    fn public(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            (name::HOST_AUTHORITY, line(self.host.public_key())),
            (name::SESSION_AUTHORITY, line(self.session.public_key())),
        ])
    }
}

fn identity(identity: &HostIdentity) -> Sealed {
    BTreeMap::from([
        (name::HOST_KEY, sealed(identity.key_text())),
        (name::HOST_CERTIFICATE, sealed(identity.certificate_text())),
    ])
}

fn sealed(text: String) -> ByteString {
    ByteString(text.into_bytes())
}

fn line(key: &PublicKey) -> String {
    key.to_openssh().expect("an ed25519 key can be written")
}

#[cfg(test)]
impl Authority {
    /// One that tests know all about.
    pub(crate) fn of_tests() -> Self {
        let secret = serde_json::json!({"metadata": {}, "data": {"seed": ByteString(vec![7; 32])}});
        Self::of(Seed::of(&serde_json::from_value(secret).unwrap()).unwrap(), Some("team-a"))
    }
}

#[cfg(test)]
mod tests {
    use devplat_keys::{Certificate, PrivateKey};

    use super::*;

    fn text<'a>(keys: &'a Sealed, key: &str) -> &'a str {
        str::from_utf8(&keys[key].0).unwrap()
    }

    #[test]
    fn keys_of_a_server_belong_together_and_are_the_same_each_time() {
        let authority = Authority::of_tests();
        let keys = authority.server_keys("dev-alice", "mydev");
        assert_eq!(keys, authority.server_keys("dev-alice", "mydev"));
        assert_ne!(keys, authority.server_keys("dev-bob", "mydev"));
        let key = PrivateKey::from_openssh(text(&keys, "host_key")).unwrap();
        let certificate = Certificate::from_openssh(text(&keys, "host_key-cert.pub")).unwrap();
        assert_eq!(certificate.public_key(), key.public_key().key_data());
        assert_eq!(certificate.signature_key(), authority.host.public_key().key_data());
        assert_eq!(text(&keys, "session_authority.pub"), authority.public()["session_authority.pub"]);
        assert_eq!(keys.len(), 3, "no key of an authority leaves the operator for a dev server");
    }

    #[test]
    fn certificate_of_a_users_server_names_the_user_and_the_platform() {
        let names = |authority: &Authority, namespace: &str| -> Vec<String> {
            let keys = authority.server_keys(namespace, "mydev");
            let certificate = Certificate::from_openssh(text(&keys, "host_key-cert.pub")).unwrap();
            certificate.valid_principals().to_vec()
        };
        let authority = Authority::of_tests();
        assert_eq!(names(&authority, "dev-alice"), ["mydev", "mydev.dev-alice", "mydev.alice.team-a"]);
        assert_eq!(names(&authority, "default"), ["mydev", "mydev.default"]);
        let nameless = Authority::of(authority.seed, None);
        assert_eq!(names(&nameless, "dev-alice"), ["mydev", "mydev.dev-alice"]);
    }

    #[test]
    fn the_bastion_signs_what_dev_servers_trust() {
        let authority = Authority::of_tests();
        let keys = authority.bastion_keys(&["bastion.example.com".to_owned()]);
        let session = SessionAuthority::from_openssh(text(&keys, "session_authority")).unwrap();
        assert_eq!(line(session.public_key()), authority.public()["session_authority.pub"]);
        assert_eq!(keys.len(), 4);
    }

    #[test]
    fn another_name_of_the_bastion_changes_its_certificate_and_not_its_key() {
        let authority = Authority::of_tests();
        let keys = |name: &str| authority.bastion_keys(&[name.to_owned()]);
        assert_eq!(keys("a")["host_key"], keys("b")["host_key"]);
        assert_ne!(keys("a")["host_key-cert.pub"], keys("b")["host_key-cert.pub"]);
    }

    #[test]
    fn nothing_secret_is_in_what_a_log_shows() {
        let shown = format!("{:?}", Authority::of_tests());
        assert!(!shown.contains("PRIVATE") && !shown.contains('7'.to_string().repeat(2).as_str()), "{shown}");
    }
}
