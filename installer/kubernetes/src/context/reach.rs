//! Asking a cluster: does it answer, who are we to it, may we install, does its version fit.

use std::{future::Future, time::Duration};

use futures::future::try_join_all;
use http::Request;
use k8s_openapi::{
    api::{
        authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec},
        coordination::v1::Lease,
    },
    jiff::Timestamp,
};
use kube::{Api, Client, api::PostParams};

use super::{Context, ContextError};
use crate::{Error, call::untrusted};

/// Oldest minor version. Everything devplat uses is older (the youngest is CEL's `quantity()`, of 1.29): this is
/// the oldest that a cloud still sells support for.
pub const OLDEST: u32 = 31;
/// Newest minor version. What devplat uses is in API groups of version 1, which no release has ever taken away;
/// newer ones are refused because nobody has tried.
pub const NEWEST: u32 = 37;

/// How long a cluster has to answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// A cluster that answers and lets us install.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reached {
    /// Its version, such as `v1.34.3`.
    pub version: String,
}

/// What an install writes: group, resource.
const WRITTEN: [(&str, &str); 12] = [
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

/// How each of them is written: server-side apply is a patch that may create.
const VERBS: [&str; 4] = ["get", "create", "patch", "delete"];

/// Asks an API server once whether it is ready to answer, its own rules about rights included.
pub async fn answer(client: &Client) -> Result<(), Error> {
    let failed = |source| Error {
        what: "ask the API server whether it is ready".to_owned(),
        source: Box::new(source),
    };
    let question = Request::get("/readyz").body(Vec::new()).expect("a path makes a request");
    match tokio::time::timeout(PATIENCE, client.request_text(question)).await {
        Ok(answer) => answer.map(drop).map_err(failed),
        Err(elapsed) => Err(failed(kube::Error::Service(Box::new(elapsed)))),
    }
}

/// Whether the kubelet of `node` has spoken since `started`: before that, what the cluster says of pods there is from
/// before.
pub async fn kubelet_spoke(client: &Client, node: &str, started: Timestamp) -> Result<bool, Error> {
    let leases: Api<Lease> = Api::namespaced(client.clone(), "kube-node-lease");
    let lease = leases.get_opt(node).await.map_err(|source| Error {
        what: format!("read Lease kube-node-lease/{node}"),
        source: Box::new(source),
    })?;
    let renewed = lease.and_then(|lease| lease.spec?.renew_time);
    Ok(renewed.is_some_and(|renewed| renewed.0 > started))
}

/// Asks the cluster of `context` everything that an install needs to know.
pub async fn reach(client: &Client, context: &Context) -> Result<Reached, ContextError> {
    let version = bounded(context, client.apiserver_version()).await?;
    if !supported(&version.major, &version.minor) {
        return Err(ContextError::Version { name: context.name.clone(), found: version.git_version });
    }
    // Mostly it is an administrator who installs; then one question answers all.
    if !allowed(client, context, "*", "*", "*").await? {
        let missing = missing(client, context).await?;
        if !missing.is_empty() {
            return Err(ContextError::Forbidden { name: context.name.clone(), missing });
        }
    }
    Ok(Reached { version: version.git_version })
}

/// The rights that an install needs and the user has not.
async fn missing(client: &Client, context: &Context) -> Result<Vec<String>, ContextError> {
    let mut missing = Vec::new();
    for (group, resource) in WRITTEN {
        let asked = VERBS.map(|verb| allowed(client, context, verb, group, resource));
        let answers = try_join_all(asked).await?;
        let denied: Vec<&str> =
            VERBS.iter().zip(answers).filter(|(_, allowed)| !allowed).map(|(verb, _)| *verb).collect();
        if !denied.is_empty() {
            missing.push(format!("{} {resource}", denied.join("/")));
        }
    }
    // The proof makes a dev server as its user would.
    if !allowed(client, context, "impersonate", "", "serviceaccounts").await? {
        missing.push("impersonate serviceaccounts".to_owned());
    }
    Ok(missing)
}

/// Some clouds append a sign to the minor version: `33+`.
fn supported(major: &str, minor: &str) -> bool {
    let minor = minor.trim_end_matches(|c: char| !c.is_ascii_digit()).parse::<u32>();
    major == "1" && minor.is_ok_and(|minor| (OLDEST..=NEWEST).contains(&minor))
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
    let name = || context.name.clone();
    match tokio::time::timeout(PATIENCE, call).await {
        Err(_) => Err(unreachable(format!("no answer after {} s", PATIENCE.as_secs()).into())),
        Ok(Ok(value)) => Ok(value),
        Ok(Err(kube::Error::Api(status))) if status.code == 401 => {
            Err(ContextError::Unauthorized { name: name(), said: status.message })
        }
        Ok(Err(kube::Error::Api(status))) if status.code == 403 => {
            Err(ContextError::Forbidden { name: name(), missing: vec![status.message] })
        }
        Ok(Err(kube::Error::Auth(error))) => {
            Err(ContextError::Unusable { name: name(), source: Box::new(error) })
        }
        Ok(Err(error)) if untrusted(&error) => Err(ContextError::Untrusted {
            name: name(),
            server: context.server.clone(),
            source: Box::new(error),
        }),
        Ok(Err(error)) => Err(unreachable(Box::new(error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
