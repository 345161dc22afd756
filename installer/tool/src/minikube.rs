//! Runs the command minikube. devplat does not create minikube clusters; it loads images into existing ones.

use std::{path::Path, time::Duration};

use serde::Deserialize;

use crate::{Command, Surroundings, process};

/// How long listing the profiles may take.
const LIST_LIMIT: Duration = Duration::from_mins(1);
/// How long loading an archive may take: gigabytes over SSH into a virtual machine.
const LOAD_LIMIT: Duration = Duration::from_mins(30);

/// A minikube cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name, which is also the name of its context.
    pub name: String,
    /// Its driver: `docker`, `kvm2`, `none` …
    pub driver: String,
    /// Its container runtime: `docker`, `containerd`, `cri-o`; empty for minikube's own choice.
    pub container_runtime: String,
    /// Its version of Kubernetes, as in `v1.34.0`.
    pub kubernetes_version: String,
    /// How many nodes it has.
    pub nodes: usize,
    /// Whether the add-on that provides volumes on every node is enabled.
    pub volumes_on_every_node: bool,
}

/// The reason why a command of minikube's failed.
#[derive(Debug, thiserror::Error)]
pub enum MinikubeError {
    /// It could not be started, or it failed.
    #[error(transparent)]
    Tool(#[from] process::Error),
    /// Its list of profiles has an unknown format.
    #[error("cannot parse the profiles that minikube lists")]
    Malformed(#[source] serde_json::Error),
    /// The path of the archive is relative, which minikube would read as the name of an image.
    #[error("the path of archive {0:?} is not absolute; minikube reads relative paths as names of images")]
    Relative(std::path::PathBuf),
}

impl MinikubeError {
    /// The remedy, where one is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Tool(error) => error.hint(),
            Self::Malformed(_) => {
                Some("check that `minikube profile list` shows the cluster, and update minikube".to_owned())
            }
            Self::Relative(_) => None,
        }
    }
}

/// Lists the profiles whose configuration minikube can read.
pub async fn profiles(surroundings: &Surroundings) -> Result<Vec<Profile>, MinikubeError> {
    // Without -l minikube asks every cluster for its status, which takes seconds each.
    let command = Command::new("minikube", surroundings).args(["profile", "list", "-o", "json", "-l"]);
    let output = command.deadline(LIST_LIMIT).run().await?;
    parse(&output.stdout).map_err(MinikubeError::Malformed)
}

/// Loads the images in an archive into every node of a profile.
///
/// minikube may exit with 0 although a node did not get the images, so check each node afterwards.
pub async fn load(surroundings: &Surroundings, profile: &str, archive: &Path) -> Result<(), MinikubeError> {
    if !archive.is_absolute() {
        return Err(MinikubeError::Relative(archive.to_owned()));
    }
    let command = Command::new("minikube", surroundings).env_remove("MINIKUBE_PROFILE");
    let command = command.args(["image", "load"]).arg(archive).args(["-p", profile]);
    command.deadline(LOAD_LIMIT).run().await?;
    Ok(())
}

#[derive(Deserialize)]
struct RawList {
    valid: Option<Vec<RawProfile>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawProfile {
    name: String,
    config: RawConfig,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawConfig {
    #[serde(default)]
    driver: String,
    kubernetes_config: RawKubernetes,
    nodes: Option<Vec<serde_json::Value>>,
    addons: Option<std::collections::BTreeMap<String, bool>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawKubernetes {
    #[serde(default)]
    kubernetes_version: String,
    #[serde(default)]
    container_runtime: String,
}

fn parse(said: &str) -> Result<Vec<Profile>, serde_json::Error> {
    let RawList { valid } = serde_json::from_str(said)?;
    let profile = |RawProfile { name, config }: RawProfile| {
        let RawConfig { driver, kubernetes_config, nodes, addons } = config;
        let RawKubernetes { kubernetes_version, container_runtime } = kubernetes_config;
        let volumes_on_every_node =
            addons.is_some_and(|addons| addons.get("storage-provisioner-rancher") == Some(&true));
        let nodes = nodes.map_or(0, |nodes| nodes.len());
        Profile { name, driver, container_runtime, kubernetes_version, nodes, volumes_on_every_node }
    };
    Ok(valid.into_iter().flatten().map(profile).collect())
}

/// The real minikube is not available where devplat is developed. A script answers in its place, in the format of
/// minikube's source (after v1.38.1); the answers were not recorded from a running minikube.
#[cfg(test)]
mod tests {
    use super::*;
    use crate::local::fake::Fake;

    const LIST: &str = r#"{"invalid":[{"Name":"old","Status":"","Config":null,"Active":false}],"valid":[
        {"Name":"minikube","Status":"Skipped","Active":true,"ActiveKubeContext":true,"Config":{"Name":"minikube","Driver":"docker",
         "KubernetesConfig":{"KubernetesVersion":"v1.34.0","ContainerRuntime":"containerd","ClusterName":"minikube"},
         "Nodes":[{"Name":"","IP":"192.168.49.2","Port":8443,"ControlPlane":true,"Worker":true},
                  {"Name":"m02","IP":"192.168.49.3","Port":8443,"ControlPlane":false,"Worker":true}],
         "Addons":{"default-storageclass":true,"storage-provisioner-rancher":true}}}]}"#;

    #[tokio::test]
    async fn profiles_have_driver_runtime_and_nodes() {
        let fake =
            Fake::new("minikube", &format!("[ \"$*\" = 'profile list -o json -l' ] && cat <<'E'\n{LIST}\nE"))
                .await;
        let found = profiles(&fake.surroundings([])).await.unwrap();
        let wanted = Profile {
            name: "minikube".to_owned(),
            driver: "docker".to_owned(),
            container_runtime: "containerd".to_owned(),
            kubernetes_version: "v1.34.0".to_owned(),
            nodes: 2,
            volumes_on_every_node: true,
        };
        assert_eq!(found, [wanted]);
    }

    #[tokio::test]
    async fn empty_list_is_accepted_and_garbage_is_an_error() {
        let fake = Fake::new("minikube", r#"echo '{"invalid":[],"valid":null}'"#).await;
        assert!(profiles(&fake.surroundings([])).await.unwrap().is_empty());
        let fake = Fake::new("minikube", "echo 'Error: no'").await;
        let error = profiles(&fake.surroundings([])).await.unwrap_err();
        assert!(matches!(error, MinikubeError::Malformed(_)), "{error}");
    }

    #[tokio::test]
    async fn archive_is_loaded_into_the_named_profile() {
        let fake = Fake::new("minikube", "env; echo \"$*\" > \"$(dirname \"$0\")/arguments\"").await;
        let surroundings = fake.surroundings([("MINIKUBE_PROFILE", "other"), ("MINIKUBE_HOME", "/m")]);
        load(&surroundings, "minikube", Path::new("/tmp/images.tar")).await.unwrap();
        let arguments = std::fs::read_to_string(fake.folder().join("arguments")).unwrap();
        assert_eq!(arguments, "image load /tmp/images.tar -p minikube\n");
        assert!(!fake.environment().contains_key("MINIKUBE_PROFILE"));
        assert_eq!(fake.environment()["MINIKUBE_HOME"], "/m");
        let error = load(&surroundings, "minikube", Path::new("images.tar")).await.unwrap_err();
        assert!(matches!(error, MinikubeError::Relative(_)), "{error}");
    }
}
