//! By a certificate of an authority that the platform's profile trusts.

use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use devplat_keys::{Admission, Certificate, Permissions, PublicKey, Revocations, admit};
use tokio::sync::watch as latest;

use super::denial::Denial;

/// Who may certify users, and what was taken back: what the files say that Kubernetes changes in place.
#[derive(Debug, Default)]
pub struct Authorities {
    files: Files,
    known: latest::Sender<Arc<Known>>,
}

/// Where it stands.
#[derive(Debug, Default)]
struct Files {
    trusted: Vec<PathBuf>,
    revoked: Option<PathBuf>,
}

/// What the files said when they were last read. Both go together: a certificate is judged by one state of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    trusted: Vec<PublicKey>,
    revoked: Revocations,
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
        let files = Files { trusted: trusted.to_vec(), revoked: revoked.map(Path::to_owned) };
        let known = latest::Sender::new(Arc::new(files.known()?));
        Ok(Self { files, known })
    }

    /// Takes everything from the files as they are now. Where one of them cannot be used, all stays as it was.
    pub fn reread(&self) -> Result<(), InvalidAuthorities> {
        let now = self.files.known()?;
        self.known.send_if_modified(|known| {
            let changed = **known != now;
            if changed {
                *known = Arc::new(now);
            }
            changed
        });
        Ok(())
    }

    /// Tells of each change.
    pub(crate) fn watch(&self) -> latest::Receiver<Arc<Known>> {
        self.known.subscribe()
    }

    /// Whether nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.known.borrow().trusted.is_empty()
    }

    pub(super) fn admit(
        &self,
        certificate: &Certificate,
        principal: &str,
        from: IpAddr,
        now: u64,
    ) -> Result<Permissions, Denial> {
        let known = self.known.borrow().clone();
        let Known { trusted: authorities, revoked } = &*known;
        admit(certificate, &Admission { authorities, principal, from: Some(from), now, revoked })
            .map_err(Denial::Certificate)
    }

    /// Whether what let `certificate` in is still so: its signer is trusted, and it was not taken back.
    pub(super) fn stand_by(&self, certificate: &Certificate) -> bool {
        let known = self.known.borrow().clone();
        let Known { trusted, revoked } = &*known;
        let print = |key: &russh::keys::ssh_key::public::KeyData| {
            revoked.fingerprints.contains(&key.fingerprint(russh::keys::HashAlg::Sha256).to_string())
        };
        trusted.iter().any(|authority| authority.key_data() == certificate.signature_key())
            && !print(certificate.public_key())
            && !print(certificate.signature_key())
            && !revoked.serials.contains(&certificate.serial())
            && !revoked.key_ids.contains(certificate.key_id())
    }
}

impl Files {
    fn known(&self) -> Result<Known, InvalidAuthorities> {
        let Self { trusted, revoked } = self;
        let mut keys = Vec::new();
        for path in trusted {
            keys.extend(public_keys(path, &content(path)?)?);
        }
        let revoked = match revoked {
            Some(path) => parse(path, &content(path)?)?,
            None => Revocations::default(),
        };
        Ok(Known { trusted: keys, revoked })
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

fn public_keys(path: &Path, text: &str) -> Result<Vec<PublicKey>, InvalidAuthorities> {
    let key = |(line, text)| {
        PublicKey::from_openssh(text).map_err(|_| InvalidAuthorities::Line {
            path: path.to_owned(),
            line,
            problem: "not a public key".to_owned(),
        })
    };
    lines(text).map(key).collect()
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
    fn a_file_that_cannot_be_used_leaves_everything_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let (trusted, revoked) = (folder.path().join("trusted"), folder.path().join("revoked"));
        let key = devplat_keys::HostAuthority::from_seed([1; 32]).public_key().to_openssh().unwrap();
        std::fs::write(&trusted, &key).unwrap();
        std::fs::write(&revoked, "").unwrap();
        let authorities = Authorities::read(std::slice::from_ref(&trusted), Some(&revoked)).unwrap();
        let before = authorities.known.borrow().clone();
        std::fs::write(&revoked, "serial: 7\n").unwrap();
        std::fs::write(&trusted, format!("{key}\nhello\n")).unwrap();
        let error = authorities.reread().unwrap_err().to_string();
        assert!(error.ends_with("trusted, line 2: not a public key"), "{error}");
        assert_eq!(*authorities.known.borrow().clone(), *before);
        std::fs::remove_file(&trusted).unwrap();
        assert!(authorities.reread().is_err() && !authorities.is_empty());
        std::fs::write(&trusted, "# nobody\n").unwrap();
        authorities.reread().unwrap();
        assert!(authorities.is_empty());
        assert_eq!(authorities.known.borrow().revoked.serials, BTreeSet::from([7]));
    }

    #[test]
    fn a_line_that_revokes_nothing_is_an_error_rather_than_ignored() {
        let error = parse(Path::new("list"), "serial: 7\nseriel: 8\n").unwrap_err().to_string();
        assert!(error.starts_with("list, line 2: none of"), "{error}");
    }
}
