//! Whether a server is the one that somebody wanted to reach.

use ssh_key::{Certificate, HashAlg, PublicKey, certificate::CertType};

/// Why a server is not the one that was meant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostRefusal {
    /// Signed by another authority than the platform's.
    #[error("its host certificate is signed by {0}, not by the platform's host authority")]
    Authority(String),
    /// The signature does not fit.
    #[error("the signature of its host certificate is wrong")]
    Signature,
    /// One for a user.
    #[error("its certificate is for a user, not for a host")]
    Kind,
    /// For another server.
    #[error("its host certificate is for {given}, not for {wanted}")]
    Name {
        /// Which server was meant.
        wanted: String,
        /// Which the certificate names.
        given: String,
    },
    /// Outside its time.
    #[error("its host certificate is not valid now")]
    Time,
    /// Says something that is not known.
    #[error("its host certificate has the critical option {0:?}")]
    CriticalOption(String),
}

/// Judges `certificate` of a server that was reached as `name`; it has proved to have the key.
pub fn vouch(
    certificate: &Certificate,
    authority: &PublicKey,
    name: &str,
    now: u64,
) -> Result<(), HostRefusal> {
    let signer = certificate.signature_key();
    if signer != authority.key_data() {
        return Err(HostRefusal::Authority(signer.fingerprint(HashAlg::Sha256).to_string()));
    }
    certificate.verify_signature().map_err(|_| HostRefusal::Signature)?;
    if certificate.cert_type() != CertType::Host {
        return Err(HostRefusal::Kind);
    }
    let names = certificate.valid_principals();
    if !names.iter().any(|given| given == name) {
        return Err(HostRefusal::Name { wanted: name.to_owned(), given: names.join(", ") });
    }
    if !(certificate.valid_after()..certificate.valid_before()).contains(&now) {
        return Err(HostRefusal::Time);
    }
    match certificate.critical_options().iter().next() {
        Some((option, _)) => Err(HostRefusal::CriticalOption(option.clone())),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{HostAuthority, SessionAuthority};

    const NOW: u64 = 1_800_000_000;

    #[test]
    fn vouches_for_the_server_of_that_name_only() {
        let authority = HostAuthority::from_seed([1; 32]);
        let certificate = authority.server("dev-alice", "mydev", None).certificate;
        assert_eq!(vouch(&certificate, authority.public_key(), "mydev.dev-alice", NOW), Ok(()));
        let refused = vouch(&certificate, authority.public_key(), "mydev.dev-bob", NOW).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "its host certificate is for mydev, mydev.dev-alice, not for mydev.dev-bob"
        );
    }

    #[test]
    fn another_authority_and_a_users_certificate_vouch_for_nobody() {
        let authority = HostAuthority::from_seed([1; 32]);
        let other = HostAuthority::from_seed([2; 32]).server("dev-alice", "mydev", None).certificate;
        let refused = vouch(&other, authority.public_key(), "mydev", NOW);
        assert!(matches!(refused, Err(HostRefusal::Authority(_))));
        let session = SessionAuthority::from_seed([3; 32]);
        let validity = std::time::Duration::from_mins(5);
        let key = authority.public_key();
        let users = session.certify(key, "mydev", "alice", NOW, validity, &[0; 32]);
        assert_eq!(vouch(&users, session.public_key(), "mydev", NOW), Err(HostRefusal::Kind));
    }
}
