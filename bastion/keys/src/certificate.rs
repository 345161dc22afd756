//! Whether a user's certificate lets somebody in, and for what.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use ipnet::IpNet;
use ssh_key::{Certificate, HashAlg, PublicKey, certificate::CertType};

/// What is asked of a certificate.
#[derive(Debug, Clone, Copy)]
pub struct Admission<'a> {
    /// Authorities that are trusted.
    pub authorities: &'a [PublicKey],
    /// Who it has to be for.
    pub principal: &'a str,
    /// Where its bearer comes from; `None` where that cannot be known.
    pub from: Option<IpAddr>,
    /// Seconds since 1970.
    pub now: u64,
    /// What counts no more.
    pub revoked: &'a Revocations,
}

/// Certificates that were taken back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Revocations {
    /// Keys (certified ones or authorities), as `SHA256:…`.
    pub fingerprints: BTreeSet<String>,
    /// Serial numbers, whichever trusted authority gave them.
    pub serials: BTreeSet<u64>,
    /// Key ids.
    pub key_ids: BTreeSet<String>,
}

/// A line that takes nothing back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidRevocation(&'static str);

impl Revocations {
    /// Takes one line of the input of `ssh-keygen -k`: `serial: N`, `id: TEXT`, `hash: SHA256:…`, or a public key.
    pub fn add(&mut self, line: &str) -> Result<(), InvalidRevocation> {
        if let Some(serial) = line.strip_prefix("serial:") {
            let serial = serial.trim().parse().map_err(|_| InvalidRevocation("not a serial number"))?;
            self.serials.insert(serial);
        } else if let Some(id) = line.strip_prefix("id:") {
            self.key_ids.insert(id.trim().to_owned());
        } else if let Some(hash) = line.strip_prefix("hash:") {
            let hash = hash.trim();
            if !hash.starts_with("SHA256:") {
                return Err(InvalidRevocation("not a fingerprint as SHA256:…"));
            }
            self.fingerprints.insert(hash.to_owned());
        } else {
            let key = PublicKey::from_openssh(line).map_err(|_| {
                InvalidRevocation("none of \"serial: N\", \"id: TEXT\", \"hash: SHA256:…\", a public key")
            })?;
            self.fingerprints.insert(key.fingerprint(HashAlg::Sha256).to_string());
        }
        Ok(())
    }
}

/// What a certificate allows once it lets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions {
    /// A terminal.
    pub pty: bool,
    /// Forwarding of ports and sockets, either way.
    pub port_forwarding: bool,
    /// Forwarding of the client's agent.
    pub agent_forwarding: bool,
}

impl Permissions {
    /// What a plain key allows.
    pub const ALL: Self = Self { pty: true, port_forwarding: true, agent_forwarding: true };
}

/// Why a certificate lets nobody in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Signed by nobody who is trusted.
    #[error("certificate is signed by {0}, which is not trusted here")]
    Authority(String),
    /// Its signature does not fit.
    #[error("the signature of the certificate is wrong")]
    Signature,
    /// One that says who a host is.
    #[error("certificate is for a host, not for a user")]
    Kind,
    /// For somebody else, or for nobody named.
    #[error("certificate is not for {wanted:?}; it is for {given}")]
    Principal {
        /// Who it had to be for.
        wanted: String,
        /// Whom it names.
        given: String,
    },
    /// Before its time.
    #[error("certificate is not valid yet")]
    TooEarly,
    /// After its time.
    #[error("certificate has expired")]
    Expired,
    /// Taken back.
    #[error("certificate was revoked")]
    Revoked,
    /// Says something that has to be obeyed, and isn't known.
    #[error("certificate has the critical option {0:?}, which is not supported here")]
    CriticalOption(String),
    /// Not from there.
    #[error("certificate does not allow to come from this address")]
    SourceAddress,
}

