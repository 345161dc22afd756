//! Runs the command minikube. devplat does not create minikube clusters; it loads images into existing ones.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
    path::Path,
    time::Duration,
};

use futures::future::try_join_all;
use serde::Deserialize;

use crate::{Command, Surroundings, process};

/// How long a list of profiles or images may take.
const LIST_LIMIT: Duration = Duration::from_mins(1);
/// How long loading an archive may take: gigabytes over SSH into a virtual machine.
const LOAD_LIMIT: Duration = Duration::from_mins(30);
/// Lists the images of a node as JSON. Warnings are dropped, because minikube merges both outputs of the node.
const LIST_OF_A_NODE: &str = "sudo crictl images --output json 2>/dev/null";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MinikubeCluster {
    /// Its name, which is also the name of its context.
    pub name: String,
    /// Its driver: `docker`, `kvm2`, `none` …
    pub driver: String,
    /// Its container runtime: `docker`, `containerd`, `cri-o`; empty for minikube's own choice.
    pub container_runtime: String,
    /// Its version of Kubernetes, as in `v1.34.0`.
    pub kubernetes_version: String,
    /// The names of its nodes, as in Kubernetes.
    pub nodes: Vec<String>,
    /// The addresses of its API server in the network of its nodes.
    pub api_servers: Vec<SocketAddr>,
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
    /// It has no profile of this name.
    #[error("minikube has no profile {0} here")]
    NoProfile(String),
    /// A list of images has an unknown format.
    #[error("cannot parse the images that minikube lists of node {node}")]
    Images {
        node: String,
        /// The parser's error.
        source: serde_json::Error,
    },
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
            Self::NoProfile(_) => {
                Some("run devplat as the account, and on the machine, that created the cluster".to_owned())
            }
            Self::Images { .. } => {
                Some("check that `minikube image ls` lists images, and update minikube".to_owned())
            }
            Self::Relative(_) => None,
        }
    }
}

/// Lists the profiles whose configuration minikube can read.
pub async fn profiles(surroundings: &Surroundings) -> Result<Vec<MinikubeCluster>, MinikubeError> {
    // Without -l minikube asks every cluster for its status, which takes seconds each.
    let command = look(surroundings).args(["profile", "list", "-o", "json", "-l"]);
    let output = command.deadline(LIST_LIMIT).run().await?;
    parse(&output.stdout).map_err(MinikubeError::Malformed)
}

/// Returns the names of the images in each node of a profile, by the name of the node.
///
/// The API server reports only the largest images of a node (the kubelet's `nodeStatusMaxImages`), so it cannot show
/// that a small image is there. A stopped node has an empty list, or the command fails.
pub async fn images(
    surroundings: &Surroundings,
    profile: &str,
) -> Result<BTreeMap<String, BTreeSet<String>>, MinikubeError> {
    let found = profiles(surroundings).await?.into_iter().find(|one| one.name == profile);
    let Some(MinikubeCluster { nodes, .. }) = found else {
        return Err(MinikubeError::NoProfile(profile.to_owned()));
    };
    // `image ls` merges the lists of all nodes, so it shows only a single node. It also works with driver none, whose
    // node has no SSH.
    if nodes.len() < 2 {
        let command = look(surroundings).args(["image", "ls", "--format", "json", "-p", profile]);
        let output = command.deadline(LIST_LIMIT).run().await?;
        let images = serde_json::from_str(&output.stdout);
        return Ok(BTreeMap::from([(profile.to_owned(), names(profile, images)?)]));
    }
    let lists = nodes.iter().map(|node| async move {
        let command = look(surroundings).args(["ssh", "-p", profile, "-n", node, "--", LIST_OF_A_NODE]);
        let output = command.deadline(LIST_LIMIT).run().await?;
        let images = serde_json::from_str(&output.stdout).map(|RawImages { images }| images);
        Ok::<_, MinikubeError>((node.clone(), names(node, images)?))
    });
    Ok(try_join_all(lists).await?.into_iter().collect())
}

