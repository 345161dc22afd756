//! Checks a cluster before an install: that it answers, that the user has the rights, and that version and architecture
//! fit.

use std::{collections::BTreeSet, future::Future};

use futures::future::try_join_all;
use k8s_openapi::api::{
    authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
    core::v1::Node,
};
use kube::{
    Api, Client,
    api::{ListParams, PostParams},
};

use super::{
    Context, ContextError, IMAGE_ARCHITECTURE, NEWEST, OLDEST,
    liveness::{PATIENCE, slow},
};
use crate::{
    call::{Class, classify},
    pace::{Pace, stoppable},
};

/// A cluster that answers and gives the user the rights to install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReachedCluster {
    /// Its version, such as `v1.34.3`.
    pub version: String,
}

/// The resources that an install writes, with their groups. A test compares them with the rendered templates.
pub const WRITTEN: [(&str, &str); 12] = [
    ("", "namespaces"),
    ("", "configmaps"),
    ("", "serviceaccounts"),
    ("", "services"),
    ("apps", "deployments"),
    ("policy", "poddisruptionbudgets"),
    ("apiextensions.k8s.io", "customresourcedefinitions"),
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("rbac.authorization.k8s.io", "roles"),
    ("rbac.authorization.k8s.io", "rolebindings"),
    ("apps.devservers.io", "devserverflavors"),
];

/// The verbs that each of them needs: server-side apply is a patch that may create.
const VERBS: [&str; 4] = ["get", "create", "patch", "delete"];

/// Checks that the cluster of `context` meets the needs of an install.
pub async fn reach(
    client: &Client,
    context: &Context,
    pace: &dyn Pace,
) -> Result<ReachedCluster, ContextError> {
    let ask = Ask { client, context, pace };
    let version = ask.bounded(client.apiserver_version()).await?;
    if !supported(&version.major, &version.minor) {
        return Err(ContextError::Version { name: context.name.clone(), found: version.git_version });
    }
    // Most users that install are administrators; for them one review is enough.
    if !ask.allowed("*", "*", "*").await? {
        let missing = ask.missing().await?;
        if !missing.is_empty() {
            return Err(ContextError::Forbidden { name: context.name.clone(), missing });
        }
    }
    ask.architectures().await?;
    Ok(ReachedCluster { version: version.git_version })
}

struct Ask<'a> {
    client: &'a Client,
    context: &'a Context,
    pace: &'a dyn Pace,
}

impl Ask<'_> {
    /// Returns the rights that an install needs and the user does not have.
    async fn missing(&self) -> Result<Vec<String>, ContextError> {
        let mut missing = Vec::new();
        for (group, resource) in WRITTEN {
            let asked = VERBS.map(|verb| self.allowed(verb, group, resource));
            let answers = try_join_all(asked).await?;
            let denied: Vec<&str> =
                VERBS.iter().zip(answers).filter(|(_, allowed)| !allowed).map(|(verb, _)| *verb).collect();
            if !denied.is_empty() {
                missing.push(format!("{} {resource}", denied.join("/")));
            }
        }
        // The proof creates a dev server with the rights of its user.
        if !self.allowed("impersonate", "", "serviceaccounts").await? {
            missing.push("impersonate serviceaccounts".to_owned());
        }
        Ok(missing)
    }

    async fn allowed(&self, verb: &str, group: &str, resource: &str) -> Result<bool, ContextError> {
        let review = SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    verb: Some(verb.to_owned()),
                    group: Some(group.to_owned()),
                    resource: Some(resource.to_owned()),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        };
        let api: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let answer = self.bounded(api.create(&PostParams::default(), &review)).await?;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }

    /// Fails if no node can run the images. If nodes cannot be listed or do not report an architecture, it succeeds.
    async fn architectures(&self) -> Result<(), ContextError> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let found = match self.bounded(nodes.list(&ListParams::default())).await {
            Ok(nodes) => architectures(&nodes.items),
            Err(ContextError::Forbidden { .. }) => return Ok(()),
            Err(error) => return Err(error),
        };
        if found.is_empty() || found.contains(IMAGE_ARCHITECTURE) {
            return Ok(());
        }
        Err(ContextError::Architecture {
            name: self.context.name.clone(),
            found: found.into_iter().collect(),
        })
    }

    async fn bounded<T>(
        &self,
        call: impl Future<Output = Result<T, kube::Error>>,
    ) -> Result<T, ContextError> {
        let name = self.context.name.clone();
        let unreachable = |source: Box<dyn std::error::Error + Send + Sync>| ContextError::Unreachable {
            name: self.context.name.clone(),
            server: self.context.server.clone(),
            source,
        };
        let class = match stoppable(self.pace, tokio::time::timeout(PATIENCE, call)).await? {
            Err(_) => return Err(unreachable(Box::new(slow()))),
            Ok(Ok(value)) => return Ok(value),
            Ok(Err(error)) => classify(error),
        };
        Err(match class {
            Class::Unauthorized(source) => ContextError::Unauthorized { name, source },
            Class::Forbidden(answer) => ContextError::Forbidden { name, missing: vec![answer.message] },
            Class::Credentials(source) => ContextError::Credentials { name, source },
            Class::Untrusted(source) => ContextError::Untrusted { name, source },
            class => unreachable(Box::new(class)),
        })
    }
}

