//! Asking a cluster: does it answer, who are we to it, may we install, does its version fit.

use std::{future::Future, time::Duration};

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::{Api, Client, api::PostParams};

use super::{Context, ContextError};

/// Oldest minor version: the oldest with a year of patches left when this was written, and the first whose CEL has
/// `quantity()` and list maps as the CRDs use them.
pub const OLDEST: u32 = 31;
/// Newest minor version that the API types here know of.
pub const NEWEST: u32 = 36;

/// How long a cluster has to answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// A cluster that answers and lets us install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Its version, such as `v1.34.3`.
    pub version: String,
}

/// What an install writes, one right for each.
const NEEDED: [(&str, &str, &str); 6] = [
    ("create", "", "namespaces"),
    ("create", "apiextensions.k8s.io", "customresourcedefinitions"),
    ("create", "rbac.authorization.k8s.io", "clusterroles"),
    ("create", "rbac.authorization.k8s.io", "clusterrolebindings"),
    ("create", "apps", "deployments"),
    ("delete", "", "namespaces"),
];

/// Asks the cluster of `context` everything that an install needs to know.
pub async fn reach(client: &Client, context: &Context) -> Result<Reached, ContextError> {
    let version = bounded(context, client.apiserver_version()).await?;
    let minor: u32 = version.minor.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().unwrap_or(0);
    if version.major != "1" || !(OLDEST..=NEWEST).contains(&minor) {
        return Err(ContextError::Version { name: context.name.clone(), found: version.git_version });
    }
    let mut missing = Vec::new();
    for (verb, group, resource) in NEEDED {
        if !allowed(client, context, verb, group, resource).await? {
            missing.push(format!("{verb} {resource}"));
        }
    }
    if missing.is_empty() {
        Ok(Reached { version: version.git_version })
    } else {
        Err(ContextError::Forbidden { name: context.name.clone(), missing })
    }
}

async fn allowed(
    client: &Client,
    context: &Context,
    verb: &str,
    group: &str,
    resource: &str,
) -> Result<bool, ContextError> {
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
    let api: Api<SelfSubjectAccessReview> = Api::all(client.clone());
    let answer = bounded(context, api.create(&PostParams::default(), &review)).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

async fn bounded<T>(
    context: &Context,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, ContextError> {
    let unreachable = |source: Box<dyn std::error::Error + Send + Sync>| ContextError::Unreachable {
        name: context.name.clone(),
        server: context.server.clone(),
        source,
    };
    match tokio::time::timeout(PATIENCE, call).await {
        Err(elapsed) => Err(unreachable(Box::new(elapsed))),
        Ok(Ok(value)) => Ok(value),
        Ok(Err(kube::Error::Api(status))) if status.code == 401 => {
            Err(ContextError::Unauthorized { name: context.name.clone(), said: status.message })
        }
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
            Err(ContextError::Forbidden { name: context.name.clone(), missing: vec![status.message] })
        }
        Ok(Err(kube::Error::Auth(error))) => {
            Err(ContextError::Unusable { name: context.name.clone(), source: Box::new(error) })
        }
        Ok(Err(error)) => Err(unreachable(Box::new(error))),
    }
}
