//! The keys that `up` generates for users, as the state folder holds them. The private key decides: the cluster gets its
//! public half, and the file of the public key is a copy of that for people.

use devplat_keys::{PublicKey, public_half};

use crate::state::{StateError, StateFolder};

/// The file of a user's private key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PrivateFile {
    /// The file is absent.
    Absent,
    /// The file is not a private key as OpenSSH writes it.
    Damaged,
    /// A private key with this public half, perhaps with a passphrase.
    Whole(PublicKey),
}

/// Reads the private key of a user.
pub fn private_file(state: &StateFolder, user: &str) -> Result<PrivateFile, StateError> {
    let Some(text) = state.read(&state.user_key(user))? else { return Ok(PrivateFile::Absent) };
    Ok(public_half(&text).map_or(PrivateFile::Damaged, PrivateFile::Whole))
}

/// Returns the public key of a user as a line for the cluster; `None` until `up` has generated an intact private key.
pub fn public_line(state: &StateFolder, user: &str, platform: &str) -> Result<Option<String>, StateError> {
    Ok(match private_file(state, user)? {
        PrivateFile::Whole(key) => Some(line(&key, user, platform)),
        PrivateFile::Absent | PrivateFile::Damaged => None,
    })
}

/// Returns the line of a user's public key. Its comment is always the mark, because a private key with a passphrase hides
/// its comment.
pub fn line(key: &PublicKey, user: &str, platform: &str) -> String {
    let marked = PublicKey::new(key.key_data().clone(), mark(user, platform));
    marked.to_openssh().expect("a key that was read can be written")
}

/// Returns the comment of a generated key, by which devplat recognises it.
pub fn mark(user: &str, platform: &str) -> String {
    format!("{user}@{platform}")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use devplat_keys::UserKey;
    use devplat_profile::PlatformName;

    use super::*;

    #[test]
    fn cluster_gets_the_public_half_of_an_intact_private_key() {
        let base = tempfile::tempdir().unwrap();
        let state = StateFolder::below(base.path(), &PlatformName::default());
        state.make_ssh().unwrap();
        let line = || public_line(&state, "demo", "devplat").unwrap();
        fs::write(state.user_public_key("demo"), "rubbish").unwrap();
        assert_eq!(line(), None);
        let key = UserKey::from_seed([1; 32], "demo@devplat");
        fs::write(state.user_key("demo"), key.private_text()).unwrap();
        assert_eq!(line(), Some(key.public_text()));
        fs::write(state.user_key("demo"), &key.private_text()[..100]).unwrap();
        assert_eq!(line(), None);
    }
}
