//! A container registry: is an image there, and putting it there.

use std::path::PathBuf;

use base64::{Engine, prelude::BASE64_STANDARD};
use devplat_image::{Blob, Reference, Stored};
use futures::TryStreamExt;
use oci_client::{
    Client, RegistryOperation,
    client::{ClientConfig, ClientProtocol},
    errors::OciDistributionError,
    secrets::RegistryAuth,
};
use tokio_util::io::ReaderStream;

use crate::{
    failure::{Exit, Failure},
    process::Command,
    ui::size,
};

/// An image's place in a registry.
pub struct Place {
    reference: oci_client::Reference,
    client: Client,
}

impl Place {
    /// The place that `reference` names.
    pub fn of(reference: &Reference) -> Result<Self, Failure> {
        let parsed: oci_client::Reference = reference.as_str().parse().map_err(|error| {
            Failure::of(Exit::Usage, &error)
                .while_doing(format!("{reference} is no reference of an image"))
                .hint("images.registry is host and path, such as registry.example/team/devplat")
        })?;
        let registry = parsed.registry().to_owned();
        let host = registry.split(':').next().unwrap_or_default();
        // Docker's own rule: a registry on this machine needs no TLS.
        let protocol = if matches!(host, "localhost" | "127.0.0.1") {
            ClientProtocol::HttpsExcept(vec![registry])
        } else {
            ClientProtocol::Https
        };
        // Two providers of cryptography are linked; the first to be named is used, and a second naming changes nothing.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::new(ClientConfig { protocol, ..ClientConfig::default() });
        Ok(Self { reference: parsed, client })
    }

    /// Whether the image is there.
    pub async fn holds(&self) -> Result<bool, Failure> {
        let auth = credentials(self.reference.registry()).await;
        match self.client.fetch_manifest_digest(&self.reference, &auth).await {
            Ok(_) => Ok(true),
            Err(
                OciDistributionError::ImageManifestNotFoundError(_)
                | OciDistributionError::ServerError { code: 404, .. }
                | OciDistributionError::RegistryError { .. },
            ) => Ok(false),
            Err(error) => Err(self.explain(&error)),
        }
    }

    /// Puts the image there: what is absent of its blobs, then its manifest. Hands what it does to `tell`.
    pub async fn push(&self, image: &Stored, tell: impl Fn(&str)) -> Result<(), Failure> {
        let auth = credentials(self.reference.registry()).await;
        let signed_in = self.client.auth(&self.reference, &auth, RegistryOperation::Push).await;
        signed_in.map_err(|error| self.explain(&error))?;
        let layers = image.layers.len();
        for (index, blob) in image.layers.iter().enumerate() {
            let layer = format!("layer {} of {layers}", index + 1);
            self.push_blob(image, blob, &layer, &tell).await?;
        }
        self.push_blob(image, &image.config, "its configuration", &tell).await?;
        tell(&format!("pushing its manifest to {}", self.reference.registry()));
        let manifest = tokio::fs::read(image.path(&image.manifest)).await.map_err(|error| {
            Failure::of(Exit::PartWay, &error)
                .while_doing(format!("cannot read the manifest of image {}", image.name))
        })?;
        let kind = http::HeaderValue::from_str(&image.manifest.media_type)
            .map_err(|error| Failure::of(Exit::Internal, &error))?;
        let pushed = self.client.push_manifest_raw(&self.reference, manifest, kind).await;
        pushed.map(|_| ()).map_err(|error| self.explain(&error))
    }

    async fn push_blob(
        &self,
        image: &Stored,
        blob: &Blob,
        what: &str,
        tell: &impl Fn(&str),
    ) -> Result<(), Failure> {
        let digest = blob.digest.to_string();
        let registry = self.reference.registry();
        if self.client.blob_exists(&self.reference, &digest).await.unwrap_or(false) {
            tell(&format!("{what} is in {registry} already"));
            return Ok(());
        }
        tell(&format!("pushing {what}, {}, to {registry}", size(blob.size)));
        let file = tokio::fs::File::open(image.path(blob)).await.map_err(|error| {
            Failure::of(Exit::PartWay, &error).while_doing(format!("cannot read image {}", image.name))
        })?;
        let stream = ReaderStream::with_capacity(file, 1 << 20).map_err(OciDistributionError::from);
        let pushed = self.client.push_blob_stream(&self.reference, stream, &digest, Some(blob.size)).await;
        pushed.map(|_| ()).map_err(|error| self.explain(&error))
    }

    fn explain(&self, error: &OciDistributionError) -> Failure {
        let registry = self.reference.registry();
        let failure = Failure::of(Exit::Missing, error);
        match error {
            OciDistributionError::UnauthorizedError { .. }
            | OciDistributionError::AuthenticationFailure(_) => failure
                .while_doing(format!("registry {registry} does not let us in"))
                .hint(format!("`docker login {registry}`, then run the same command")),
            _ => failure
                .while_doing(format!("registry {registry} does not do what was asked"))
                .hint("is images.registry right, and reachable from here?"),
        }
    }
}

/// What `docker login` left for `registry`; nobody where it left nothing.
async fn credentials(registry: &str) -> RegistryAuth {
    let folder = std::env::var_os("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker")));
    let text = folder.and_then(|folder| std::fs::read(folder.join("config.json")).ok()).unwrap_or_default();
    let config: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
    let helper = config["credHelpers"][registry].as_str().or_else(|| config["credsStore"].as_str());
    if let Some(helper) = helper {
        let asked =
            Command::new(&format!("docker-credential-{helper}")).arg("get").stdin(registry).run().await;
        let said: Option<serde_json::Value> =
            asked.ok().and_then(|output| serde_json::from_str(&output.stdout).ok());
        if let Some((user, secret)) =
            said.as_ref().and_then(|said| Some((said["Username"].as_str()?, said["Secret"].as_str()?)))
        {
            return RegistryAuth::Basic(user.to_owned(), secret.to_owned());
        }
    }
    let stored = config["auths"][registry]["auth"].as_str().unwrap_or_default();
    let pair = BASE64_STANDARD
        .decode(stored)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_default();
    match pair.split_once(':') {
        Some((user, password)) => RegistryAuth::Basic(user.to_owned(), password.to_owned()),
        None => RegistryAuth::Anonymous,
    }
}

#[cfg(test)]
#[path = "registry_tests.rs"]
mod tests;
