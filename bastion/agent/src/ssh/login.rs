//! Who gets in: those with a certificate of the session authority for this very server, and the owner by a key.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use devplat_keys::{
    Admission, AuthorizedKeys, Certificate, Permissions, PublicKey, Refusal, Revocations, admit,
};

use super::keys::{Error, read};

/// Longest file of keys that is read: some thousand keys.
const KEYS_MAX: u64 = 1 << 20;

/// What a login is judged by.
pub(super) struct Door {
    authorities: Vec<PublicKey>,
    principal: String,
    authorized_keys: Option<PathBuf>,
}

impl Door {
    /// Reads the session authority in `dir`.
    pub(super) fn open(
        dir: &Path,
        authorized_keys: Option<PathBuf>,
        principal: String,
    ) -> Result<Self, Error> {
        let (path, text) = read(dir, "session_authority.pub")?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let authorities = lines
            .map(PublicKey::from_openssh)
            .collect::<Result<_, _>>()
            .map_err(|source| Error::Key { path, source })?;
        Ok(Self { authorities, principal, authorized_keys })
    }

    /// Whether `certificate` lets in, coming from `from`, and for what.
    pub(super) fn admit(&self, certificate: &Certificate, from: IpAddr) -> Result<Permissions, Refusal> {
        let Self { authorities, principal, authorized_keys: _ } = self;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        // Certificates of sessions are valid for minutes; there is no list of those taken back.
        let revoked = &Revocations::default();
        admit(certificate, &Admission { authorities, principal, from: Some(from), now, revoked })
    }

    /// Whether `key` is one of the owner's, now.
    pub(super) async fn knows(&self, key: &PublicKey) -> bool {
        let Some(path) = &self.authorized_keys else { return false };
        let Ok(found) = tokio::fs::metadata(path).await else { return false };
        if !found.is_file() || found.len() > KEYS_MAX {
            return false;
        }
        let Ok(text) = tokio::fs::read_to_string(path).await else { return false };
        let (keys, _) = AuthorizedKeys::parse(text.lines());
        keys.contains(key)
    }
}