/// Loads the images in an archive into every node of a profile.
///
/// minikube exits with 0 even if a node did not get the images; [`images`] shows that.
pub async fn load(surroundings: &Surroundings, profile: &str, archive: &Path) -> Result<(), MinikubeError> {
    if !archive.is_absolute() {
        return Err(MinikubeError::Relative(archive.to_owned()));
    }
    let command = minikube(surroundings).args(["image", "load"]).arg(archive).args(["-p", profile]);
    command.deadline(LOAD_LIMIT).run().await?;
    Ok(())
}

fn minikube(surroundings: &Surroundings) -> Command {
    Command::new("minikube", surroundings).env_remove("MINIKUBE_PROFILE")
}

/// Returns a command that reads, and so leaves the user's folder as it is.
///
/// minikube adds each command to `logs/audit.json` in that folder, unless its flag `--skip-audit` is set, which viper also
/// reads from `MINIKUBE_SKIP_AUDIT`: `setupViper` in cmd/minikube/cmd/root.go and `shouldLog` in
/// pkg/minikube/audit/audit.go of minikube's source, since v1.30 (pull request 15872). Older versions ignore the variable.
fn look(surroundings: &Surroundings) -> Command {
    minikube(surroundings).env("MINIKUBE_SKIP_AUDIT", "true")
}

/// An image as both `minikube image ls` and `crictl images` list it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawImage {
    repo_tags: Option<Vec<String>>,
    repo_digests: Option<Vec<String>>,
}

/// The list of `crictl images`; that of `minikube image ls` is an array.
#[derive(Deserialize)]
struct RawImages {
    images: Vec<RawImage>,
}

fn names(
    node: &str,
    images: Result<Vec<RawImage>, serde_json::Error>,
) -> Result<BTreeSet<String>, MinikubeError> {
    let images = images.map_err(|source| MinikubeError::Images { node: node.to_owned(), source })?;
    let all = images.into_iter().flat_map(|image| [image.repo_tags, image.repo_digests]);
    Ok(all.flatten().flatten().collect())
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
    #[serde(default, rename = "APIServerPort")]
    api_server_port: u16,
    kubernetes_config: RawKubernetes,
    nodes: Option<Vec<RawNode>>,
    addons: Option<BTreeMap<String, bool>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawNode {
    /// Empty for the first node.
    #[serde(default)]
    name: String,
    /// Empty before its first start.
    #[serde(default, rename = "IP")]
    ip: String,
    #[serde(default)]
    port: u16,
    #[serde(default)]
    control_plane: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawKubernetes {
    #[serde(default)]
    kubernetes_version: String,
    #[serde(default)]
    container_runtime: String,
    /// The address that several nodes with an API server share; empty for one.
    #[serde(default, rename = "APIServerHAVIP")]
    shared_ip: String,
}

fn parse(said: &str) -> Result<Vec<MinikubeCluster>, serde_json::Error> {
    let RawList { valid } = serde_json::from_str(said)?;
    let profile = |RawProfile { name, config }: RawProfile| {
        let RawConfig { driver, api_server_port, kubernetes_config, nodes, addons } = config;
        let RawKubernetes { kubernetes_version, container_runtime, shared_ip } = kubernetes_config;
        let volumes_on_every_node =
            addons.is_some_and(|addons| addons.get("storage-provisioner-rancher") == Some(&true));
        let nodes = nodes.unwrap_or_default();
        let alone = nodes.len() == 1;
        let own = nodes.iter().filter(|node| node.control_plane).map(|node| (node.ip.as_str(), node.port));
        let all = own.chain([(shared_ip.as_str(), api_server_port)]);
        let api_servers =
            all.filter_map(|(ip, port)| Some(SocketAddr::new(ip.parse::<IpAddr>().ok()?, port))).collect();
        let named = |RawNode { name: node, ip: _, port: _, control_plane: _ }: RawNode| {
            if alone || node.is_empty() { name.clone() } else { format!("{name}-{node}") }
        };
        let nodes = nodes.into_iter().map(named).collect();
        MinikubeCluster {
            name,
            driver,
            container_runtime,
            kubernetes_version,
            nodes,
            api_servers,
            volumes_on_every_node,
        }
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
        let wanted = MinikubeCluster {
            name: "minikube".to_owned(),
            driver: "docker".to_owned(),
            container_runtime: "containerd".to_owned(),
            kubernetes_version: "v1.34.0".to_owned(),
            nodes: vec!["minikube".to_owned(), "minikube-m02".to_owned()],
            api_servers: vec!["192.168.49.2:8443".parse().unwrap()],
            volumes_on_every_node: true,
        };
        assert_eq!(found, [wanted]);
    }

    #[tokio::test]
    async fn looks_are_not_in_the_audit_log() {
        let script = r#"[ "$MINIKUBE_SKIP_AUDIT" = true ] || exit 1
        case "$1" in
            profile) echo "$PROFILES" ;;
            image) echo '[]' ;;
            ssh) echo '{"images":[]}' ;;
        esac"#;
        let fake = Fake::new("minikube", script).await;
        let one = r#"{"valid":[{"Name":"minikube","Config":{"KubernetesConfig":{},"Nodes":[{"Name":""}]}}]}"#;
        for (profiles, nodes) in [(one, 1), (LIST, 2)] {
            let found = images(&fake.surroundings([("PROFILES", profiles)]), "minikube").await.unwrap();
            assert_eq!(found.len(), nodes);
        }
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
    async fn images_of_a_single_node_have_their_tags_and_digests() {
        let script = r#"case "$*" in
            'profile list -o json -l') echo '{"valid":[{"Name":"lab","Config":{"KubernetesConfig":{},"Nodes":[{"Name":"m01"}]}}]}' ;;
            'image ls --format json -p lab')
                echo '[{"id":"1","repoDigests":[],"repoTags":["a:1"],"size":"9"},{"id":"2","repoDigests":["b@sha256:2"],"repoTags":null,"size":"9"}]' ;;
            *) exit 1 ;;
        esac"#;
        let fake = Fake::new("minikube", script).await;
        let found = images(&fake.surroundings([]), "lab").await.unwrap();
        let names = ["a:1", "b@sha256:2"].map(str::to_owned);
        assert_eq!(found, BTreeMap::from([("lab".to_owned(), BTreeSet::from(names))]));
        let error = images(&fake.surroundings([]), "other").await.unwrap_err();
        assert_eq!(error.to_string(), "minikube has no profile other here");
    }

    /// minikube's own list merges those of all nodes.
    #[tokio::test]
    async fn images_of_several_nodes_are_listed_in_each() {
        let script = r#"case "$*" in
            'ssh -p minikube -n minikube -- sudo crictl images '*)
                printf '{"images":[{"id":"1","repoTags":["a:1"]}]}\r\n' ;;
            'ssh -p minikube -n minikube-m02 -- sudo crictl images '*) echo "$ANSWER" ;;
            'profile list -o json -l') cat <<'E'
