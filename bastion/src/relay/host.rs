//! Whether what answers at an address is the dev server that was to be reached. An address is given anew to another pod
//! once its pod is gone; the certificate is not. Pure.

use devplat_keys::{Certificate, PublicKey};
use russh::keys::ssh_key::certificate::CertType;

/// Why it is not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum WrongHost {
    /// It has a key and no certificate.
    #[error("it shows no certificate")]
    Bare,
    /// Signed by somebody else.
    #[error("its certificate is not signed by the platform's host authority")]
    Authority,
    /// The signature does not fit.
    #[error("the signature of its certificate is wrong")]
    Signature,
    /// A user's certificate.
    #[error("its certificate is not one of a host")]
    Kind,
    /// Another server.
    #[error("it is {0}")]
    Name(String),
    /// Before or after its time.
    #[error("its certificate is not valid now")]
    Time,
    /// With something that has to be obeyed, and isn't known.
    #[error("its certificate has the critical option {0:?}")]
    CriticalOption(String),
}

/// Checks that `certificate`, whose key has been proved, is of `name` and given by `authority`.
pub(super) fn check(
    certificate: Option<&Certificate>,
    authority: &PublicKey,
    name: &str,
    now: u64,
) -> Result<(), WrongHost> {
    let certificate = certificate.ok_or(WrongHost::Bare)?;
    if certificate.signature_key() != authority.key_data() {
        return Err(WrongHost::Authority);
    }
    certificate.verify_signature().map_err(|_| WrongHost::Signature)?;
    if certificate.cert_type() != CertType::Host {
        return Err(WrongHost::Kind);
    }
    let names = certificate.valid_principals();
    if !names.iter().any(|one| one == name) {
        return Err(WrongHost::Name(names.join(", ")));
    }
    if now < certificate.valid_after() || now >= certificate.valid_before() {
        return Err(WrongHost::Time);
    }
    match certificate.critical_options().iter().next() {
        Some((option, _)) => Err(WrongHost::CriticalOption(option.clone())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use devplat_keys::{HostAuthority, SessionAuthority};

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn authority() -> HostAuthority {
        HostAuthority::from_seed([1; 32])
    }

    #[test]
    fn admits_the_server_that_was_asked_for_and_no_other() {
        let made = authority().server("dev-alice", "mydev").certificate;
        let checked = |name| check(Some(&made), authority().public_key(), name, NOW);
        assert_eq!(checked("mydev.dev-alice"), Ok(()));
        assert_eq!(
            checked("mydev.dev-bob"),
            Err(WrongHost::Name("mydev, mydev.dev-alice".into())),
            "the same name of somebody else's"
        );
    }

    #[test]
    fn refuses_bare_keys_other_authorities_and_certificates_of_users() {
        let key = authority().public_key().clone();
        assert_eq!(check(None, &key, "mydev.dev-alice", NOW), Err(WrongHost::Bare));
        let other = HostAuthority::from_seed([2; 32]).server("dev-alice", "mydev").certificate;
        assert_eq!(check(Some(&other), &key, "mydev.dev-alice", NOW), Err(WrongHost::Authority));
        let session = SessionAuthority::from_seed([1; 32]);
        let users = session.certify(&key, "mydev.dev-alice", "alice", NOW, Duration::from_mins(5), &[1; 32]);
        assert_eq!(check(Some(&users), session.public_key(), "mydev.dev-alice", NOW), Err(WrongHost::Kind));
    }
}
