//! The permitted dependencies of each crate.

use std::collections::BTreeSet;

use crate::manifest::Manifest;

/// A rule for the dependencies of a crate.
pub(crate) struct Dependencies {
    pub(crate) folder: &'static str,
    pub(crate) name: &'static str,
    /// Crates of this workspace that it may depend on.
    pub(crate) ours: &'static [&'static str],
    /// If given, the only other crates that it may depend on.
    pub(crate) only: Option<&'static [&'static str]>,
    /// Other crates that it may not depend on.
    pub(crate) never: &'static [&'static str],
}

/// The fake of AWS, which only tests use.
pub(crate) const FAKE_AWS: &str = "devplat-fake-aws";

const CLIENTS: &[&str] = &["kube", "tokio", "hyper", "reqwest", "oci-client", "russh", "bollard"];
const CLIENTS_WITHOUT_KUBE: &[&str] = &["tokio", "hyper", "reqwest", "oci-client", "russh", "bollard"];

/// Every crate of the workspace.
pub(crate) const CRATES: &[Dependencies] = &[
    Dependencies {
        folder: "installer/plan",
        name: "devplat-plan",
        ours: &[],
        only: Some(&["serde", "thiserror"]),
        never: &[],
    },
    Dependencies {
        folder: "installer/tool",
        name: "devplat-tool",
        ours: &["devplat-image"],
        only: None,
        never: &["kube", "clap"],
    },
    Dependencies {
        folder: "installer/aws",
        name: "devplat-aws",
        ours: &[],
        only: None,
        never: &["kube", "clap", "oci-client", "bollard", "russh"],
    },
    Dependencies {
        folder: "installer/profile",
        name: "devplat-profile",
        ours: &["devplat-api", "devplat-keys"],
        only: None,
        never: CLIENTS,
    },
    Dependencies {
        folder: "installer/render",
        name: "devplat-render",
        ours: &["devplat-api", "devplat-profile"],
        only: None,
        never: CLIENTS_WITHOUT_KUBE,
    },
    Dependencies { folder: "installer/image", name: "devplat-image", ours: &[], only: None, never: CLIENTS },
    Dependencies {
        folder: "installer/kubernetes",
        name: "devplat-kubernetes",
        ours: &["devplat-api", "devplat-connect", "devplat-keys", "devplat-transport"],
        only: None,
        never: &["clap", "oci-client", "bollard"],
    },
    Dependencies { folder: "connect", name: "devplat-connect", ours: &[], only: None, never: &["clap"] },
    Dependencies {
        folder: "installer",
        name: "devplat",
        ours: &[
            "devplat-api",
            "devplat-aws",
            "devplat-image",
            "devplat-keys",
            "devplat-kubernetes",
            "devplat-plan",
            "devplat-profile",
            "devplat-render",
            "devplat-tool",
        ],
        only: None,
        never: &["axum"],
    },
    Dependencies {
        folder: "operator/api",
        name: "devplat-api",
        ours: &[],
        only: None,
        never: CLIENTS_WITHOUT_KUBE,
    },
    Dependencies {
        folder: "operator",
        name: "devplat-operator",
        ours: &["devplat-api", "devplat-keys"],
        only: None,
        never: &["russh", "oci-client", "bollard"],
    },
    Dependencies { folder: "bastion/keys", name: "devplat-keys", ours: &[], only: None, never: CLIENTS },
    Dependencies {
        folder: "bastion/transport",
        name: "devplat-transport",
        ours: &[],
        only: Some(&["russh", "tokio"]),
        never: &[],
    },
    Dependencies {
        folder: "bastion/agent",
        name: "devplat-agent",
        ours: &["devplat-keys", "devplat-transport"],
        only: None,
        // The agent is in every dev server's pod and never talks to the cluster.
        never: &["kube", "k8s-openapi"],
    },
    Dependencies {
        folder: "bastion",
        name: "devplat-bastion",
        ours: &["devplat-api", "devplat-keys", "devplat-transport"],
        only: None,
        never: &["oci-client", "bollard", "handlebars"],
    },
    Dependencies {
        folder: "cli",
        name: "devctl",
        ours: &["devplat-api", "devplat-connect"],
        only: None,
        never: &["russh", "oci-client", "bollard", "handlebars"],
    },
    Dependencies {
        folder: "tests",
        name: "devplat-tests",
        ours: &["devctl", "devplat-api", FAKE_AWS],
        only: None,
        never: &[],
    },
    Dependencies {
        folder: "tests/fake-aws",
        name: FAKE_AWS,
        ours: &[],
        only: None,
        // The fake compares what the SDK sends with AWS's models, so it cannot be made of the SDK.
        never: &["kube", "reqwest", "aws-config", "aws-sdk-ec2", "aws-sdk-sts"],
    },
];

/// The crates of the AWS SDK begin with this. Only [`AWS_CRATE`] may depend on them.
const SDK: &str = "aws-";
const AWS_CRATE: &str = "devplat-aws";

impl Dependencies {
    /// The dependencies against the rule, as lines of text. `ours` has the names of all crates of the workspace.
    pub(crate) fn wrong(&self, manifest: &Manifest, ours: &BTreeSet<&str>) -> Vec<String> {
        let permitted = |name: &str| {
            if ours.contains(name) {
                self.ours.contains(&name)
            } else if name.starts_with(SDK) {
                self.name == AWS_CRATE
            } else {
                self.only.is_none_or(|only| only.contains(&name)) && !self.never.contains(&name)
            }
        };
        let wrong = manifest.dependencies.iter().filter(|name| !permitted(name));
        wrong.map(|name| format!("{}/Cargo.toml: {name}", self.folder)).collect()
    }
}