/// Returns the architectures of the nodes that accept pods without special tolerations.
pub(crate) fn architectures(nodes: &[Node]) -> BTreeSet<String> {
    let takes_pods = |node: &&Node| {
        let Some(spec) = &node.spec else { return true };
        // Kubernetes sets and removes its own taints, such as not-ready, so they do not exclude a node.
        let closed = |key: &str| !key.starts_with("node.kubernetes.io/");
        let tainted = spec
            .taints
            .iter()
            .flatten()
            .any(|taint| taint.effect != "PreferNoSchedule" && closed(&taint.key));
        !tainted && spec.unschedulable != Some(true)
    };
    nodes
        .iter()
        .filter(takes_pods)
        .filter_map(|node| Some(node.status.as_ref()?.node_info.as_ref()?.architecture.clone()))
        .filter(|architecture| !architecture.is_empty())
        .collect()
}

/// Returns whether the version is supported. Some cloud providers append a sign to the minor version: `33+`.
fn supported(major: &str, minor: &str) -> bool {
    let minor = minor.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<u32>();
    major == "1" && minor.is_ok_and(|minor| (OLDEST..=NEWEST).contains(&minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_nodes_that_accept_pods_have_architectures() {
        let node = |architecture: &str, taint: Option<&str>| -> Node {
            let taints: Vec<_> = taint
                .into_iter()
                .map(|key| serde_json::json!({"key": key, "effect": "NoSchedule"}))
                .collect();
            let info = serde_json::json!({
                "architecture": architecture, "bootID": "", "containerRuntimeVersion": "", "kernelVersion": "",
                "kubeProxyVersion": "", "kubeletVersion": "", "machineID": "", "operatingSystem": "",
                "osImage": "", "systemUUID": ""
            });
            serde_json::from_value(serde_json::json!({
                "spec": {"taints": taints}, "status": {"nodeInfo": info}
            }))
            .unwrap()
        };
        let found = architectures(&[
            node("arm64", None),
            node("amd64", Some("node-role.kubernetes.io/control-plane")),
            node("riscv64", Some("node.kubernetes.io/not-ready")),
        ]);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["arm64", "riscv64"]);
    }

    #[test]
    fn versions_are_supported_from_the_oldest_to_the_newest() {
        for (major, minor, fits) in [
            ("1", "30", false),
            ("1", "31", true),
            ("1", "34+", true),
            ("1", "37", true),
            ("1", "38", false),
            ("2", "34", false),
        ] {
            assert_eq!(supported(major, minor), fits, "{major}.{minor}");
        }
        assert!(!supported("1", ""));
    }
}
