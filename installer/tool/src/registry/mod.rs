//! A container registry: finds images and pushes them.

mod credentials;
mod error;
mod place;
mod step;

use std::time::Duration;

use devplat_image::{Blob, Reference, Stored};
use futures::TryStreamExt;
use oci_client::{
    Client, RegistryOperation,
    client::{ClientConfig, ClientProtocol},
    errors::OciDistributionError,
    secrets::RegistryAuth,
};
use tokio_util::io::ReaderStream;

pub use credentials::{CredentialsError, Login, credentials};
pub use error::RegistryError;
pub use place::answers_in_plain_http;
pub use step::{Part, Step};

use crate::Surroundings;
use error::Called;
use place::Parts;

/// How long connecting to a registry may take.
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// How long a pause in an answer may be.
const READ_LIMIT: Duration = Duration::from_mins(2);

/// The protocol of a registry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Manner {
    /// Whether to use plain HTTP. For a registry on this machine, a probe decides instead.
    pub plain_http: bool,
    /// Whether to send each blob in one request, as ECR requires, instead of in chunks.
    pub monolithic: bool,
}

/// An image's place in a registry.
pub struct Place {
    /// The registry's name in the reference.
    registry: String,
    reference: oci_client::Reference,
    client: Client,
    auth: RegistryAuth,
    proxy: Option<String>,
}

impl Place {
    /// Returns the place that `reference` names, with the credentials that `docker login` stored.
    pub async fn of(
        reference: &Reference,
        manner: Manner,
        surroundings: &Surroundings,
        tell: impl Fn(Step<'_>),
    ) -> Result<Self, RegistryError> {
        let parts = Parts::of(reference)?;
        let connected_as = parts.connected_as();
        let here = place::on_this_machine(&parts.registry).await;
        let plain = match &here {
            Some(addresses) => manner.plain_http || place::speaks_plain_http(addresses).await,
            None => manner.plain_http,
        };
        let login = credentials(surroundings, &parts.registry, tell).await;
        let login = login.map_err(|source| RegistryError::Credentials {
            registry: parts.registry.clone(),
            source: Box::new(source),
        })?;
        // Two providers of cryptography are linked, so rustls needs a choice. Only the first call has an effect.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let config = ClientConfig {
            protocol: if plain { ClientProtocol::Http } else { ClientProtocol::Https },
            use_monolithic_push: manner.monolithic,
            connect_timeout: Some(CONNECT_LIMIT),
            read_timeout: Some(READ_LIMIT),
            ..proxied(here.is_none().then_some(surroundings))
        };
        let client = Client::try_from(config).map_err(|error| RegistryError::Other {
            registry: parts.registry.clone(),
            source: Box::new(error),
        })?;
        let Parts { registry, repository, digest } = parts;
        Ok(Self {
            registry,
            reference: oci_client::Reference::with_digest(connected_as, repository, digest),
            client,
            auth: login.map_or(RegistryAuth::Anonymous, Login::into_auth),
            proxy: if here.is_none() { named_proxies(surroundings) } else { None },
        })
    }

    /// Returns whether the registry has the image.
    pub async fn holds(&self) -> Result<bool, RegistryError> {
        match self.client.fetch_manifest_digest(&self.reference, &self.auth).await {
            Ok(_) => Ok(true),
            Err(OciDistributionError::ImageManifestNotFoundError(_)) => Ok(false),
            Err(error) => match self.explain(error) {
                RegistryError::NotFound { .. } => Ok(false),
                error => Err(error),
            },
        }
    }

    /// Fails if the registry does not answer or rejects the credentials. Changes nothing.
    pub async fn accepts(&self) -> Result<(), RegistryError> {
        let token = self.client.auth(&self.reference, &self.auth, RegistryOperation::Push).await;
        match token.map_err(|error| self.explain(error))? {
            // Some registries answer 401 to reads of a repository that the first push creates.
            Some(_) => Ok(()),
            // The registry needs no login, or checks it with each request.
            None => self.holds().await.map(drop),
        }
    }

