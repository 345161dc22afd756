//! Volumes.

use std::{collections::BTreeMap, time::Duration};

use bollard::query_parameters::{ListVolumesOptions, RemoveVolumeOptions};
use tokio::time::{Instant, sleep};

use super::{Engine, EngineError, absent_is_done, absent_is_none, filters};

/// How long a volume may be in use by a container that is being deleted.
const IN_USE_PATIENCE: Duration = Duration::from_secs(10);
/// The period between two attempts.
const PERIOD: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    pub name: String,
    pub labels: BTreeMap<String, String>,
}

impl From<bollard::models::Volume> for Volume {
    fn from(raw: bollard::models::Volume) -> Self {
        Self { name: raw.name, labels: raw.labels.into_iter().collect() }
    }
}

impl Engine {
    /// Lists the volumes with `label` (`key` or `key=value`), by name.
    pub async fn volumes(&self, label: &str) -> Result<Vec<Volume>, EngineError> {
        let options = ListVolumesOptions { filters: Some(filters("label", label)) };
        let listed = self.docker.list_volumes(Some(options)).await;
        let listed = listed.map_err(self.error(format!("list volumes with label {label}")))?;
        let mut volumes: Vec<Volume> = listed.volumes.into_iter().flatten().map(Volume::from).collect();
        volumes.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(volumes)
    }

    /// Reads the volume of that name.
    pub async fn volume(&self, name: &str) -> Result<Option<Volume>, EngineError> {
        let found = self.docker.inspect_volume(name).await.map_err(self.error(format!("read volume {name}")));
        Ok(absent_is_none(found)?.map(Volume::from))
    }

    /// Creates a volume with labels. An existing one of that name is not changed.
    pub async fn create_volume(&self, name: &str, labels: &[(String, String)]) -> Result<(), EngineError> {
        let request = bollard::models::VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(labels.iter().cloned().collect()),
            ..Default::default()
        };
        let created = self.docker.create_volume(request).await;
        created.map(|_| ()).map_err(self.error(format!("create volume {name}")))
    }

    /// Deletes a volume. Fails with a conflict if a container uses it for another 10 s: one that is being deleted uses it
    /// until its end.
    pub async fn remove_volume(&self, name: &str) -> Result<(), EngineError> {
        let end = Instant::now() + IN_USE_PATIENCE;
        loop {
            let removed = self.docker.remove_volume(name, None::<RemoveVolumeOptions>).await;
            match absent_is_done(removed.map_err(self.error(format!("delete volume {name}")))) {
                Err(error) if error.is_conflict() && Instant::now() < end => sleep(PERIOD).await,
                outcome => return outcome,
            }
        }
    }
}
