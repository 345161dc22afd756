//! The bastion's own keys, from where Kubernetes puts them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use devplat_api::name;
use devplat_keys::{Certificate, HostIdentity, PrivateKey, PublicKey, SessionAuthority};
use russh::server;
use tokio::sync::watch as latest;

/// How the bastion calls itself.
pub const NAME: &str = "SSH-2.0-devplat";

/// What it proves itself with, whom it trusts, and what it certifies with.
#[derive(Debug)]
pub struct Keys {
    /// The identity that all replicas share.
    pub host: Host,
    /// The authorities for connections to dev servers.
    pub backend: Backend,
}

/// The authorities for connections to dev servers. The operator makes other ones if their seed was deleted.
#[derive(Debug)]
pub struct Backend {
    folder: PathBuf,
    host_authority: PathBuf,
    now: latest::Sender<Arc<BackendAuthorities>>,
}

/// The authorities for connections to dev servers, at one time.
#[derive(Debug)]
pub struct BackendAuthorities {
    /// Certifies dev servers.
    pub host: Arc<PublicKey>,
    /// Certifies the bastion for dev servers.
    pub session: SessionAuthority,
}

/// What the bastion shows to clients. The names in it change with the platform's profile.
#[derive(Debug)]
pub struct Host {
    folder: PathBuf,
    shown: latest::Sender<Arc<server::Config>>,
}

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file that holds something else.
    #[error("{path} holds no such key")]
    Format {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: russh::keys::ssh_key::Error,
    },
    /// The key of the session authority.
    #[error("{path} is not the key of the session authority")]
    Session {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: devplat_keys::InvalidKey,
    },
    /// Two files that do not belong together.
    #[error("{0} is not of the host key beside it")]
    Mismatch(PathBuf),
}

impl Keys {
    /// From the folder of the Secret, and the public key of the host authority.
    pub fn read(folder: &Path, host_authority: &Path) -> Result<Self, KeysError> {
        let now = latest::Sender::new(Arc::new(backend_authorities(folder, host_authority)?));
        let (folder, host_authority) = (folder.to_owned(), host_authority.to_owned());
        Ok(Self { host: Host::read(&folder)?, backend: Backend { folder, host_authority, now } })
    }
}

impl Backend {
    /// Reads both again, for new connections to dev servers. Keeps both if one cannot be used.
    pub fn reread(&self) -> Result<(), KeysError> {
        let read = backend_authorities(&self.folder, &self.host_authority)?;
        self.now.send_if_modified(|now| {
            let changed = read.host != now.host || read.session.public_key() != now.session.public_key();
            if changed {
                *now = Arc::new(read);
            }
            changed
        });
        Ok(())
    }

    /// Returns what a new connection to a dev server uses.
    pub fn now(&self) -> latest::Receiver<Arc<BackendAuthorities>> {
        self.now.subscribe()
    }
}

fn backend_authorities(folder: &Path, host_authority: &Path) -> Result<BackendAuthorities, KeysError> {
    let path = folder.join(name::SESSION_AUTHORITY_KEY);
    let session = SessionAuthority::from_openssh(&content(&path)?)
        .map_err(|source| KeysError::Session { path, source })?;
    let host = Arc::new(parse(host_authority, PublicKey::from_openssh)?);
    Ok(BackendAuthorities { host, session })
}

impl Host {
    /// From the folder of the Secret.
    pub fn read(folder: &Path) -> Result<Self, KeysError> {
        let shown = latest::Sender::new(config(identity(folder)?));
        Ok(Self { folder: folder.to_owned(), shown })
    }

    /// Takes it from the folder as it is now; whoever is here keeps what they were shown. Where it cannot be used, it
    /// stays as it was.
    pub fn reread(&self) -> Result<(), KeysError> {
        let now = identity(&self.folder)?;
        self.shown.send_if_modified(|shown| {
            // It names the key, too.
            let changed = shown.certificates.first() != Some(&now.certificate);
            if changed {
                *shown = config(now);
            }
            changed
        });
        Ok(())
    }

    /// What a new connection is shown.
    pub fn shown(&self) -> latest::Receiver<Arc<server::Config>> {
        self.shown.subscribe()
    }
}