"#;
        let fake = Fake::new("minikube", &format!("{script}{LIST}\nE\n;; *) exit 1 ;; esac")).await;
        let found = images(&fake.surroundings([("ANSWER", r#"{"images":[]}"#)]), "minikube").await.unwrap();
        assert_eq!(found["minikube"], BTreeSet::from(["a:1".to_owned()]));
        assert!(found["minikube-m02"].is_empty(), "{found:?}");
        let error = images(&fake.surroundings([("ANSWER", "no crictl")]), "minikube").await.unwrap_err();
        assert!(error.to_string().ends_with("of node minikube-m02"), "{error}");
    }

    #[tokio::test]
    async fn archive_is_loaded_into_the_named_profile() {
        let fake = Fake::new("minikube", "env; echo \"$*\" > \"$(dirname \"$0\")/arguments\"").await;
        let surroundings = fake.surroundings([("MINIKUBE_PROFILE", "other"), ("MINIKUBE_HOME", "/m")]);
        load(&surroundings, "minikube", Path::new("/tmp/images.tar")).await.unwrap();
        let arguments = std::fs::read_to_string(fake.folder().join("arguments")).unwrap();
        assert_eq!(arguments, "image load /tmp/images.tar -p minikube\n");
        assert!(!fake.environment().contains_key("MINIKUBE_PROFILE"));
        assert!(!fake.environment().contains_key("MINIKUBE_SKIP_AUDIT"), "it changes the cluster");
        assert_eq!(fake.environment()["MINIKUBE_HOME"], "/m");
        let error = load(&surroundings, "minikube", Path::new("images.tar")).await.unwrap_err();
        assert!(matches!(error, MinikubeError::Relative(_)), "{error}");
    }
}
