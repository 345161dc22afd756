//! containerd in a node: lists its images and imports others.

use std::{
    collections::{BTreeSet, HashSet},
    fs::File,
    sync::Arc,
};

use devplat_image::Digest;

use super::Maker;
use crate::docker::{Engine, EngineError, Stdin};

/// The namespace of containerd that kubelets use.
const NAMESPACE: &str = "k8s.io";

impl Maker {
    /// Returns whether containerd answers in a node. After the start of a node that takes some seconds.
    pub async fn containerd_is_up(self, engine: &Engine, node: &str) -> Result<bool, EngineError> {
        let socket = match self {
            Self::Kind => "/run/containerd/containerd.sock",
            Self::K3d => "/run/k3s/containerd/containerd.sock",
        };
        Ok(engine.exec_any(node, &["test", "-S", socket], Stdin::Nothing).await?.status == 0
            && engine.exec_any(node, &["ctr", "version"], Stdin::Nothing).await?.status == 0)
    }
}

/// Has the kubelet's containerd pull an image, with the node's settings for registries. An image that the node has is
/// looked up in the registry and not pulled again.
pub async fn pull(engine: &Engine, node: &str, reference: &str) -> Result<(), EngineError> {
    match engine.exec(node, &["crictl", "pull", reference], Stdin::Nothing).await {
        Ok(_) => Ok(()),
        Err(error) => Err(engine.explained(error).await),
    }
}

/// The reason why a node does not have the imported images.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The import failed.
    #[error("cannot import images into node {node}")]
    Failed {
        node: String,
        /// The reason.
        source: EngineError,
    },
    /// The import succeeded, but neither the archive nor the node had one of the blobs.
    #[error("node {node} lacks blobs of {}", names.join(", "))]
    Incomplete {
        node: String,
        /// The images.
        names: Vec<String>,
    },
}

impl ImportError {
    /// The remedy, where one is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Failed { source, .. } => source.hint(),
            Self::Incomplete { .. } => {
                Some("run the same command again: it then imports the complete images".to_owned())
            }
        }
    }
}

/// Returns those of the images `names` that a node has with all their blobs, unpacked.
pub async fn images(engine: &Engine, node: &str, names: &[String]) -> Result<BTreeSet<String>, EngineError> {
    // Not `images ls`, which also lists names whose blobs are absent. Without a filter, the check reads every image.
    let filters: Vec<String> = names.iter().map(|name| format!("name=={name:?}")).collect();
    let command = ["ctr", "-n", NAMESPACE, "images", "check", "-q"];
    let command: Vec<&str> = command.into_iter().chain(filters.iter().map(String::as_str)).collect();
    let ran = engine.exec_any(node, &command, Stdin::Nothing).await?;
    // ctr also fails if it cannot check one image because a blob is absent, and leaves that one out.
    if ran.status != 0 && ran.stdout.trim().is_empty() {
        let version = engine.exec_any(node, &["ctr", "version"], Stdin::Nothing).await?;
        if version.status != 0 {
            return Err(ran.exec_error(node, &command));
        }
    }
    Ok(ran.stdout.lines().map(str::to_owned).filter(|name| names.contains(name)).collect())
}

/// Returns the blobs that a node has, which an archive for it can leave out.
pub async fn blobs(engine: &Engine, node: &str) -> Result<HashSet<Digest>, EngineError> {
    let listed = engine.exec(node, &["ctr", "-n", NAMESPACE, "content", "ls", "-q"], Stdin::Nothing).await?;
    Ok(listed.lines().filter_map(|line| Digest::try_from(line.trim().to_owned()).ok()).collect())
}