fn identity(folder: &Path) -> Result<HostIdentity, KeysError> {
    let key = parse(&folder.join(name::HOST_KEY), |text| PrivateKey::from_openssh(text))?;
    let path = folder.join(name::HOST_CERTIFICATE);
    let certificate = parse(&path, Certificate::from_openssh)?;
    if certificate.public_key() != key.public_key().key_data() {
        return Err(KeysError::Mismatch(path));
    }
    Ok(HostIdentity { key, certificate })
}

fn config(identity: HostIdentity) -> Arc<server::Config> {
    let HostIdentity { key, certificate } = identity;
    devplat_transport::server(NAME, key, Some(certificate))
}

fn content(path: &Path) -> Result<String, KeysError> {
    fs::read_to_string(path).map_err(|source| KeysError::Read { path: path.to_owned(), source })
}

fn parse<T>(
    path: &Path,
    parse: impl FnOnce(&str) -> Result<T, russh::keys::ssh_key::Error>,
) -> Result<T, KeysError> {
    parse(content(path)?.trim()).map_err(|source| KeysError::Format { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use devplat_keys::HostAuthority;

    use super::*;

    fn folder(certificate_of: u8) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let bastion = |seed| HostAuthority::from_seed([seed; 32]).bastion(&["localhost".to_owned()]);
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write(name::HOST_KEY, &bastion(1).key_text());
        write(name::HOST_CERTIFICATE, &bastion(certificate_of).certificate_text());
        write(name::SESSION_AUTHORITY_KEY, &SessionAuthority::from_seed([2; 32]).to_openssh());
        let authority = HostAuthority::from_seed([1; 32]);
        write(name::HOST_AUTHORITY, &authority.public_key().to_openssh().unwrap());
        folder
    }

    fn read(folder: &tempfile::TempDir) -> Result<Keys, KeysError> {
        Keys::read(folder.path(), &folder.path().join(name::HOST_AUTHORITY))
    }

    #[test]
    fn keys_are_read_as_the_operator_writes_them() {
        let keys = read(&folder(1)).unwrap();
        assert_eq!(&*keys.backend.now().borrow().host, HostAuthority::from_seed([1; 32]).public_key());
    }

    #[test]
    fn authorities_of_another_seed_are_used_for_new_connections() {
        let folder = folder(1);
        let Keys { host: _, backend } = read(&folder).unwrap();
        let mut seen = backend.now();
        backend.reread().unwrap();
        assert!(!seen.has_changed().unwrap(), "they are the same");
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write(name::SESSION_AUTHORITY_KEY, "half");
        assert!(matches!(backend.reread(), Err(KeysError::Session { .. })));
        let (host, session) = (HostAuthority::from_seed([5; 32]), SessionAuthority::from_seed([6; 32]));
        write(name::SESSION_AUTHORITY_KEY, &session.to_openssh());
        write(name::HOST_AUTHORITY, &host.public_key().to_openssh().unwrap());
        backend.reread().unwrap();
        let now = seen.borrow_and_update();
        assert_eq!(&*now.host, host.public_key());
        assert_eq!(now.session.public_key(), session.public_key());
    }

    #[test]
    fn what_cannot_be_shown_is_not_taken() {
        let folder = folder(1);
        let Keys { host, .. } = read(&folder).unwrap();
        let shown = host.shown();
        let mut seen = shown.clone();
        host.reread().unwrap();
        assert!(!seen.has_changed().unwrap(), "it is the same");
        let path = folder.path().join(name::HOST_CERTIFICATE);
        let other = |seed| {
            HostAuthority::from_seed([seed; 32]).bastion(&["dev.example.com".to_owned()]).certificate_text()
        };
        fs::write(&path, other(3)).unwrap();
        assert!(matches!(host.reread(), Err(KeysError::Mismatch(_))));
        assert_eq!(shown.borrow().certificates[0].valid_principals(), ["localhost"]);
        fs::write(&path, other(1)).unwrap();
        host.reread().unwrap();
        assert!(seen.has_changed().unwrap());
        assert_eq!(seen.borrow_and_update().certificates[0].valid_principals(), ["dev.example.com"]);
    }

    #[test]
    fn a_certificate_of_another_key_is_told() {
        assert!(matches!(read(&folder(3)), Err(KeysError::Mismatch(_))));
    }

    #[test]
    fn a_file_that_is_no_key_is_named() {
        let folder = folder(1);
        fs::write(folder.path().join(name::HOST_KEY), "hello").unwrap();
        assert!(read(&folder).unwrap_err().to_string().ends_with("host_key holds no such key"));
    }
}
