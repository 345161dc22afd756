//! The deletion of containers. The engine rejects a second deletion while one is in progress, such as that of a killed
//! run, so both wait for its end.

use std::time::Duration;

use bollard::{
    models::ContainerStateStatusEnum,
    query_parameters::{InspectContainerOptions, ListContainersOptions, RemoveContainerOptions},
};
use tokio::time::{Instant, sleep};

use super::{Engine, EngineError, absent_is_done, absent_is_none, filters};

/// How long a deletion in progress may take. Unlinking the data of a node takes seconds on a slow disk.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long the engine may take to kill a container that it deletes. It reports the container as running until then, and
/// already rejects another deletion.
pub(crate) const KILL_PATIENCE: Duration = Duration::from_secs(10);
/// The period between two looks at it.
const PERIOD: Duration = Duration::from_millis(100);

impl Engine {
    /// Deletes a container, running or not, with its anonymous volumes.
    pub async fn remove_container(&self, name: &str) -> Result<(), EngineError> {
        let options = || RemoveContainerOptions { force: true, v: true, ..Default::default() };
        let (begun, end) = (Instant::now(), Instant::now() + PATIENCE);
        loop {
            let removed = self.docker.remove_container(name, Some(options())).await;
            let error = match absent_is_done(removed.map_err(self.error(format!("delete container {name}"))))
            {
                Err(error) if error.is_conflict() => error,
                outcome => return outcome,
            };
            if self.is_removed(name, end).await? {
                return Ok(());
            }
            if begun.elapsed() > KILL_PATIENCE {
                return Err(error);
            }
            sleep(PERIOD).await;
        }
    }

    /// Waits, for a minute at most, until the containers with `label` are gone whose deletion has begun. Each is read,
    /// because lists show a deletion only after some time.
    pub async fn wait_removed(&self, label: &str) -> Result<(), EngineError> {
        let filters = Some(filters("label", label));
        let options = ListContainersOptions { all: true, filters, ..Default::default() };
        let listed = self.docker.list_containers(Some(options)).await;
        let listed = listed.map_err(self.error(format!("list containers of label {label}")))?;
        let end = Instant::now() + PATIENCE;
        for id in listed.into_iter().filter_map(|container| container.id) {
            self.is_removed(&id, end).await?;
        }
        Ok(())
    }

    /// Returns whether a container is gone, after waiting until `end` for a deletion in progress.
    async fn is_removed(&self, name: &str, end: Instant) -> Result<bool, EngineError> {
        loop {
            let found = self.docker.inspect_container(name, None::<InspectContainerOptions>).await;
            let found = found.map_err(self.error(format!("read container {name}")));
            let Some(found) = absent_is_none(found)? else { return Ok(true) };
            let status = found.state.and_then(|state| state.status);
            if status != Some(ContainerStateStatusEnum::REMOVING) || Instant::now() >= end {
                return Ok(false);
            }
            sleep(PERIOD).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::recorded::Recorded;

    #[tokio::test]
    async fn deletion_in_progress_is_waited_for() {
        let conflict = r#"{"message":"conflict"}"#;
        let recorded = Recorded::new()
            .answer("DELETE /containers/leaving", 409, conflict)
            .answer_after(1, "DELETE /containers/killed", 204, "")
            .answer("DELETE /containers/killed", 409, conflict)
            .answer("GET /containers/killed/json", 200, r#"{"Id":"k","State":{"Status":"running"}}"#)
            .answer("GET /containers/json?", 200, r#"[{"Id":"leaving"},{"Id":"gone"}]"#)
            .serve()
            .await;
        let engine = recorded.engine();
        engine.remove_container("leaving").await.unwrap();
        engine.remove_container("killed").await.unwrap();
        engine.wait_removed("a=b").await.unwrap();
        let looks = recorded.requests().into_iter().filter(|request| request.starts_with("GET "));
        let looks: Vec<String> = looks.map(|request| request.split('?').next().unwrap().to_owned()).collect();
        let inspected = ["leaving", "killed"].map(|name| format!("GET /containers/{name}/json"));
        assert_eq!(looks[..2], inspected);
        assert_eq!(looks[2], "GET /containers/json");
        assert_eq!(looks[3..], ["leaving", "gone"].map(|name| format!("GET /containers/{name}/json")));
    }
}
