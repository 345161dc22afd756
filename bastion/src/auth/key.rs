//! By a public key that the user registered.

use std::sync::Arc;

use devplat_keys::PublicKey;

use super::{denial::Denial, user::named};
use crate::{
    directory::{Directory, User},
    login::Login,
};

/// Whose key it is.
pub(super) fn admit(
    directory: &Directory,
    text: &str,
    key: &PublicKey,
) -> Result<(Login, Arc<User>), Denial> {
    let (login, user) = named(directory, text)?;
    if user.keys.contains(key) { Ok((login, user)) } else { Err(Denial::WrongKey) }
}

#[cfg(test)]
mod tests {
    use devplat_keys::HostAuthority;

    use super::*;

    fn key(seed: u8) -> PublicKey {
        HostAuthority::from_seed([seed; 32]).public_key().clone()
    }

    fn directory() -> Directory {
        let user = |name, seed| User::new(name, &[key(seed).to_openssh().unwrap()]);
        Directory::of([user("alice", 1), user("bob", 2)], [])
    }

    fn refusal(text: &str, seed: u8) -> Option<Denial> {
        admit(&directory(), text, &key(seed)).err()
    }

    #[test]
    fn admits_who_has_the_key_with_and_without_a_server() {
        assert_eq!(refusal("alice", 1), None);
        assert_eq!(refusal("alice+mydev", 1), None);
    }

    #[test]
    fn refuses_keys_of_others_and_users_that_do_not_exist() {
        assert_eq!(refusal("alice", 2), Some(Denial::WrongKey));
        assert_eq!(refusal("carol", 1), Some(Denial::NoSuchUser));
        assert!(matches!(refusal("alice\n", 1), Some(Denial::Login(_))));
    }
}
