//! minikube, through its command. devplat makes no such cluster; it brings images into one that is there.

use std::{path::Path, time::Duration};

use serde::Deserialize;

use crate::{Command, Surroundings, process};

/// How long the list of profiles may take.
const LIST_LIMIT: Duration = Duration::from_mins(1);
/// How long an archive may take on its way into the nodes: gigabytes over SSH into a virtual machine.
const LOAD_LIMIT: Duration = Duration::from_mins(30);

/// A cluster of minikube's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// Its name, which is also that of its context.
    pub name: String,
    /// Its driver: `docker`, `kvm2`, `none` …
    pub driver: String,
    /// Its container runtime: `docker`, `containerd`, `cri-o`; empty for minikube's own choice.
    pub container_runtime: String,
    /// Its version of Kubernetes, as in `v1.34.0`.
    pub kubernetes_version: String,
    /// How many nodes it has.
    pub nodes: usize,
    /// Whether the add-on is on that gives volumes to pods on every node.
    pub volumes_on_every_node: bool,
}

/// Why minikube did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum MinikubeError {
    /// It did not run, or it failed.
    #[error(transparent)]
    Tool(#[from] process::Error),
    /// Its list of profiles is not what it writes.
    #[error("cannot understand the profiles that minikube lists")]
    Malformed(#[source] serde_json::Error),
    /// The archive is named by a path that minikube takes for the name of an image.
    #[error("archive {0:?} has to be named by its absolute path: minikube takes other names for images")]
    Relative(std::path::PathBuf),
}

impl MinikubeError {
    /// The remedy, where one is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Tool(error) => error.hint(),
            Self::Malformed(_) => {
                Some("`minikube profile list` should show the cluster; is minikube recent?".to_owned())
            }
            Self::Relative(_) => None,
        }
    }
}

/// The profiles of minikube whose configuration it can read.
pub async fn profiles(surroundings: &Surroundings) -> Result<Vec<Profile>, MinikubeError> {
    // Without -l it asks every cluster for its status, for seconds each.
    let command = Command::new("minikube", surroundings).args(["profile", "list", "-o", "json", "-l"]);
    let output = command.deadline(LIST_LIMIT).run().await?;
    parse(&output.stdout).map_err(MinikubeError::Malformed)
}

/// Brings the images in an archive into every node of a profile.
///
/// minikube has exited with 0 where a node did not get them, so look in each node afterwards.
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

/// The real minikube cannot be had where devplat is developed. A script answers here, in the format of
/// minikube's source (after v1.38.1); it was not recorded from a running one.
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
    async fn profiles_come_with_driver_runtime_and_nodes() {
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
    async fn empty_list_is_not_an_error_and_nonsense_is() {
        let fake = Fake::new("minikube", r#"echo '{"invalid":[],"valid":null}'"#).await;
        assert!(profiles(&fake.surroundings([])).await.unwrap().is_empty());
        let fake = Fake::new("minikube", "echo 'Error: no'").await;
        let error = profiles(&fake.surroundings([])).await.unwrap_err();
        assert!(matches!(error, MinikubeError::Malformed(_)), "{error}");
    }

    #[tokio::test]
    async fn archive_goes_into_the_profile_that_is_named() {
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
