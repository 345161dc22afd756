//! The public keys that a user registered.

use std::collections::BTreeSet;

use ssh_key::{PublicKey, public::KeyData};

/// Keys that let somebody in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AuthorizedKeys(BTreeSet<KeyData>);

impl AuthorizedKeys {
    /// From lines as in `authorized_keys`, without options. Gives the lines that are no key as well, by number from
    /// 1: one bad line must not keep a user out whose other keys are fine.
    pub fn parse<'a>(lines: impl IntoIterator<Item = &'a str>) -> (Self, Vec<usize>) {
        let (mut keys, mut wrong) = (BTreeSet::new(), Vec::new());
        for (index, line) in lines.into_iter().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match PublicKey::from_openssh(line) {
                Ok(key) => {
                    keys.insert(key.key_data().clone());
                }
                Err(_) => wrong.push(index + 1),
            }
        }
        (Self(keys), wrong)
    }

    /// Whether `key` is one of them.
    pub fn contains(&self, key: &PublicKey) -> bool {
        self.0.contains(key.key_data())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::HostAuthority;

    #[test]
    fn keys_are_found_whatever_their_comment_and_bad_lines_are_named() {
        let key = HostAuthority::from_seed([1; 32]).public_key().clone();
        let mut line = key.clone();
        line.set_comment("somebody's laptop");
        let text = format!("# mine\n\n{}\nssh-ed25519 AAAA\n", line.to_openssh().unwrap());
        let (keys, wrong) = AuthorizedKeys::parse(text.lines());
        assert!(keys.contains(&key));
        assert_eq!(wrong, [4]);
        assert!(!keys.contains(HostAuthority::from_seed([2; 32]).public_key()));
    }

    #[test]
    fn options_before_a_key_are_refused_rather_than_ignored() {
        let key = HostAuthority::from_seed([1; 32]).public_key().to_openssh().unwrap();
        let line = format!("command=\"date\" {key}");
        let (keys, wrong) = AuthorizedKeys::parse([line.as_str()]);
        assert!(keys.is_empty());
        assert_eq!(wrong, [1]);
    }
}