/// Judges `certificate`, whose bearer has proved to have its key.
pub fn admit(certificate: &Certificate, admission: &Admission<'_>) -> Result<Permissions, Refusal> {
    let Admission { authorities, principal, from, now, revoked } = *admission;
    let signer = certificate.signature_key();
    if !authorities.iter().any(|authority| authority.key_data() == signer) {
        return Err(Refusal::Authority(signer.fingerprint(HashAlg::Sha256).to_string()));
    }
    certificate.verify_signature().map_err(|_| Refusal::Signature)?;
    if certificate.cert_type() != CertType::User {
        return Err(Refusal::Kind);
    }
    let names = certificate.valid_principals();
    if !names.iter().any(|name| name == principal) {
        // A certificate without any is one for everybody in OpenSSH's first format; here it is one for nobody.
        let given = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        return Err(Refusal::Principal { wanted: principal.to_owned(), given });
    }
    if now < certificate.valid_after() {
        return Err(Refusal::TooEarly);
    }
    if now >= certificate.valid_before() {
        return Err(Refusal::Expired);
    }
    let fingerprints =
        [certificate.public_key(), signer].map(|key| key.fingerprint(HashAlg::Sha256).to_string());
    if fingerprints.iter().any(|one| revoked.fingerprints.contains(one))
        || revoked.serials.contains(&certificate.serial())
        || revoked.key_ids.contains(certificate.key_id())
    {
        return Err(Refusal::Revoked);
    }
    for (option, value) in certificate.critical_options().iter() {
        match option.as_str() {
            "source-address" if comes_from(value, from) => {}
            "source-address" => return Err(Refusal::SourceAddress),
            other => return Err(Refusal::CriticalOption(other.to_owned())),
        }
    }
    let extensions: &BTreeMap<String, String> = certificate.extensions();
    let allowed = |name: &str| extensions.contains_key(name);
    Ok(Permissions {
        pty: allowed("permit-pty"),
        port_forwarding: allowed("permit-port-forwarding"),
        agent_forwarding: allowed("permit-agent-forwarding"),
    })
}

/// Whether `from` is in one of the comma-separated addresses and networks of `list`.
fn comes_from(list: &str, from: Option<IpAddr>) -> bool {
    let Some(from) = from.map(|address| address.to_canonical()) else { return false };
    list.split(',').any(|one| {
        let one = one.trim();
        one.parse::<IpNet>().map_or_else(
            |_| one.parse::<IpAddr>().is_ok_and(|address| address == from),
            |network| network.contains(&from),
        )
    })
}

