//! A container registry: finds images and pushes them.

mod client;
mod credentials;
mod error;
mod host;
mod place;
mod push_step;

use std::time::Duration;

use devplat_image::{Blob, Reference, Stored};
use futures::TryStreamExt;
use oci_client::{Client, RegistryOperation, errors::OciDistributionError, secrets::RegistryAuth};
use tokio_util::io::ReaderStream;

pub use client::{Manner, RegistryClients};
pub use credentials::{CredentialsError, RegistryLogin, credentials, credentials_of_image};
pub use error::RegistryError;
pub use host::{HUB, registry_of};
pub use place::answers_in_plain_http;
pub use push_step::{ImagePart, PushStep};

use crate::Surroundings;
use client::RegistryClient;
use error::FailedCall;
use place::Parts;

/// How long the answers to a login may take: of the registry, and of the service that issues its tokens.
const LOGIN_LIMIT: Duration = Duration::from_secs(10);
/// How long the search for an image may take: up to four requests.
const SEARCH_LIMIT: Duration = Duration::from_secs(20);

/// An image's place in a registry.
pub struct PushTarget {
    /// The registry's name in the reference.
    registry: String,
    reference: oci_client::Reference,
    client: Client,
    auth: RegistryAuth,
    proxy: Option<String>,
}

impl PushTarget {
    /// Returns the target that `reference` names. The registry's client is created or reused.
    pub async fn of(
        reference: &Reference,
        manner: Manner,
        surroundings: &Surroundings,
        clients: &RegistryClients,
        tell: impl Fn(PushStep<'_>),
    ) -> Result<Self, RegistryError> {
        let parts = Parts::of(reference)?;
        let connected_as = parts.connected_as();
        let RegistryClient { client, auth, proxy } =
            clients.with(&parts.registry, manner, surroundings, tell).await?;
        let Parts { registry, repository, digest } = parts;
        let reference = oci_client::Reference::with_digest(connected_as, repository, digest);
        Ok(Self { registry, reference, client, auth, proxy })
    }

    /// Returns the place of an image of any name, such as `registry:3`. Fails if it is not the name of one.
    pub async fn of_image(
        image: &str,
        surroundings: &Surroundings,
        clients: &RegistryClients,
    ) -> Result<Self, RegistryError> {
        let registry = registry_of(image).to_owned();
        let reference = image.parse::<oci_client::Reference>().map_err(|_| RegistryError::Reference {
            reference: image.to_owned(),
            why: "it does not have the form of one",
        })?;
        let RegistryClient { client, auth, proxy } =
            clients.with(&registry, Manner::default(), surroundings, |_| {}).await?;
        Ok(Self { registry, reference, client, auth, proxy })
    }

    /// Returns whether the registry has the image.
    pub async fn holds(&self) -> Result<bool, RegistryError> {
        let search = self.client.fetch_manifest_digest(&self.reference, &self.auth);
        match self.in_time(SEARCH_LIMIT, search).await? {
            Ok(_) => Ok(true),
            Err(OciDistributionError::ImageManifestNotFoundError(_)) => Ok(false),
            Err(error) => match self.explain(error) {
                RegistryError::NotFound { .. } => Ok(false),
                error => Err(error),
            },
        }
    }

    /// Logs in for pushes; the token, if the registry issues one.
    async fn log_in(&self) -> Result<Option<String>, RegistryError> {
        let login = self.client.auth(&self.reference, &self.auth, RegistryOperation::Push);
        self.in_time(LOGIN_LIMIT, login).await?.map_err(|error| self.explain(error))
    }

    /// Returns the result of a call. Fails if it takes longer than the limit.
    async fn in_time<T>(&self, limit: Duration, call: impl Future<Output = T>) -> Result<T, RegistryError> {
        tokio::time::timeout(limit, call)
            .await
            .map_err(|_| RegistryError::Silent { registry: self.registry.clone(), after: limit })
    }

    /// Fails if the registry does not answer or rejects the credentials. Changes nothing.
    pub async fn accepts(&self) -> Result<(), RegistryError> {
        match self.log_in().await? {
            // Some registries answer 401 to reads of a repository that the first push creates.
            Some(_) => Ok(()),
            // The registry needs no login, or checks it with each request.
            None => self.holds().await.map(drop),
        }
    }

    /// Pushes the image: its absent blobs, then its manifest. Reports each step.
    pub async fn push(&self, image: &Stored, tell: impl Fn(PushStep<'_>)) -> Result<(), RegistryError> {
        self.log_in().await?;
        let of = image.layers.len();
        for (index, blob) in image.layers.iter().enumerate() {
            self.push_blob(image, blob, ImagePart::Layer { number: index + 1, of }, &tell).await?;
        }
        self.push_blob(image, &image.config, ImagePart::Configuration, &tell).await?;
        tell(PushStep::Manifest);
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
        part: ImagePart,
        tell: &impl Fn(PushStep<'_>),
    ) -> Result<(), RegistryError> {
        let digest = blob.digest.to_string();
        let there = self.client.blob_exists(&self.reference, &digest).await;
        if there.map_err(|error| self.explain(error))? {
            tell(PushStep::Present(part));
            return Ok(());
        }
        tell(PushStep::Pushing { part, bytes: blob.size });
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
        let called = FailedCall {
            registry,
            repository: reference.repository(),
            with_credentials: *auth != RegistryAuth::Anonymous,
            proxy: proxy.clone(),
        };
        called.explain(error)
    }
}

#[cfg(test)]
mod tests;