/// Imports the images in an archive into a node, under these `names`. After a failure, [`remove`] must follow: containerd
/// records a name before it looks for the blobs, and from 2.x on succeeds even if a blob is absent. A blob can be absent
/// because the node's garbage collection deleted it after the archive was written without it.
pub async fn import(
    engine: &Engine,
    node: &str,
    names: &[String],
    archive: Arc<File>,
) -> Result<(), ImportError> {
    let failed = |source| ImportError::Failed { node: node.to_owned(), source };
    let command = ["ctr", "-n", NAMESPACE, "images", "import", "-"];
    if let Err(error) = engine.exec(node, &command, Stdin::File(archive)).await {
        return Err(failed(engine.explained(error).await));
    }
    let there = images(engine, node, names).await.map_err(failed)?;
    let names: Vec<String> = names.iter().filter(|name| !there.contains(*name)).cloned().collect();
    if names.is_empty() { Ok(()) } else { Err(ImportError::Incomplete { node: node.to_owned(), names }) }
}

/// Removes names of images from a node. Absent ones are not an error.
pub async fn remove(engine: &Engine, node: &str, names: &[String]) -> Result<(), EngineError> {
    let command = ["ctr", "-n", NAMESPACE, "images", "rm"];
    let command: Vec<&str> = command.into_iter().chain(names.iter().map(String::as_str)).collect();
    engine.exec_any(node, &command, Stdin::Nothing).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docker::recorded::{Recorded, frame};

    /// A node whose commands end with `status` and write `output`.
    async fn node(status: i64, output: Vec<u8>) -> crate::docker::recorded::RecordedEngine {
        Recorded::new()
            .answer("POST /containers/node/exec", 201, r#"{"Id":"e1"}"#)
            .answer("POST /exec/e1/start", 101, output)
            .answer("GET /exec/e1/json", 200, format!(r#"{{"Running":false,"ExitCode":{status}}}"#))
            .serve()
            .await
    }

    #[tokio::test]
    async fn successful_import_with_a_missing_blob_is_an_error() {
        let names = ["devplat.local/a@sha256:1".to_owned(), "devplat.local/b@sha256:2".to_owned()];
        let serving = node(0, frame(1, "devplat.local/a@sha256:1\n")).await;
        let archive = || Arc::new(tempfile::tempfile().unwrap());
        let error = import(serving.engine(), "node", &names, archive()).await.unwrap_err();
        assert_eq!(error.to_string(), "node node lacks blobs of devplat.local/b@sha256:2");
        import(serving.engine(), "node", &names[..1], archive()).await.unwrap();
    }

    #[tokio::test]
    async fn import_into_a_full_disk_reports_the_disk() {
        let serving = Recorded::new()
            .answer("POST /containers/node/exec", 201, r#"{"Id":"e1"}"#)
            .answer("POST /exec/e1/start", 101, frame(2, "ctr: anything at all\n"))
            .answer("GET /exec/e1/json", 200, r#"{"Running":false,"ExitCode":1}"#)
            .answer("GET /info", 200, r#"{"ID":"A","DockerRootDir":"/proc"}"#)
            .serve()
            .await;
        let names = ["devplat.local/a@sha256:1".to_owned()];
        let archive = Arc::new(tempfile::tempfile().unwrap());
        let error = import(serving.engine(), "node", &names, archive).await.unwrap_err();
        let ImportError::Failed { source: EngineError::NoSpace { .. }, .. } = &error else {
            panic!("{error:?}")
        };
        assert!(error.hint().unwrap().contains("docker system prune"), "{error}");
    }

    #[tokio::test]
    async fn image_that_cannot_be_checked_hides_no_other() {
        let serving = node(1, frame(1, "devplat.local/a\n")).await;
        let names = ["devplat.local/a".to_owned()];
        assert!(images(serving.engine(), "node", &names).await.unwrap().contains("devplat.local/a"));
        let serving = node(1, frame(2, "ctr: no containerd.sock\n")).await;
        let error = images(serving.engine(), "node", &names).await.unwrap_err();
        assert!(error.to_string().ends_with("exit status 1: ctr: no containerd.sock"), "{error}");
    }
}
