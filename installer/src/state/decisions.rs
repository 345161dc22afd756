//! The decisions of the first `up`, so that later runs decide the same and detect another engine, cluster or account.

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

/// The decisions of a platform, as `decisions.json` holds them. Older files lack newer fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Decisions {
    /// The name of the shipped profile, or the absolute path of the user's file.
    pub profile: Option<String>,
    /// The text of the user's file at that time, because the file may be gone, or may have been a pipe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profile_text: Option<String>,
    /// The values of `--set`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
    /// The values of `DEVPLAT_` variables, by the name of the variable.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, String>,
    /// The configuration file for kind or k3d that the profile names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_file: Option<RememberedFile>,
    /// The context of the cluster, if the user named one.
    pub context: Option<String>,
    /// The reference that `devServers.image: auto` was resolved to, or `debian`.
    pub dev_server_image: Option<String>,
    /// The place of the platform's cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Location>,
    /// The account of this machine that created the platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Other accounts of this machine whose platform the user has taken over, as `UID:NAME`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub taken_over: Vec<String>,
    /// The delivery of images to the nodes of an existing cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<RememberedDelivery>,
    /// Whether `devplat ssh-config` has added a block to `~/.ssh/config`.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ssh_config: bool,
    /// The user's templates by their names, because their folder may be gone.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub templates: BTreeMap<String, String>,
}

/// A file of the user's, with its text at that time, because the file may be gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RememberedFile {
    /// Its path.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// The place of a platform's cluster, with the id that distinguishes it from another one of the same name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "in")]
pub enum Location {
    /// A cluster that devplat created in a Docker engine.
    #[serde(rename_all = "camelCase")]
    Engine {
        /// The engine's own id.
        id: String,
        /// Its endpoint at that time, for messages.
        endpoint: String,
    },
    /// A cluster that the user named by a context.
    #[serde(rename_all = "camelCase")]
    Cluster {
        /// The UID of its namespace kube-system.
        uid: String,
        /// Its API server at that time, for messages.
        server: String,
    },
}

/// A delivery that was chosen by facts of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "by")]
pub enum RememberedDelivery {
    /// Imported into the nodes through the Docker engine that they run in.
    #[serde(rename_all = "camelCase")]
    EngineNodes {
        /// The label that names the cluster on its containers.
        label: String,
    },
    /// Loaded by minikube.
    Minikube {
        /// minikube's profile.
        profile: String,
    },
    /// Pushed to a registry.
    #[serde(rename_all = "camelCase")]
    Registry {
        /// Host and path to push below.
        push: String,
        /// Host and path that the nodes pull from.
        pull: String,
        /// Whether it speaks HTTP without TLS.
        plain_http: bool,
    },
}
