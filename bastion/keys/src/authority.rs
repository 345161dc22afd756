//! The platform's two authorities: one for hosts, one for the bastion's sessions.

use std::{fmt, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use ssh_key::{
    Certificate, HashAlg, LineEnding, PrivateKey, PublicKey,
    certificate::{Builder, CertType},
    private::{Ed25519Keypair, KeypairData},
};

/// Extensions of a session certificate: what the bastion has already decided about, so all that a dev server offers.
const SESSION_EXTENSIONS: [&str; 4] =
    ["permit-agent-forwarding", "permit-port-forwarding", "permit-pty", "permit-user-rc"];

/// How long before its making a session certificate is valid, since clocks of nodes differ.
const CLOCK_DIFFERENCE: Duration = Duration::from_mins(1);

/// A text or a set of bytes that is no key.
#[derive(Debug, thiserror::Error)]
pub enum InvalidKey {
    /// Not in OpenSSH's format.
    #[error("not a key in OpenSSH's format")]
    Format(#[source] ssh_key::Error),
    /// A key of another kind than the platform makes.
    #[error("a key of kind {0}, where the platform makes ssh-ed25519")]
    Kind(String),
}

/// Who a session of `server` in `namespace` is for: what stands in a session certificate, and what the agent there
/// asks for.
pub fn server_principal(namespace: &str, server: &str) -> String {
    format!("{namespace}/{server}")
}

/// Says which server somebody reached.
pub struct HostAuthority {
    key: PrivateKey,
    seed: [u8; 32],
}

/// What a server proves itself with.
#[derive(Clone)]
pub struct HostIdentity {
    /// Its key.
    pub key: PrivateKey,
    /// What the host authority says of it.
    pub certificate: Certificate,
}

impl fmt::Debug for HostAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostAuthority({})", self.key.public_key().fingerprint(HashAlg::Sha256))
    }
}

impl fmt::Debug for HostIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HostIdentity({})", self.key.public_key().fingerprint(HashAlg::Sha256))
    }
}

impl HostAuthority {
    /// From 32 random bytes, which have to be kept: they are all there is.
    ///
    /// Keys of hosts come from them too, so that a server of the same name has the same key after it was made anew,
    /// and nobody has to write down which keys there are.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let key = ed25519(&derive(&seed, &[b"host authority"]), "devplat host authority");
        Self { key, seed }
    }

    /// What goes behind `@cert-authority` in `known_hosts`.
    pub fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    /// The identity of dev server `server` in `namespace`, valid for `SERVER`, `SERVER.NAMESPACE` and `alias`; the same
    /// each time.
    pub fn server(&self, namespace: &str, server: &str, alias: Option<String>) -> HostIdentity {
        let names: Vec<String> =
            [server.to_owned(), format!("{server}.{namespace}")].into_iter().chain(alias).collect();
        self.identity(
            &[b"server", namespace.as_bytes(), server.as_bytes()],
            &format!("{namespace}/{server}"),
            &names,
        )
    }

    /// The identity that all replicas of the bastion share, valid for `names`.
    pub fn bastion(&self, names: &[String]) -> HostIdentity {
        self.identity(&[b"bastion"], "bastion", names)
    }

    fn identity(&self, path: &[&[u8]], key_id: &str, names: &[String]) -> HostIdentity {
        let key = ed25519(&derive(&self.seed, path), key_id);
        // Derived as well, so that the same names give the same bytes.
        let mut nonce = path.to_vec();
        nonce.push(b"nonce");
        nonce.extend(names.iter().map(String::as_bytes));
        let certificate = sign(
            &self.key,
            &derive(&self.seed, &nonce),
            key.public_key(),
            &Statement { kind: CertType::Host, key_id, names, from: 0, until: u64::MAX, extensions: &[] },
        );
        HostIdentity { key, certificate }
    }
}

/// Lets the bastion into dev servers.
pub struct SessionAuthority(PrivateKey);

impl fmt::Debug for SessionAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionAuthority({})", self.public_key().fingerprint(HashAlg::Sha256))
    }
}

impl SessionAuthority {
    /// From 32 random bytes.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(ed25519(&derive(&seed, &[b"session authority"]), "devplat session authority"))
    }

    /// As [`SessionAuthority::to_openssh`] wrote it.
    pub fn from_openssh(text: &str) -> Result<Self, InvalidKey> {
        let key = PrivateKey::from_openssh(text).map_err(InvalidKey::Format)?;
        match key.key_data() {
            KeypairData::Ed25519(_) => Ok(Self(key)),
            _ => Err(InvalidKey::Kind(key.algorithm().to_string())),
        }
    }

    /// In OpenSSH's own format, for a Secret.
    pub fn to_openssh(&self) -> String {
        private_key_text(&self.0)
    }

    /// What dev servers trust.
    pub fn public_key(&self) -> &PublicKey {
        self.0.public_key()
    }

    /// A certificate for `key`, good for one `principal` (see [`server_principal`]), from `now` (seconds since 1970)
    /// for `validity`. `key_id` says in the dev server's log who it is. `nonce` are random bytes.
    pub fn certify(
        &self,
        key: &PublicKey,
        principal: &str,
        key_id: &str,
        now: u64,
        validity: Duration,
        nonce: &[u8; 32],
    ) -> Certificate {
        let names = [principal.to_owned()];
        let from = now.saturating_sub(CLOCK_DIFFERENCE.as_secs());
        let until = now.saturating_add(validity.as_secs());
        let extensions = &SESSION_EXTENSIONS;
        sign(
            &self.0,
            nonce,
            key,
            &Statement { kind: CertType::User, key_id, names: &names, from, until, extensions },
        )
    }
}

