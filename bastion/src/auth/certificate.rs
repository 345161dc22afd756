//! By a certificate of an authority that the platform's profile trusts.

use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use devplat_keys::{Admission, Certificate, Permissions, PublicKey, Revocations, admit};

use super::Denial;

/// Who may certify users, and what was taken back.
#[derive(Debug, Default)]
pub struct Authorities {
    trusted: Vec<PublicKey>,
    revoked: RwLock<Arc<Revocations>>,
}

/// Why there are no authorities.
#[derive(Debug, thiserror::Error)]
pub enum InvalidAuthorities {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A line that is no key, or no entry of a list of revocations.
    #[error("{path}, line {line}: {problem}")]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        problem: String,
    },
}

impl Authorities {
    /// From files with a public key on each line, and a file of revocations.
    pub fn read(trusted: &[PathBuf], revoked: Option<&Path>) -> Result<Self, InvalidAuthorities> {
        let mut keys = Vec::new();
        for path in trusted {
            for (line, text) in lines(&content(path)?) {
                let problem = "not a public key".to_owned();
                let key = PublicKey::from_openssh(text).map_err(|_| InvalidAuthorities::Line {
                    path: path.clone(),
                    line,
                    problem,
                })?;
                keys.push(key);
            }
        }
        let authorities = Self { trusted: keys, revoked: RwLock::default() };
        if let Some(path) = revoked {
            authorities.reread(path)?;
        }
        Ok(authorities)
    }

    /// Takes the revocations from the file as it is now.
    pub fn reread(&self, path: &Path) -> Result<(), InvalidAuthorities> {
        let revoked = Arc::new(parse(path, &content(path)?)?);
        *self.revoked.write().unwrap_or_else(PoisonError::into_inner) = revoked;
        Ok(())
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.trusted.is_empty()
    }

    pub(super) fn admit(
        &self,
        certificate: &Certificate,
        principal: &str,
        from: IpAddr,
        now: u64,
    ) -> Result<Permissions, Denial> {
        let revoked = self.revocations();
        let authorities = &self.trusted;
        admit(certificate, &Admission { authorities, principal, from: Some(from), now, revoked: &revoked })
            .map_err(Denial::Certificate)
    }

    pub(super) fn revoked(&self, certificate: &Certificate) -> bool {
        let revoked = self.revocations();
        let print = |key: &russh::keys::ssh_key::public::KeyData| {
            revoked.fingerprints.contains(&key.fingerprint(russh::keys::HashAlg::Sha256).to_string())
        };
        print(certificate.public_key())
            || print(certificate.signature_key())
            || revoked.serials.contains(&certificate.serial())
            || revoked.key_ids.contains(certificate.key_id())
    }

    fn revocations(&self) -> Arc<Revocations> {
        self.revoked.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn content(path: &Path) -> Result<String, InvalidAuthorities> {
    std::fs::read_to_string(path).map_err(|source| InvalidAuthorities::Read { path: path.to_owned(), source })
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Lines as in the input of `ssh-keygen -k`: `serial: N`, `id: TEXT`, `hash: SHA256:…`, or a public key.
fn parse(path: &Path, text: &str) -> Result<Revocations, InvalidAuthorities> {
    let mut revoked = Revocations::default();
    for (line, text) in lines(text) {
        revoked.add(text).map_err(|error| InvalidAuthorities::Line {
            path: path.to_owned(),
            line,
            problem: error.to_string(),
        })?;
    }
    Ok(revoked)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn revocations_are_read_by_serial_id_hash_and_key() {
        let key = devplat_keys::HostAuthority::from_seed([1; 32]).public_key().clone();
        let text = format!(
            "# gone\nserial: 7\nid: alice's laptop\nhash: SHA256:abc\n\n{}\n",
            key.to_openssh().unwrap()
        );
        let revoked = parse(Path::new("list"), &text).unwrap();
        assert_eq!(revoked.serials, BTreeSet::from([7]));
        assert_eq!(revoked.key_ids, BTreeSet::from(["alice's laptop".to_owned()]));
        assert_eq!(revoked.fingerprints.len(), 2);
    }

    #[test]
    fn a_line_that_revokes_nothing_is_an_error_rather_than_ignored() {
        let error = parse(Path::new("list"), "serial: 7\nseriel: 8\n").unwrap_err().to_string();
        assert!(error.starts_with("list, line 2: none of"), "{error}");
    }
}
