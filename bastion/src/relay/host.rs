//! Whether what answers at an address is the dev server that was to be reached. An address is given anew to another pod
//! once its pod is gone; the certificate is not. Pure; what a certificate vouches for is [`devplat_keys`]' to judge.

use devplat_keys::{Certificate, HostRefusal, PublicKey, vouch};

/// Why it is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrongHost {
    /// It has a key and no certificate.
    #[error("it shows no certificate")]
    Bare,
    /// Its certificate is another's.
    #[error(transparent)]
    Refused(#[from] HostRefusal),
}

/// Checks that `certificate`, whose key has been proved, is of `name` and given by `authority`.
pub(super) fn check(
    certificate: Option<&Certificate>,
    authority: &PublicKey,
    name: &str,
    now: u64,
) -> Result<(), WrongHost> {
    Ok(vouch(certificate.ok_or(WrongHost::Bare)?, authority, name, now)?)
}

#[cfg(test)]
mod tests {
    use devplat_keys::HostAuthority;

    use super::*;

    const NOW: u64 = 1_800_000_000;

    #[test]
    fn admits_the_server_that_was_asked_for_and_no_other() {
        let authority = HostAuthority::from_seed([1; 32]);
        let made = authority.server("dev-alice", "mydev", None).certificate;
        let checked = |shown, name| check(shown, authority.public_key(), name, NOW);
        assert_eq!(checked(Some(&made), "mydev.dev-alice"), Ok(()));
        assert_eq!(checked(None, "mydev.dev-alice"), Err(WrongHost::Bare));
        let bobs = checked(Some(&made), "mydev.dev-bob").unwrap_err();
        assert_eq!(
            bobs.to_string(),
            "its host certificate is for mydev, mydev.dev-alice, not for mydev.dev-bob",
            "the same name of somebody else's"
        );
    }
}