#[cfg(test)]
mod tests {
    use ssh_key::{PrivateKey, certificate::Builder, private::Ed25519Keypair};

    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
    }

    fn certificate(change: impl FnOnce(&mut Builder)) -> Certificate {
        certificate_of(CertType::User, change)
    }

    fn certificate_of(kind: CertType, change: impl FnOnce(&mut Builder)) -> Certificate {
        let mut builder =
            Builder::new([5; 32], key(2).public_key().key_data().clone(), NOW - 60, NOW + 60).unwrap();
        builder.cert_type(kind).unwrap();
        builder.serial(7).unwrap().key_id("alice's laptop").unwrap();
        change(&mut builder);
        builder.sign(&key(1)).unwrap()
    }

    fn for_alice(builder: &mut Builder) {
        builder.valid_principal("alice").unwrap();
    }

    /// An admission that owns what it asks for, so that a test changes one thing.
    struct Asked {
        authorities: Vec<PublicKey>,
        principal: String,
        from: Option<IpAddr>,
        now: u64,
        revoked: Revocations,
    }

    fn judged(certificate: &Certificate, change: impl FnOnce(&mut Asked)) -> Result<Permissions, Refusal> {
        let mut asked = Asked {
            authorities: vec![key(1).public_key().clone()],
            principal: "alice".to_owned(),
            from: "192.0.2.7".parse().ok(),
            now: NOW,
            revoked: Revocations::default(),
        };
        change(&mut asked);
        let Asked { authorities, principal, from, now, revoked } = &asked;
        admit(certificate, &Admission { authorities, principal, from: *from, now: *now, revoked })
    }

    #[test]
    fn admits_who_is_named_and_allows_what_the_extensions_say() {
        let made = certificate(|builder| {
            for_alice(builder);
            builder.extension("permit-pty", "").unwrap();
        });
        let permissions = Permissions { pty: true, port_forwarding: false, agent_forwarding: false };
        assert_eq!(judged(&made, |_| {}), Ok(permissions));
    }

    #[test]
    fn refuses_an_authority_that_is_not_trusted() {
        let strangers = vec![key(9).public_key().clone()];
        let made = certificate(for_alice);
        assert!(matches!(judged(&made, |a| a.authorities = strangers), Err(Refusal::Authority(_))));
    }

    #[test]
    fn refuses_a_certificate_that_was_changed_after_it_was_signed() {
        let made = certificate(for_alice);
        let mut bytes = made.to_bytes().unwrap();
        let at = bytes.windows(5).position(|window| window == b"alice").unwrap();
        bytes[at..at + 5].copy_from_slice(b"mallo");
        let forged = Certificate::from_bytes(&bytes).unwrap();
        assert_eq!(judged(&forged, |a| a.principal = "mallo".into()), Err(Refusal::Signature));
    }

    #[test]
    fn refuses_other_principals_and_certificates_for_nobody() {
        let wanted = "bob".to_owned();
        let given = "alice".to_owned();
        let made = certificate(for_alice);
        assert_eq!(judged(&made, |a| a.principal = "bob".into()), Err(Refusal::Principal { wanted, given }));
        let nobody = certificate(|builder| {
            builder.all_principals_valid().unwrap();
        });
        let (wanted, given) = ("alice".to_owned(), "nobody".to_owned());
        assert_eq!(judged(&nobody, |_| {}), Err(Refusal::Principal { wanted, given }));
    }

    #[test]
    fn refuses_a_host_certificate_as_a_users() {
        let host = certificate_of(CertType::Host, for_alice);
        assert_eq!(judged(&host, |_| {}), Err(Refusal::Kind));
    }

    #[test]
    fn is_valid_from_its_first_second_and_not_in_its_last() {
        let made = certificate(for_alice);
        for (now, outcome) in [
            (NOW - 61, Some(Refusal::TooEarly)),
            (NOW - 60, None),
            (NOW + 59, None),
            (NOW + 60, Some(Refusal::Expired)),
        ] {
            assert_eq!(judged(&made, |a| a.now = now).err(), outcome, "{now}");
        }
    }

    #[test]
    fn refuses_what_was_revoked_by_key_authority_serial_or_id() {
        let made = certificate(for_alice);
        let print = |seed| BTreeSet::from([key(seed).public_key().fingerprint(HashAlg::Sha256).to_string()]);
        for revoked in [
            Revocations { fingerprints: print(2), ..Revocations::default() },
            Revocations { fingerprints: print(1), ..Revocations::default() },
            Revocations { serials: BTreeSet::from([7]), ..Revocations::default() },
            Revocations { key_ids: BTreeSet::from(["alice's laptop".to_owned()]), ..Revocations::default() },
        ] {
            assert_eq!(judged(&made, |a| a.revoked = revoked), Err(Refusal::Revoked));
        }
    }

    #[test]
    fn critical_options_that_are_not_known_are_refused() {
        let made = certificate(|builder| {
            for_alice(builder);
            builder.critical_option("force-command", "date").unwrap();
        });
        assert_eq!(judged(&made, |_| {}), Err(Refusal::CriticalOption("force-command".to_owned())));
    }

    #[test]
    fn source_address_holds_also_where_the_address_is_not_known() {
        let made = certificate(|builder| {
            for_alice(builder);
            builder.critical_option("source-address", "10.0.0.0/8, 192.0.2.7").unwrap();
        });
        for (from, good) in [
            (Some("192.0.2.7"), true),
            (Some("::ffff:10.1.2.3"), true),
            (Some("192.0.2.8"), false),
            (None, false),
        ] {
            let from = from.map(|address| address.parse().unwrap());
            assert_eq!(judged(&made, |a| a.from = from).is_ok(), good, "{from:?}");
        }
    }

    #[test]
    fn what_a_session_authority_signs_admits_to_one_server_only() {
        let authority = crate::SessionAuthority::from_seed([3; 32]);
        let validity = std::time::Duration::from_mins(5);
        let principal = crate::server_principal("dev-alice", "mydev");
        let made = authority.certify(key(2).public_key(), &principal, "alice", NOW, validity, &[1; 32]);
        let at = |principal: &str, now| {
            judged(&made, |a| {
                a.authorities = vec![authority.public_key().clone()];
                (a.principal, a.now) = (principal.to_owned(), now);
            })
        };
        assert_eq!(at("dev-alice/mydev", NOW), Ok(Permissions::ALL));
        assert!(at("dev-alice/other", NOW).is_err());
        assert_eq!(at("dev-alice/mydev", NOW + 300), Err(Refusal::Expired));
    }
}
