//! The HTTP client of all calls: rustls with ring, as everywhere in the workspace, and the proxies of the variables.

use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};

use crate::CallerSettings;

/// The variable with a file of certificates. The SDK for Rust ignores it, unlike the AWS CLI.
pub(crate) const BUNDLE: &str = "AWS_CA_BUNDLE";

/// Certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CertificatesError {
    /// The file that a variable names.
    #[error("cannot use the certificates of ${BUNDLE}, {file}")]
    Bundle {
        file: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The system has none, as in an empty container.
    #[error("this machine has no certificates of authorities, so devplat cannot trust the endpoints of AWS")]
    Absent,
}

/// Returns the client. It trusts the system's certificates, and those of `$AWS_CA_BUNDLE` if that is set.
pub(crate) fn client(surroundings: &CallerSettings) -> Result<SharedHttpClient, CertificatesError> {
    let native = has_native();
    let mut trusted = TrustStore::empty().with_native_roots(native);
    let bundle = surroundings.get(BUNDLE);
    let refused = |source| CertificatesError::Bundle { file: bundle.unwrap_or_default().to_owned(), source };
    if let Some(file) = bundle {
        let pem = std::fs::read(file).map_err(|error| refused(error.into()))?;
        check(&pem).map_err(refused)?;
        trusted = trusted.with_pem_certificate(pem);
    } else if !native {
        return Err(CertificatesError::Absent);
    }
    let tls =
        TlsContext::builder().with_trust_store(trusted).build().map_err(|error| refused(error.into()))?;
    Ok(Builder::new().build_with_connector_fn(move |settings, components| {
        let mut builder = Connector::builder().proxy_config(ProxyConfig::from_env());
        builder.set_connector_settings(settings.cloned());
        if let Some(components) = components {
            builder.set_sleep_impl(components.sleep_impl());
        }
        builder.tls_provider(Provider::Rustls(CryptoMode::Ring)).tls_context(tls.clone()).build()
    }))
}

/// Returns whether the system has certificates of authorities. The client panics if there is none to trust.
fn has_native() -> bool {
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    !store.is_empty()
}

/// Fails if the file has no certificate, or one that cannot be an authority. The client panics on such a file.
fn check(pem: &[u8]) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        store.add(certificate?)?;
    }
    if store.is_empty() { Err("it has no certificates".into()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bundle_without_certificates_is_rejected() {
        for text in ["", "hello", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            assert!(check(text.as_bytes()).is_err(), "{text}");
        }
    }
}
