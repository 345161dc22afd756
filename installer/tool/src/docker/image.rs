//! Reads the engine's images and pulls others.

use std::collections::BTreeMap;

use bollard::{models::CreateImageInfo, query_parameters::CreateImageOptions};
use futures::StreamExt;

use super::{Engine, EngineError, absent_is_none};
use crate::registry::RegistryLogin;

/// An image that the engine has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    pub id: String,
    pub labels: BTreeMap<String, String>,
    /// The processor it is for, as Go names it: `amd64`, `arm64`.
    pub architecture: String,
    /// Its size in bytes.
    pub size: u64,
}

/// The progress of a pull.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PullStep {
    /// The number of downloaded bytes.
    pub done: u64,
    /// The number of bytes of all layers known so far.
    pub of: u64,
}

impl Engine {
    /// Reads the image of that name, digest or ID, if the engine has it.
    pub async fn image(&self, image: &str) -> Result<Option<Image>, EngineError> {
        let found = self.docker.inspect_image(image).await.map_err(self.error(format!("read image {image}")));
        Ok(absent_is_none(found)?.map(|found| Image {
            id: found.id.unwrap_or_default(),
            labels: found.config.and_then(|config| config.labels).unwrap_or_default().into_iter().collect(),
            architecture: found.architecture.unwrap_or_default(),
            size: found.size.and_then(|size| size.try_into().ok()).unwrap_or_default(),
        }))
    }

    /// Makes the engine pull an image with the credentials for its registry, and reports the progress. The engine itself
    /// knows no credentials: `docker pull` sends them as well.
    pub async fn pull(
        &self,
        image: &str,
        login: Option<RegistryLogin>,
        mut tell: impl FnMut(PullStep),
    ) -> Result<(), EngineError> {
        // Without a tag the engine would pull all tags.
        let last = image.rsplit('/').next().unwrap_or(image);
        let tag = if last.contains(':') || last.contains('@') { String::new() } else { "latest".to_owned() };
        let options =
            CreateImageOptions { from_image: Some(image.to_owned()), tag: Some(tag), ..Default::default() };
        let mut steps =
            self.docker.create_image(Some(options), None, login.map(RegistryLogin::into_credentials));
        let mut layers = LayerBytes::default();
        while let Some(step) = steps.next().await {
            let step = match step.map_err(self.error(format!("pull image {image}"))) {
                Ok(step) => step,
                Err(error) => return Err(self.explained(error).await),
            };
            if let Some(step) = layers.take(&step) {
                tell(step);
            }
        }
        Ok(())
    }
}

/// The limit of layers that are counted; container runtimes accept at most 127.
const LAYERS: usize = 256;

/// Downloaded and total bytes, by layer.
#[derive(Default)]
struct LayerBytes(BTreeMap<String, (u64, u64)>);

impl LayerBytes {
    fn take(&mut self, step: &CreateImageInfo) -> Option<PullStep> {
        let (id, detail) = (step.id.as_ref()?, step.progress_detail.as_ref()?);
        let number = |number: Option<i64>| number.and_then(|number| u64::try_from(number).ok());
        let (done, of) = (number(detail.current)?, number(detail.total)?);
        if !self.0.contains_key(id) && self.0.len() >= LAYERS {
            return None;
        }
        // While a layer is extracted, the engine counts from 0 again.
        let layer = self.0.entry(id.clone()).or_default();
        *layer = (layer.0.max(done), layer.1.max(of));
        let (done, of) = self.0.values().fold((0, 0), |all, layer| (all.0 + layer.0, all.1 + layer.1));
        Some(PullStep { done, of })
    }
}
