//! Certificates of a kubeconfig: read from data or file, and checked before any call, because an API server answers an
//! expired certificate with the same 401 as any other bad credential.

use std::{fs, path::Path, sync::Arc, time::SystemTime};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8s_openapi::jiff::Timestamp;
use kube::config::{AuthInfo, Cluster, Kubeconfig};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use secrecy::ExposeSecret;
use x509_cert::{Certificate, certificate::Version, der::Decode};

use super::credential::CredentialError;

const CLIENT: &str = "client certificate";
const AUTHORITY: &str = "certificate authority";

/// Returns the certificate authorities of a cluster in DER; `None` if the system's authorities apply.
pub(super) fn authorities(cluster: &Cluster) -> Result<Option<Vec<Vec<u8>>>, CredentialError> {
    let data = cluster.certificate_authority_data.as_deref();
    let Some(pem) = load(AUTHORITY, data, cluster.certificate_authority.as_deref())? else {
        return Ok(None);
    };
    let certificates: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(&pem).map(|one| one.map(|one| one.to_vec())).collect();
    let certificates = certificates
        .map_err(|error| CredentialError::Unusable { part: AUTHORITY, why: format!("not PEM: {error}") })?;
    if certificates.is_empty() {
        return Err(CredentialError::Unusable {
            part: AUTHORITY,
            why: "it contains no certificate".to_owned(),
        });
    }
    Ok(Some(certificates))
}

/// Returns the certificate authorities of a cluster in base64; `None` if they cannot be read.
pub(super) fn authority_data(cluster: &Cluster) -> Option<String> {
    let data = cluster.certificate_authority_data.as_deref();
    let pem = load(AUTHORITY, data, cluster.certificate_authority.as_deref()).ok()??;
    Some(STANDARD.encode(pem))
}

/// Checks the client certificate of a user, if it has one.
pub(super) fn check_user(user: &AuthInfo, now: Timestamp) -> Result<(), CredentialError> {
    let data = user.client_certificate_data.as_deref();
    let certificate = load(CLIENT, data, user.client_certificate.as_deref())?;
    let key = user.client_key_data.as_ref().map(ExposeSecret::expose_secret);
    let key = load("client key", key, user.client_key.as_deref())?;
    match (certificate, key) {
        (None, None) => Ok(()),
        (Some(_), None) => {
            Err(CredentialError::Unusable { part: CLIENT, why: "it has no key beside it".to_owned() })
        }
        (None, Some(_)) => Err(CredentialError::Unusable {
            part: "client key",
            why: "it has no certificate beside it".to_owned(),
        }),
        (Some(certificate), Some(_)) => check(&certificate, now),
    }
}

/// Checks that a client certificate can be used at the time `now`.
pub(super) fn check(pem: &[u8], now: Timestamp) -> Result<(), CredentialError> {
    let unusable = |why: String| CredentialError::Unusable { part: CLIENT, why };
    let first = CertificateDer::pem_slice_iter(pem)
        .next()
        .ok_or_else(|| unusable("it contains no certificate".to_owned()))?
        .map_err(|error| unusable(format!("not PEM: {error}")))?;
    let certificate = Certificate::from_der(&first)
        .map_err(|error| unusable(format!("not an X.509 certificate: {error}")))?;
    let content = certificate.tbs_certificate();
    let end = content.validity().not_after.to_unix_duration().as_secs();
    let end = i64::try_from(end).ok().and_then(|end| Timestamp::from_second(end).ok());
    if let Some(on) = end.filter(|end| *end < now) {
        return Err(CredentialError::CertificateExpired { on });
    }
    match content.version() {
        Version::V1 | Version::V2 => Err(CredentialError::CertificateVersion),
        Version::V3 => Ok(()),
    }
}

/// Returns the end of the validity of a certificate: the first one in a PEM file, or the one of the first user in a
/// kubeconfig. Returns `None` for a text without a readable certificate.
pub fn certificate_end(text: &[u8]) -> Option<SystemTime> {
    let der = first_in(text).or_else(|| first_in(&of_first_user(text)?))?;
    let certificate = Certificate::from_der(&der).ok()?;
    let end = certificate.tbs_certificate().validity().not_after.to_unix_duration();
    SystemTime::UNIX_EPOCH.checked_add(end)
}

fn first_in(pem: &[u8]) -> Option<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).next()?.ok()
}

fn of_first_user(text: &[u8]) -> Option<Vec<u8>> {
    let kubeconfig = Kubeconfig::from_yaml(std::str::from_utf8(text).ok()?).ok()?;
    let user = kubeconfig.auth_infos.first()?.auth_info.as_ref()?;
    load(CLIENT, user.client_certificate_data.as_deref(), None).ok()?
}

/// Reads data in base64, or else the file, as kubectl does.
fn load(
    part: &'static str,
    data: Option<&str>,
    file: Option<&str>,
) -> Result<Option<Vec<u8>>, CredentialError> {
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        let compact: String = data.split_whitespace().collect();
        let bytes = STANDARD
            .decode(compact)
            .map_err(|_| CredentialError::Unusable { part, why: "its data is not base64".to_owned() })?;
        return Ok(Some(bytes));
    }
    let Some(path) = file.filter(|path| !path.is_empty()).map(Path::new) else { return Ok(None) };
    fs::read(path).map(Some).map_err(|source| CredentialError::File {
        part,
        path: path.to_owned(),
        source: Arc::new(source),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-06-01T00:00:00Z".parse().unwrap()
    }

    #[test]
    fn expired_certificate_is_reported_with_its_date() {
        let error = check(include_bytes!("testdata/expired.pem"), now()).unwrap_err();
        assert_eq!(error.to_string(), "your client certificate expired on 2025-01-01");
    }

    #[test]
    fn certificate_of_version_1_is_reported_as_that() {
        let error = check(include_bytes!("testdata/version1.pem"), "2030-01-01T00:00:00Z".parse().unwrap());
        assert!(matches!(error, Err(CredentialError::CertificateVersion)), "{error:?}");
    }

    #[test]
    fn valid_certificate_passes() {
        check(include_bytes!("testdata/valid.pem"), "2030-01-01T00:00:00Z".parse().unwrap()).unwrap();
    }

    #[test]
    fn certificate_end_is_read_from_a_file_and_a_kubeconfig() {
        let pem = include_bytes!("testdata/expired.pem");
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\nusers: [{{name: a, user: {{client-certificate-data: {}}}}}]\n",
            STANDARD.encode(pem)
        );
        let end: Timestamp = "2025-01-01T00:00:00Z".parse().unwrap();
        for text in [pem.as_slice(), kubeconfig.as_bytes()] {
            assert_eq!(certificate_end(text), Some(SystemTime::from(end)));
        }
        for text in ["", "a: [", "{\"platform\": \"a\"}", "-----BEGIN CERTIFICATE-----\nAA==\n"] {
            assert_eq!(certificate_end(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn text_that_is_not_a_certificate_is_reported() {
        let error = check(b"hello", now()).unwrap_err();
        assert_eq!(error.to_string(), "your client certificate cannot be used: it contains no certificate");
    }

    #[test]
    fn missing_file_is_named() {
        let user = AuthInfo { client_certificate: Some("/no/such/u.crt".to_owned()), ..AuthInfo::default() };
        let error = check_user(&user, now()).unwrap_err();
        assert_eq!(error.to_string(), "cannot read client certificate /no/such/u.crt");
    }
}