impl HostIdentity {
    /// The key in OpenSSH's own format, for a Secret.
    pub fn key_text(&self) -> String {
        private_key_text(&self.key)
    }

    /// The certificate as a line.
    pub fn certificate_text(&self) -> String {
        self.certificate.to_openssh().expect("a certificate that was just made can be written")
    }
}

/// What a certificate says.
struct Statement<'a> {
    kind: CertType,
    key_id: &'a str,
    names: &'a [String],
    from: u64,
    until: u64,
    extensions: &'a [&'a str],
}

fn sign(authority: &PrivateKey, nonce: &[u8], key: &PublicKey, statement: &Statement<'_>) -> Certificate {
    let Statement { kind, key_id, names, from, until, extensions } = statement;
    let make = || {
        let mut builder = Builder::new(nonce, key.key_data().clone(), *from, *until)?;
        builder.cert_type(*kind)?.key_id(*key_id)?;
        for name in *names {
            builder.valid_principal(name)?;
        }
        for extension in *extensions {
            builder.extension(*extension, "")?;
        }
        builder.sign(authority)
    };
    make().expect("each field is set once, the validity ends after it begins, and ed25519 keys always sign")
}

fn ed25519(seed: &[u8; 32], comment: &str) -> PrivateKey {
    PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(seed)), comment)
        .expect("an ed25519 key pair is a key")
}

fn private_key_text(key: &PrivateKey) -> String {
    key.to_openssh(LineEnding::LF).expect("an ed25519 key can be written").to_string()
}

/// Bytes that nobody can tell without `seed`; other `path`, other bytes.
fn derive(seed: &[u8; 32], path: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(seed).expect("a key of HMAC has any length");
    for part in path {
        // With the length of each part, so that no two paths are the same bytes.
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_server_has_the_same_identity_each_time() {
        let authority = HostAuthority::from_seed([7; 32]);
        let (one, again) =
            (authority.server("dev-alice", "mydev", None), authority.server("dev-alice", "mydev", None));
        assert_eq!(one.key_text(), again.key_text());
        assert_eq!(one.certificate_text(), again.certificate_text());
    }

    #[test]
    fn no_two_servers_share_a_key() {
        let authority = HostAuthority::from_seed([7; 32]);
        let key = |namespace, server| authority.server(namespace, server, None).key.public_key().clone();
        assert_ne!(key("dev-a", "b"), key("dev-a", "c"));
        assert_ne!(key("dev-a", "b"), key("dev-ab", ""));
        assert_ne!(
            key("dev-a", "b"),
            HostAuthority::from_seed([8; 32]).server("dev-a", "b", None).key.public_key().clone()
        );
    }

    #[test]
    fn a_host_certificate_names_the_server_as_clients_type_it() {
        let authority = HostAuthority::from_seed([7; 32]);
        let HostIdentity { key, certificate } = authority.server("dev-alice", "mydev", None);
        assert_eq!(certificate.cert_type(), CertType::Host);
        assert_eq!(certificate.valid_principals(), ["mydev", "mydev.dev-alice"]);
        let with_alias = authority.server("dev-alice", "mydev", Some("mydev.alice.team-a".to_owned()));
        let expected = ["mydev", "mydev.dev-alice", "mydev.alice.team-a"];
        assert_eq!(with_alias.certificate.valid_principals(), expected);
        assert_eq!(
            with_alias.key_text(),
            private_key_text(&key),
            "another name changes the certificate and not the key"
        );
        assert_eq!(certificate.public_key(), key.public_key().key_data());
        assert_eq!(certificate.signature_key(), authority.public_key().key_data());
        assert!(certificate.verify_signature().is_ok());
    }

    #[test]
    fn the_session_authority_outlives_its_text() {
        let authority = SessionAuthority::from_seed([9; 32]);
        let again = SessionAuthority::from_openssh(&authority.to_openssh()).unwrap();
        assert_eq!(authority.public_key().key_data(), again.public_key().key_data());
    }

    #[test]
    fn nothing_secret_is_in_what_a_log_shows() {
        let seed = [7; 32];
        let host = HostAuthority::from_seed(seed);
        let shown =
            format!("{host:?} {:?} {:?}", host.server("a", "b", None), SessionAuthority::from_seed(seed));
        assert!(!shown.contains("PRIVATE") && !shown.contains("[7, 7") && !shown.contains("seed"), "{shown}");
    }
}