    /// Pushes the image: its absent blobs, then its manifest. Reports each step.
    pub async fn push(&self, image: &Stored, tell: impl Fn(Step<'_>)) -> Result<(), RegistryError> {
        let signed_in = self.client.auth(&self.reference, &self.auth, RegistryOperation::Push).await;
        signed_in.map_err(|error| self.explain(error))?;
        let of = image.layers.len();
        for (index, blob) in image.layers.iter().enumerate() {
            self.push_blob(image, blob, Part::Layer { number: index + 1, of }, &tell).await?;
        }
        self.push_blob(image, &image.config, Part::Configuration, &tell).await?;
        tell(Step::Manifest);
        let manifest = tokio::fs::read(image.path(&image.manifest)).await;
        let manifest = manifest.map_err(|source| Self::unreadable(image, source))?;
        let kind = http::HeaderValue::from_str(&image.manifest.media_type).map_err(|_| {
            Self::unreadable(
                image,
                std::io::Error::other("the media type of its manifest is not a valid header value"),
            )
        })?;
        let pushed = self.client.push_manifest_raw(&self.reference, manifest, kind).await;
        pushed.map(|_| ()).map_err(|error| self.explain(error))
    }

    async fn push_blob(
        &self,
        image: &Stored,
        blob: &Blob,
        part: Part,
        tell: &impl Fn(Step<'_>),
    ) -> Result<(), RegistryError> {
        let digest = blob.digest.to_string();
        let there = self.client.blob_exists(&self.reference, &digest).await;
        if there.map_err(|error| self.explain(error))? {
            tell(Step::Present(part));
            return Ok(());
        }
        tell(Step::Pushing { part, bytes: blob.size });
        let file = tokio::fs::File::open(image.path(blob)).await;
        let file = file.map_err(|source| Self::unreadable(image, source))?;
        let stream = ReaderStream::with_capacity(file, 1 << 20).map_err(OciDistributionError::from);
        let pushed = self.client.push_blob_stream(&self.reference, stream, &digest, Some(blob.size)).await;
        pushed.map(|_| ()).map_err(|error| self.explain(error))
    }

    fn unreadable(image: &Stored, source: std::io::Error) -> RegistryError {
        RegistryError::Store { image: image.name.to_string(), source }
    }

    fn explain(&self, error: OciDistributionError) -> RegistryError {
        let Self { registry, reference, client: _, auth, proxy } = self;
        let called = Called {
            registry,
            repository: reference.repository(),
            with_credentials: *auth != RegistryAuth::Anonymous,
            proxy: proxy.clone(),
        };
        called.explain(error)
    }
}

/// Returns a configuration with the proxies of these surroundings; without proxies for a registry on this machine.
/// Without it, the client would read the environment.
fn proxied(surroundings: Option<&Surroundings>) -> ClientConfig {
    let text = |names: [&str; 4]| {
        let all = surroundings?;
        names.into_iter().find_map(|name| all.text(name)).map(str::to_owned)
    };
    let https = text(["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]);
    let http = text(["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]);
    let none = text(["NO_PROXY", "no_proxy", "NO_PROXY", "no_proxy"]);
    match (&https, &http) {
        // A proxy that is never used keeps the client from reading the environment.
        (None, None) => ClientConfig {
            https_proxy: Some("http://127.0.0.1:9".to_owned()),
            // Exclude all names and all addresses.
            no_proxy: Some("*,0.0.0.0/0,::/0".to_owned()),
            ..ClientConfig::default()
        },
        _ => ClientConfig { https_proxy: https, http_proxy: http, no_proxy: none, ..ClientConfig::default() },
    }
}

/// Returns the proxies in the environment, without user names and passwords.
fn named_proxies(surroundings: &Surroundings) -> Option<String> {
    let named: Vec<String> = surroundings
        .proxies()
        .map(|(name, value)| {
            let value = value.to_string_lossy();
            let (scheme, rest) = value.split_once("://").unwrap_or(("http", &value));
            let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
            format!("{name}={scheme}://{host}")
        })
        .collect();
    (!named.is_empty()).then(|| named.join(", "))
}

#[cfg(test)]
mod tests;
